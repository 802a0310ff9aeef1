//! The cases of PyTorch.

use featuremap::{
    AdaptivePool, Average, Conv, ConvTranspose, L2, Max, MaxUnpool, Min, Module, PaddingMode, Pool, Relu, Selection,
    Tensor, TensorView,
};

use super::case::{Case, Outcome};
use super::compare::{close, equal, identical};
use super::layout::Layout;

/// What may lie between two ways to add the same numbers in `f64`.
const TOLERANCE: f64 = 1e-12;

pub(crate) fn run(case: &Case) -> Outcome {
    let rank = case.size("/spatial_rank")?;
    match case.operator() {
        "conv" => by_rank!(rank, conv(case)),
        "conv_transpose" => by_rank!(rank, conv_transpose(case)),
        "max_pool" => by_rank!(rank, selection_pool(case, Max)),
        "min_pool" => by_rank!(rank, selection_pool(case, Min)),
        "avg_pool" => by_rank!(rank, avg_pool(case)),
        "l2_pool" => by_rank!(rank, l2_pool(case)),
        "adaptive_pool" => by_rank!(rank, adaptive_pool(case)),
        "max_unpool" => by_rank!(rank, max_unpool(case)),
        "relu" => relu(case),
        other => Err(format!("no module for {other}").into()),
    }
}

/// Compares what a module gives with what PyTorch gave, and what it gives from and into views of any strides with what
/// it gave before. Returns its output.
fn check(case: &Case, module: &impl Module<f64>) -> Outcome<Tensor<f64>> {
    let input = case.tensor("x")?;
    let output = module.forward(&input)?;
    close("output", &output, &case.tensor("y")?, |expected| TOLERANCE * expected.abs().max(1.0))?;

    for layout in Layout::ALL {
        let mut memory = layout.hold(&input, f64::NAN);
        let view = layout.view(&mut memory);
        identical(&format!("output of a view ({layout:?})"), &module.forward(&view)?, &output)?;

        let what = format!("output into a view ({layout:?})");
        let mut memory = layout.memory(output.shape(), f64::NAN);
        let mut written = layout.view(&mut memory);
        module.forward_into(TensorView::from(&view), (&mut written).into())?;
        identical(&what, &TensorView::from(&written).to_tensor(), &output)?;
        if memory.iter().filter(|element| !element.is_nan()).count() != output.len() {
            return Err(format!("{what}: something was written into the gaps").into());
        }
    }
    Ok(output)
}

/// The same tensor, held in column-major order.
fn column_major(tensor: &Tensor<f64>) -> Tensor<f64> {
    Tensor::from(tensor.as_array().t().as_standard_layout().into_owned().reversed_axes())
}

fn conv<const N: usize>(case: &Case) -> Outcome {
    let mode = match case.text("/attributes/pad_mode")? {
        "zeros" => PaddingMode::Zeros,
        "reflect" => PaddingMode::Reflect,
        "replicate" => PaddingMode::Replicate,
        "circular" => PaddingMode::Circular,
        other => return Err(format!("no padding mode {other}").into()),
    };
    let conv = |filters: Tensor<f64>| -> Outcome<Conv<f64, N>> {
        let conv = Conv::new(filters)
            .stride(case.sizes("/attributes/stride")?)
            .dilation(case.sizes("/attributes/dilation")?)
            .padding(case.sides("/attributes")?)
            .padding_mode(mode)
            .groups(case.size("/attributes/groups")?);
        Ok(match case.optional::<f64>("b")? {
            Some(bias) => conv.bias(bias),
            None => conv,
        })
    };
    let filters = case.tensor("w")?;
    let columns = column_major(&filters);
    let output = check(case, &conv(filters)?)?;
    identical("output of column-major filters", &conv(columns)?.forward(&case.tensor("x")?)?, &output)
}

