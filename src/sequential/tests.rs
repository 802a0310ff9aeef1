//! Fused is what the modules give one after the other, to the bit.
//!
//! Edge cases: every stride, padding, dilation, ceil mode and padding mode, windows larger than their stride, odd sizes, bands of
//! any height, batches, one to three threads, one to three spatial axes, inputs without a batch or channels; algorithms that
//! compute in tiles; pools of a whole map; element-wise modules of any number, before, between and after; views as input and
//! output; a reshape at every place.

mod edges;
mod kept;

use ndarray::{Array, Array4, ArrayD, Axis, IxDyn, Slice};
use proptest::prelude::*;

use super::Sequential;
use crate::conv::Algorithm;
use crate::module::{Module, Operator};
use crate::parallel::in_a_pool;
use crate::simd::{Level, lanes};
use crate::{
    Activation, AdaptiveMaxPool2d, AvgPool2d, Band, Bands, Conv, Conv2d, Flatten, GlobalAvgPool, GlobalMaxPool,
    L2Pool2d, Linear, Lowering, MaxPool1d, MaxPool2d, MaxPool3d, MinPool2d, PaddingMode, Plan, Pool, Reduction, Relu,
    Result, Tensor, TensorView, TensorViewMut,
};

fn waves(shape: &[usize]) -> ArrayD<f32> {
    let mut place = 0_u32;
    Array::from_shape_simple_fn(IxDyn(shape), || {
        place += 1;
        (place.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0
    })
}

/// What the layers give one after the other, each by a plan of its own.
fn one_by_one(model: &Sequential, input: &ArrayD<f32>) -> Result<Tensor> {
    let mut map = Tensor::from(input);
    for (_, layer) in model.layers() {
        let mut plan = layer.plan(map.shape())?;
        let mut output = Tensor::zeros(plan.output_shape())?;
        plan.run(&map, &mut output)?;
        map = output;
    }
    Ok(map)
}

/// What a plan with bands of so many bytes gives on so many threads, and how it does it.
fn fused(model: &Sequential, input: &ArrayD<f32>, room: usize, threads: usize) -> Result<(Tensor, String)> {
    in_a_pool(threads, || {
        let mut plan = model.plan_in(input.shape(), room)?;
        let mut output = Tensor::zeros(plan.output_shape())?;
        // A run must leave nothing behind that the next one could see.
        plan.run(&input.mapv(|pixel| 3.0 - pixel), &mut output)?;
        plan.clone().run(input, &mut output)?;
        Ok((output, plan.algorithm()))
    })
}

fn check(model: &Sequential, input: &ArrayD<f32>, room: usize, threads: usize) -> Result<String> {
    let (found, how) = fused(model, input, room, threads)?;
    let expected = one_by_one(model, input)?;
    assert_eq!(found.shape(), expected.shape());
    let differ = found.iter().zip(&expected).position(|(found, expected)| found.to_bits() != expected.to_bits());
    assert_eq!(differ, None, "{how}");
    Ok(how)
}

#[derive(Debug, Clone)]
struct Layers {
    input: [usize; 4],
    filters: usize,
    groups: bool,
    size: [[usize; 2]; 2],
    stride: [[usize; 2]; 2],
    dilation: [[usize; 2]; 2],
    padding: [[(usize, usize); 2]; 2],
    mode: PaddingMode,
    ceil: bool,
    pool: usize,
    relus: usize,
    algorithm: Option<Algorithm>,
    rooms: usize,
    threads: usize,
}

fn layers() -> impl Strategy<Value = Layers> {
    use PaddingMode::{Circular, Reflect, Replicate, Symmetric, Zeros};
    let axes = |range: std::ops::Range<usize>| [[range.clone(), range.clone()], [range.clone(), range]];
    let sides = [[(0..4_usize, 0..4_usize), (0..4, 0..4)], [(0..2, 0..2), (0..2, 0..2)]];
    let others = prop_oneof![Just(Reflect), Just(Symmetric), Just(Replicate), Just(Circular)];
    let modes = prop_oneof![1 => Just(Zeros), 1 => others];
    let algorithms = proptest::option::of(proptest::sample::select(Algorithm::ALL.to_vec()));
    let input = [0..4_usize, 1..5, 4..40, 1..24];
    let window = (axes(1..5), axes(1..4), axes(1..3), sides);
    let rest = (modes, any::<bool>(), 0..6_usize, 0..3_usize, algorithms, 1..6000_usize, 1..4_usize);
    (input, 1..7_usize, any::<bool>(), window, rest).prop_map(
        |(input, filters, groups, (size, stride, dilation, padding), rest)| {
            let (mode, ceil, pool, relus, algorithm, rooms, threads) = rest;
            let (size, dilation) = match algorithm {
                Some(Algorithm::Winograd | Algorithm::Winograd2x2) => ([[3, 3], size[1]], [[1, 1], dilation[1]]),
                _ => (size, dilation),
            };
            let stride = match algorithm {
                Some(Algorithm::Winograd | Algorithm::Winograd2x2) => [[1, 1], stride[1]],
                _ => stride,
            };
            Layers {
                input,
                filters,
                groups,
                size,
                stride,
                dilation,
                padding,
                mode,
                ceil,
                pool,
                relus,
                algorithm,
                rooms,
                threads,
            }
        },
    )
}

fn pool<R: Reduction<f32> + Default>(layers: &Layers) -> Pool<R, 2> {
    let pool = Pool::new(layers.size[1]).stride(layers.stride[1]).padding(layers.padding[1]);
    pool.dilation(layers.dilation[1]).ceil_mode(layers.ceil)
}

impl Layers {
    fn model(&self) -> Sequential {
        let channels = self.input[1];
        let (groups, filters) = if self.groups { (channels, channels * self.filters) } else { (1, self.filters) };
        let [rows, columns] = self.size[0];
        let mut conv = Conv2d::new(waves(&[filters, channels / groups, rows, columns]))
            .bias(waves(&[filters]))
            .groups(groups)
            .stride(self.stride[0])
            .dilation(self.dilation[0])
            .padding(self.padding[0])
            .padding_mode(self.mode);
        if let Some(only) = self.algorithm {
            for other in Algorithm::ALL {
                if other != only {
                    conv = conv.without(other);
                }
            }
        }
        let mut model = Sequential::new().push(conv);
        for _ in 0..self.relus {
            model = model.push(Relu);
        }
        let model = match self.pool {
            0 => model.push(pool::<crate::Max>(self)),
            1 => model.push(pool::<crate::Average>(self)),
            2 => model.push(pool::<crate::Average>(self).count_include_pad(true)),
            3 => model.push(pool::<crate::L2>(self)),
            4 => model.push(GlobalAvgPool::default()),
            _ => model.push(AdaptiveMaxPool2d::new([2, 3])),
        };
        model.push(Relu)
    }
}

proptest! {
    #[test]
    fn fused_is_unfused_to_the_bit(layers in layers()) {
        let model = layers.model();
        if model.output_shape(&layers.input).is_err() {
            return Ok(());
        }
        check(&model, &waves(&layers.input), layers.rooms, layers.threads).expect("the shapes fit");
    }
}

#[test]
fn everyday_blocks_are_fused() -> Result<()> {
    let conv = |filters, channels| Conv2d::new(waves(&[filters, channels, 3, 3])).bias(waves(&[filters])).padding(1);
    let input = waves(&[2, 8, 23, 30]);
    let winograd = Algorithm::ALL.into_iter().filter(|&other| other != Algorithm::Winograd);
    let tiles = winograd.fold(conv(8, 8), Conv2d::without);
    for threads in 1..4 {
        let block = || Sequential::new().push(conv(8, 8)).push(Relu);
        for (model, bands) in [
            (block().push(MaxPool2d::new(2).ceil_mode(true)), 12),
            (block().push(MaxPool2d::new(3).stride(2).padding(1)).push(Relu), 2),
            (block().push(AvgPool2d::new(2).ceil_mode(true)), 12),
            (block().push(L2Pool2d::new(2)).push(Relu), 12),
            (block().push(GlobalMaxPool::default()), 2),
            (Sequential::new().push(tiles.clone()).push(Relu).push(Activation::Tanh).push(MaxPool2d::new(2)), 6),
        ] {
            let how = check(&model, &input, 12 << 10, threads)?;
            let found: usize = how.split(' ').rev().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
            assert!(found >= bands, "{how}");
        }
        // Tiles that hold whole windows are pooled before they are stored, and rows that are read where they lie.
        for (first, pooled) in [(conv(8, 8), ", pooled"), (tiles.clone(), "winograd, pooled")] {
            let block = || Sequential::new().push(first.clone()).push(Relu);
            for model in [block().push(MaxPool2d::new(2)), block().push(MinPool2d::new(2))] {
                let how = check(&model, &input, 12 << 10, threads)?;
                // Narrow registers are better filled by filters, whose sums are not pooled before they are stored.
                assert!(how.ends_with(pooled) || lanes::<f32>(Level::new()) < 8, "{how}");
            }
        }
        // What is small is not cut, and windows that share most of their rows are not worth it.
        let how = check(&block().push(AvgPool2d::new(2)), &input, 1 << 20, threads)?;
        assert!(threads > 1 || !how.contains(" in "), "{how}");
        let how = check(&block().push(MaxPool2d::new(11)), &input, 12 << 10, threads)?;
        assert!(!how.contains(" in 12 bands"), "{how}");
    }
    Ok(())
}

#[test]
fn images_are_computed_as_in_the_whole_batch() -> Result<()> {
    let conv = Conv2d::new(waves(&[64, 64, 3, 3])).padding(1);
    if lanes::<f32>(Level::new()) >= 8 {
        let algorithm = |images| Ok(conv.plan(&[images, 64, 6, 6])?.algorithm());
        assert_ne!(algorithm(1)?, algorithm(8)?, "the images would not have to know of each other");
    }
    let early = || Sequential::new().push(conv.clone()).push(Relu).push(AvgPool2d::new(2));
    let late = Sequential::new().push(Late(conv.clone())).push(AvgPool2d::new(2));
    for (model, bands) in [(early(), true), (Sequential::new().push(early()).push(Relu), false), (late, true)] {
        for threads in 1..9 {
            let how = check(&model, &waves(&[8, 64, 6, 6]), 12 << 10, threads)?;
            assert!(!bands || how.contains(" bands") || lanes::<f32>(Level::new()) < 8, "{how}");
        }
    }
    Ok(())
}

/// A convolution that plans when it runs.
#[derive(Clone)]
struct Late(Conv2d);

impl Operator for Late {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.0.output_shape(input)
    }
}

