//! The cases of ONNX.

use featuremap::{
    Average, Conv, ConvTranspose, Element, GlobalPool, Lp, Max, MaxUnpool, Module, Padding, Pool, Reduction, Relu,
    Tensor,
};
use num_traits::ToPrimitive;

use super::case::{Case, Outcome, Stored};
use super::compare::{close, equal};

pub(crate) fn run(case: &Case) -> Outcome {
    if case.operator() == "Relu" {
        // The only operator that takes any rank.
        return check(case, "output", &Relu.forward(&case.tensor::<f32>("in_X")?)?);
    }
    let rank = case.size("/spatial_rank")?;
    match (case.operator(), case.text("/dtype")?) {
        ("Conv", "float32") => by_rank!(rank, conv(case)),
        ("ConvTranspose", "float32") => by_rank!(rank, conv_transpose(case)),
        ("ConvInteger", "uint8") => by_rank!(rank, conv_integer(case)),
        ("MaxPool", "float32") => by_rank!(rank, max_pool::<f32>(case)),
        ("MaxPool", "uint8") => by_rank!(rank, max_pool::<u8>(case)),
        ("AveragePool", "float32") => by_rank!(rank, average_pool(case)),
        ("LpPool", "float32") => by_rank!(rank, lp_pool(case)),
        ("GlobalAveragePool", "float32") => by_rank!(rank, global_pool(case, Average::default())),
        ("GlobalMaxPool", "float32") => by_rank!(rank, global_pool(case, Max)),
        ("MaxUnpool", "float32") => by_rank!(rank, max_unpool(case)),
        (operator, dtype) => Err(format!("no module for {operator} of {dtype}").into()),
    }
}

/// Compares an output with the one expected: floats within the tolerance that the case gives, integers exactly.
fn check<T: Element + ToPrimitive + Stored>(case: &Case, what: &str, found: &Tensor<T>) -> Outcome {
    let is_integer = T::LOWEST.is_finite();
    let (absolute, relative) = match is_integer {
        true => (0.0, 0.0),
        false => (case.number("/atol")?, case.number("/rtol")?),
    };
    let expected = case.tensor(&format!("out_{}", case.text("/outputs/0/name")?))?;
    close(what, found, &expected, |expected| absolute + relative * expected.abs())
}

/// All ways to say the padding of a case, each with a name for its output.
fn paddings<const N: usize>(case: &Case) -> Outcome<Vec<(&'static str, Padding<N>)>> {
    let mut paddings = vec![("output", Padding::Explicit(case.sides("/padding")?))];
    match case.text("/attributes/auto_pad")? {
        "NOTSET" => {}
        "SAME_UPPER" => paddings.push(("output of Padding::Same", Padding::Same)),
        "SAME_LOWER" => paddings.push(("output of Padding::SameLower", Padding::SameLower)),
        other => return Err(format!("no padding {other}").into()),
    }
    Ok(paddings)
}

fn conv<const N: usize>(case: &Case) -> Outcome {
    for (what, padding) in paddings::<N>(case)? {
        let mut conv = Conv::<f32, N>::new(case.tensor("in_W")?)
            .stride(case.sizes("/attributes/strides")?)
            .dilation(case.sizes("/attributes/dilations")?)
            .padding(padding)
            .groups(case.size("/attributes/group")?);
        if let Some(bias) = case.optional::<f32>("in_B")? {
            conv = conv.bias(bias);
        }
        check(case, what, &conv.forward(&case.tensor("in_X")?)?)?;
    }
    Ok(())
}

/// Where a case gives the size of the output, it is in `pads_begin`, `pads_end` and `output_padding`.
fn conv_transpose<const N: usize>(case: &Case) -> Outcome {
    for (what, padding) in paddings::<N>(case)? {
        let mut conv = ConvTranspose::<f32, N>::new(case.tensor("in_W")?)
            .stride(case.sizes("/attributes/strides")?)
            .dilation(case.sizes("/attributes/dilations")?)
            .padding(padding)
            .output_padding(case.sizes("/padding/output_padding")?)
            .groups(case.size("/attributes/group")?);
        if let Some(bias) = case.optional::<f32>("in_B")? {
            conv = conv.bias(bias);
        }
        check(case, what, &conv.forward(&case.tensor("in_X")?)?)?;
    }
    Ok(())
}

/// By definition the operator is an exact convolution of what is left when the zero points have been subtracted;
/// padding is the zero point, which leaves zero. So the subtraction is all that is done here, and the rest is `Conv`
/// over `i32`.
fn conv_integer<const N: usize>(case: &Case) -> Outcome {
    let filters = without_zero_point(case, "in_w", "in_w_zero_point")?;
    let input = without_zero_point(case, "in_x", "in_x_zero_point")?;
    for (what, padding) in paddings::<N>(case)? {
        let conv = Conv::<i32, N>::new(&filters)
            .stride(case.sizes("/attributes/strides")?)
            .dilation(case.sizes("/attributes/dilations")?)
            .padding(padding)
            .groups(case.size("/attributes/group")?);
        check(case, what, &conv.forward(&input)?)?;
    }
    Ok(())
}

/// Bytes less their zero point, which is one for all or one for each index of the outermost axis.
fn without_zero_point(case: &Case, key: &str, zero_key: &str) -> Outcome<Tensor<i32>> {
    let mut array = case.tensor::<u8>(key)?.map(|&byte| i32::from(byte)).into_array();
    if let Some(zero) = case.optional::<u8>(zero_key)? {
        let mut shape = vec![1; array.ndim()];
        shape[0] = zero.len();
        array -= zero.map(|&byte| i32::from(byte)).reshape(&shape)?.as_array();
    }
    Ok(array.into())
}