fn conv_transpose<const N: usize>(case: &Case) -> Outcome {
    let conv = |filters: Tensor<f64>| -> Outcome<ConvTranspose<f64, N>> {
        let conv = ConvTranspose::new(filters)
            .stride(case.sizes("/attributes/stride")?)
            .dilation(case.sizes("/attributes/dilation")?)
            .padding(case.sides("/attributes")?)
            .output_padding(case.sizes("/attributes/output_padding")?)
            .groups(case.size("/attributes/groups")?);
        Ok(match case.optional::<f64>("b")? {
            Some(bias) => conv.bias(bias),
            None => conv,
        })
    };
    let filters = case.tensor("w")?;
    let columns = column_major(&filters);
    let output = check(case, &conv(filters)?)?;
    identical("output of column-major filters", &conv(columns)?.forward(&case.tensor("x")?)?, &output)
}

/// A pooling with the attributes that all poolings have.
fn pool<R, const N: usize>(case: &Case, reduction: R) -> Outcome<Pool<R, N>> {
    Ok(Pool::with(reduction, case.sizes("/attributes/kernel")?)
        .stride(case.sizes("/attributes/stride")?)
        .padding(case.sides("/attributes")?)
        .ceil_mode(case.flag("/attributes/ceil_mode")?))
}

fn selection_pool<const N: usize>(case: &Case, selection: impl Selection<f64>) -> Outcome {
    let pool = pool::<_, N>(case, selection)?.dilation(case.sizes("/attributes/dilation")?);
    let output = check(case, &pool)?;

    let (input, expected) = (case.tensor("x")?, case.tensor::<i64>("indices")?);
    let (values, indices) = pool.forward_with_indices(&input)?;
    identical("values beside indices", &values, &output)?;
    equal("indices", &indices, &expected)?;
    for layout in Layout::ALL {
        let mut memory = layout.hold(&input, f64::NAN);
        let (values, indices) = pool.forward_with_indices(&layout.view(&mut memory))?;
        identical(&format!("values beside indices of a view ({layout:?})"), &values, &output)?;
        equal(&format!("indices of a view ({layout:?})"), &indices, &expected)?;
    }
    Ok(())
}

fn avg_pool<const N: usize>(case: &Case) -> Outcome {
    let pool = pool::<_, N>(case, Average::default())?;
    check(case, &pool.count_include_pad(case.flag("/attributes/count_include_pad")?))?;
    Ok(())
}

fn l2_pool<const N: usize>(case: &Case) -> Outcome {
    let order = case.size("/attributes/p")?;
    if order != 2 {
        return Err(format!("an L2 pooling of order {order}").into());
    }
    check(case, &pool::<_, N>(case, L2)?)?;
    Ok(())
}

fn adaptive_pool<const N: usize>(case: &Case) -> Outcome {
    let size: [usize; N] = case.sizes("/attributes/output_size")?;
    match case.text("/attributes/kind")? {
        "avg" => check(case, &AdaptivePool::<Average, N>::new(size))?,
        "max" => check(case, &AdaptivePool::<Max, N>::new(size))?,
        other => return Err(format!("no adaptive pooling {other}").into()),
    };
    Ok(())
}

/// The values are only put elsewhere, so nothing may differ.
fn max_unpool<const N: usize>(case: &Case) -> Outcome {
    let unpool = MaxUnpool::<N>::new(case.sizes("/attributes/kernel")?)
        .stride(case.sizes("/attributes/stride")?)
        .padding(case.sides("/attributes")?)
        .output_size(case.sizes("/attributes/output_size")?);
    let (values, indices, expected) = (case.tensor("x")?, case.tensor::<i64>("indices")?, case.tensor("y")?);
    identical("output", &unpool.forward(&values, &indices)?, &expected)?;
    for layout in Layout::ALL {
        // No output plane has such an index: whoever reads a gap is found out.
        let (mut values, mut indices) = (layout.hold(&values, f64::NAN), layout.hold(&indices, -1));
        let output = unpool.forward(&layout.view(&mut values), &layout.view(&mut indices))?;
        identical(&format!("output of views ({layout:?})"), &output, &expected)?;
    }
    Ok(())
}

fn relu(case: &Case) -> Outcome {
    let output = check(case, &Relu)?;
    for layout in Layout::ALL {
        let mut memory = layout.hold(&case.tensor("x")?, f64::NAN);
        let mut view = layout.view(&mut memory);
        Relu.apply(&mut view);
        identical(&format!("a view in place ({layout:?})"), &TensorView::from(&view).to_tensor(), &output)?;
    }
    Ok(())
}
