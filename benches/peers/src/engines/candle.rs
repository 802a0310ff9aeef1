//! candle, on its CPU backend. It prepares nothing, and its pools know no padding: maps are padded first, by other
//! operations of candle, as its users must.

use candle_core::{Device, Result, Tensor};

use super::{Prepared, fresh};
use crate::layer::{Case, Layer, Op};

pub fn prepare(case: &Case) -> Prepared {
    let input = Tensor::from_slice(&case.input, &case.layer.input_shape(), &Device::Cpu)?;
    let compute: Box<dyn Fn() -> Result<Tensor>> = match case.layer.convolves() {
        true => convolution(case, input)?,
        false => pool(&case.layer, input),
    };
    compute()?;
    Ok(fresh(
        move || compute().expect("it has run before"),
        |map| map.flatten_all().and_then(|map| map.to_vec1()).expect("the result is of f32"),
    ))
}

fn convolution(case: &Case, input: Tensor) -> Result<Box<dyn Fn() -> Result<Tensor>>> {
    let layer = case.layer.clone();
    let filters = Tensor::from_slice(&case.filters, &layer.filter_shape(), &Device::Cpu)?;
    let bias = Tensor::from_slice(&case.bias, (1, layer.filters, 1, 1), &Device::Cpu)?;
    Ok(Box::new(move || {
        let map = input.conv2d(&filters, layer.padding, layer.stride, layer.dilation, layer.groups)?;
        let map = map.broadcast_add(&bias)?;
        match layer.op {
            Op::Block => map.relu()?.max_pool2d(2),
            _ => Ok(map),
        }
    }))
}

fn pool(layer: &Layer, input: Tensor) -> Box<dyn Fn() -> Result<Tensor>> {
    let &Layer { op, size, stride, padding, .. } = layer;
    Box::new(move || match op {
        // A pixel repeated beyond the border changes no maximum, for the window reaches the border too.
        Op::Max => {
            let padded = input.pad_with_same(2, padding, padding)?.pad_with_same(3, padding, padding)?;
            padded.max_pool2d_with_stride(size, stride)
        }
        Op::Average => {
            let padded = input.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
            padded.avg_pool2d_with_stride(size, stride)
        }
        #[expect(clippy::cast_precision_loss, reason = "windows are small")]
        Op::L2 => (input.sqr()?.avg_pool2d_with_stride(size, stride)? * (size * size) as f64)?.sqrt(),
        Op::GlobalAverage => input.mean((2, 3)),
        Op::GlobalMax => input.flatten_from(2)?.max(2),
        Op::Relu => input.relu(),
        Op::Conv | Op::Block | Op::Network => unreachable!("it is no pool"),
    })
}
