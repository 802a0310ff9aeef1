//! tract, on an ONNX model that it has optimised beforehand.

use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

use super::{Prepared, fresh};
use crate::layer::Case;
use crate::onnx;

pub fn prepare(case: &Case, threads: usize) -> Prepared {
    if threads > 1 {
        set_default_executor(Executor::multithread(threads));
    }
    let model = tract_onnx::onnx().model_for_read(&mut onnx::model(case).as_slice())?;
    let mut state = model.into_optimized()?.into_runnable()?.spawn()?;
    let input = Tensor::from_shape(&case.layer.input_shape(), &case.input)?.into_tvalue();
    let mut compute = move || state.run(tvec!(input.clone()));
    compute()?;
    Ok(fresh(
        move || compute().expect("it has run before"),
        |maps| maps[0].to_plain_array_view::<f32>().expect("the result is of f32").iter().copied().collect(),
    ))
}