/// The pooling of a case with every padding, each with a name for its output.
fn pools<const N: usize, R: Copy>(case: &Case, reduction: R) -> Outcome<Vec<(&'static str, Pool<R, N>)>> {
    let pool = Pool::with(reduction, case.sizes("/attributes/kernel_shape")?)
        .stride(case.sizes("/attributes/strides")?)
        .dilation(case.sizes("/attributes/dilations")?)
        .ceil_mode(case.flag("/attributes/ceil_mode")?);
    Ok(paddings(case)?.into_iter().map(|(what, padding)| (what, pool.padding(padding))).collect())
}

fn average_pool<const N: usize>(case: &Case) -> Outcome {
    let count_include_pad = case.flag("/attributes/count_include_pad")?;
    for (what, pool) in pools::<N, _>(case, Average::default())? {
        let pool = pool.count_include_pad(count_include_pad);
        check(case, what, &pool.forward(&case.tensor::<f32>("in_X")?)?)?;
    }
    Ok(())
}

fn lp_pool<const N: usize>(case: &Case) -> Outcome {
    for (what, pool) in pools::<N, _>(case, Lp(case.number("/attributes/p")?))? {
        check(case, what, &pool.forward(&case.tensor::<f32>("in_X")?)?)?;
    }
    Ok(())
}

fn max_pool<const N: usize, T: Element + ToPrimitive + Stored>(case: &Case) -> Outcome {
    let input: Tensor<T> = case.tensor("in_X")?;
    for (what, pool) in pools::<N, _>(case, Max)? {
        check(case, what, &pool.forward(&input)?)?;
        let Some(expected) = case.optional::<i64>("out_Indices")? else { continue };
        let (values, indices) = pool.forward_with_indices(&input)?;
        check(case, &format!("{what}, beside indices"), &values)?;
        let size = spatial::<N>(input.shape())?;
        let is_column_major = case.flag("/attributes/storage_order")?;
        let indices = map_indices::<N>(&indices, |plane, index| {
            let index = match is_column_major {
                true => index_of(reversed(place_of(index, size)), reversed(size)),
                false => index,
            };
            Ok(plane * size.iter().product::<usize>() + index)
        })?;
        equal(&format!("{what}, indices"), &indices, &expected)?;
    }
    Ok(())
}

fn global_pool<const N: usize>(case: &Case, reduction: impl Reduction<f32>) -> Outcome {
    check(case, "output", &GlobalPool::<_, N>::with(reduction).forward(&case.tensor("in_X")?)?)
}

/// The indices of a case address a tensor of the size that window, stride and padding give, also where the output is
/// given another size.
fn max_unpool<const N: usize>(case: &Case) -> Outcome {
    let mut unpool = MaxUnpool::<N>::new(case.sizes("/attributes/kernel_shape")?)
        .stride(case.sizes("/attributes/strides")?)
        .padding(case.sides("/padding")?);
    let addressed: [usize; N] = case.sizes("/padding/default_output_size")?;
    let mut size = addressed;
    if let Some(shape) = case.optional::<i64>("in_output_shape")? {
        let shape = shape.iter().map(|&length| Ok(length.try_into()?)).collect::<Outcome<Vec<usize>>>()?;
        size = spatial(&shape)?;
        unpool = unpool.output_size(size);
    }
    let pixels: usize = addressed.iter().product();
    let indices = map_indices::<N>(&case.tensor("in_I")?, |plane, index| {
        let index = index.checked_sub(plane * pixels).filter(|&index| index < pixels);
        Ok(index_of(place_of(index.ok_or("an index lies outside the plane of its value")?, addressed), size))
    })?;
    check(case, "output", &unpool.forward(&case.tensor::<f32>("in_X")?, &indices)?)
}

/// Converts indices between the crate, which counts in the plane of the index, and ONNX, which counts over the whole
/// tensor. `convert` is given the number of the plane with each index.
fn map_indices<const N: usize>(
    indices: &Tensor<i64>,
    convert: impl Fn(usize, usize) -> Outcome<usize>,
) -> Outcome<Tensor<i64>> {
    let plane: usize = spatial::<N>(indices.shape())?.iter().product();
    let converted = indices
        .iter()
        .enumerate()
        .map(|(position, &index)| Ok(convert(position / plane, index.try_into()?)?.try_into()?))
        .collect::<Outcome<Vec<i64>>>()?;
    Ok(Tensor::from_vec(indices.shape(), converted)?)
}

/// The lengths of the spatial axes of a shape `[batch, channel, spatial…]`.
fn spatial<const N: usize>(shape: &[usize]) -> Outcome<[usize; N]> {
    shape.last_chunk().copied().ok_or_else(|| format!("no {N} spatial axes in {shape:?}").into())
}

/// The place on each axis, from an index in row-major order.
fn place_of<const N: usize>(mut index: usize, size: [usize; N]) -> [usize; N] {
    let mut place = [0; N];
    for axis in (0..N).rev() {
        place[axis] = index % size[axis];
        index /= size[axis];
    }
    place
}

/// The index in row-major order, from the place on each axis.
fn index_of<const N: usize>(place: [usize; N], size: [usize; N]) -> usize {
    place.iter().zip(size).fold(0, |index, (place, length)| index * length + place)
}

fn reversed<const N: usize>(mut numbers: [usize; N]) -> [usize; N] {
    numbers.reverse();
    numbers
}