impl Module<f32> for Late {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.0.forward_into(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        Lowering::Bands(self)
    }
}

impl Bands<f32> for Late {
    fn band(&self, input_shape: &[usize], rows: std::ops::Range<usize>) -> Option<Band> {
        self.0.band(input_shape, rows)
    }
}

#[test]
fn any_rank_and_any_number_of_axes() -> Result<()> {
    let bank = Sequential::new().push(Conv2d::new(waves(&[4, 1, 3, 3]))).push(Relu).push(MaxPool2d::new(2));
    let one = Sequential::new().push(Conv2d::new(waves(&[3, 3]))).push(MaxPool2d::new(2));
    let line = Sequential::new().push(Conv::<f32, 1>::new(waves(&[4, 2, 5]))).push(Relu).push(MaxPool1d::new(3));
    let volume = Sequential::new().push(Conv::<f32, 3>::new(waves(&[4, 2, 3, 2, 1]))).push(MaxPool3d::new(2));
    for (model, shape) in [
        (&bank, &[20, 30][..]),
        (&bank, &[1, 20, 30]),
        (&bank, &[3, 1, 20, 30]),
        (&one, &[20, 30]),
        (&line, &[2, 300]),
        (&line, &[3, 2, 300]),
        (&volume, &[2, 9, 9, 10]),
        (&volume, &[2, 2, 9, 9, 10]),
    ] {
        for threads in 1..3 {
            let how = check(model, &waves(shape), 2048, threads)?;
            assert!(how.contains(" in ") || how.ends_with(", pooled"), "{how}");
        }
    }
    Ok(())
}

