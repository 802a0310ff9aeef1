//! The Rust part of the Python package: layers of the crate over arrays of NumPy, each function for a whole family of Python's. Names,
//! defaults and docs are in `package/featuremap`.

mod arguments;
mod array;
mod element;
mod error;
mod kind;
mod layer;
mod make;
mod median;
mod onnx;
mod plan;
mod threads;
mod weights;
mod window;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    threads::from_environment()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<layer::Layer>()?;
    module.add_class::<plan::Plan>()?;
    module.add_class::<weights::Weights>()?;
    module.add_class::<window::Geometry>()?;
    module.add_class::<onnx::Model>()?;
    module.add_class::<onnx::Network>()?;
    macro_rules! functions {
        ($($name:path,)*) => {$( module.add_function(wrap_pyfunction!($name, module)?)?; )*};
    }
    functions! {
        make::pool, make::global_pool, make::adaptive_pool, make::pad, make::upsample, make::activation, make::softmax,
        make::flatten, make::local_response_norm, make::conv, make::conv_transpose, make::linear, make::batch_norm,
        make::prelu, make::sequential, make::residual, make::concat, make::gate, layer::max_unpool,
        threads::get_num_threads, threads::set_num_threads, threads::after_fork,
    }
    Ok(())
}
