//! rten, on an ONNX model loaded with its weights packed beforehand.

use std::sync::Arc;

use rten::{ModelOptions, RunOptions, ThreadPool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use super::{Prepared, fresh};
use crate::layer::Case;
use crate::onnx;

pub fn prepare(case: &Case, threads: usize) -> Prepared {
    let model = ModelOptions::with_all_ops().prepack_weights(true).load(onnx::model(case))?;
    let input = NdTensor::from_data(case.layer.input_shape(), case.input.clone());
    let mut options = RunOptions::default();
    options.thread_pool = Some(Arc::new(ThreadPool::with_num_threads(threads)));
    let compute = move || model.run_one(input.view().into(), Some(options.clone()));
    compute()?;
    Ok(fresh(
        move || compute().expect("it has run before"),
        |map| Tensor::<f32>::try_from(map).expect("the result is of f32").to_vec(),
    ))
}