#[test]
fn networks_use_two_buffers_and_no_more() -> Result<()> {
    let conv = |filters, channels| Conv2d::new(waves(&[filters, channels, 3, 3])).padding(1);
    let model = Sequential::new()
        .push(Relu)
        .push(conv(6, 3))
        .push(Relu)
        .push(conv(5, 6))
        .push(Flatten::default())
        .push(Relu)
        .push(Linear::new(waves(&[7, 5 * 8 * 9])).bias(waves(&[7])))
        .push(Relu)
        .push(Linear::new(waves(&[3, 7])))
        .push(Flatten::default());
    for batch in [0, 1, 3] {
        check(&model, &waves(&[batch, 3, 8, 9]), 1 << 20, 2)?;
    }
    let plan = Sequential::new().push(conv(6, 3)).push(conv(5, 6)).push(conv(4, 5)).plan(&[1, 3, 8, 9])?;
    let steps = [conv(6, 3).plan(&[1, 3, 8, 9])?, conv(5, 6).plan(&[1, 6, 8, 9])?, conv(4, 5).plan(&[1, 5, 8, 9])?];
    // Two values, what the largest step computes in, and what each holds itself.
    let scratch = steps.iter().map(|plan| plan.scratch_length() * 4).max().unwrap();
    let own: usize = steps.iter().map(|plan| plan.workspace_bytes() - plan.scratch_length() * 4).sum();
    let most = ((6 + 5) * 72 + 2 * 16) * 4 + scratch + own;
    assert!(plan.workspace_bytes() <= most, "{} of {most}", plan.workspace_bytes());
    Ok(())
}

#[test]
fn a_network_without_layers_gives_its_input() -> Result<()> {
    let input = waves(&[2, 3]);
    let model = Sequential::default();
    assert!(model.is_empty());
    assert_eq!(model.forward(&input)?, Tensor::from(&input));
    assert_eq!(Sequential::new().push(model).push(Relu).forward(&input)?, Tensor::from(&input).relu());
    let mut output = ArrayD::zeros(IxDyn(&[3, 2]));
    Sequential::new().push(Flatten::default()).plan(&[2, 3])?.run(&input, output.view_mut().reversed_axes())?;
    assert_eq!(output.t(), input);
    Ok(())
}

#[test]
fn inputs_and_outputs_may_be_views() -> Result<()> {
    // Tiles can be pooled before they are stored, whichever algorithm were the fastest.
    let others = Algorithm::ALL.into_iter().filter(|&other| other != Algorithm::Winograd);
    let conv = others.fold(Conv2d::new(waves(&[8, 3, 3, 3])).padding(1), Conv2d::without);
    let block = || Sequential::new().push(conv.clone()).push(Relu);
    let wide = waves(&[2, 24, 40, 3]).into_dimensionality::<ndarray::Ix4>().expect("rank four");
    let mut input = wide.view().permuted_axes([0, 3, 1, 2]);
    input.slice_axis_inplace(Axis(2), Slice::new(0, None, -1));
    input.slice_axis_inplace(Axis(3), Slice::new(0, None, 2));
    for (model, how) in [(block().push(AvgPool2d::new(2)), " in "), (block().push(MaxPool2d::new(2)), "pooled")] {
        let expected = one_by_one(&model, &input.to_owned().into_dyn())?;
        let mut output = Array4::<f32>::zeros((2, 12, 10, 8));
        let mut plan = model.plan_in(input.shape(), 4096)?;
        assert!(plan.algorithm().contains(how));
        plan.run(TensorView::from(input), TensorViewMut::from(output.view_mut().permuted_axes([0, 3, 1, 2])))?;
        assert_eq!(Tensor::from(output.permuted_axes([0, 3, 1, 2])), expected);
    }
    Ok(())
}
