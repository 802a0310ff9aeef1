//! A plan takes its memory when it is made: running it takes none.

use std::alloc::System;

use featuremap::{
    Activation, AdaptiveAvgPool2d, AdaptivePool, Average, AvgPool2d, BatchNorm, ChannelAxis, Concat, Conv,
    ConvTranspose, Dropout, Error, Flatten, Gate, GlobalAvgPool, GlobalMaxPool, GlobalPool, Interpolation, L2, Linear,
    LocalResponseNorm, LpPool1d, Max, MaxPool2d, MaxPool3d, Module, PRelu, Pad, Pad2d, PadMode, Plan, Pool, Relu,
    Residual, Sequential, Softmax, Tensor, TensorView, Upsample, Upsample2d,
};
use ndarray::{Array, Array1, ArrayD, ArrayView, ArrayViewMut, Axis, Dimension, Ix2, Ix3, Ix4, Ix5, IxDyn, Slice};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Without an optimiser, which puts the kernels together, a run takes a hundred times as long; and after a minute the harness says so,
/// from a thread of its own, whose memory would count.
const RUNS: usize = if cfg!(debug_assertions) { 4 } else { 1000 };

/// A planned module, with an input and room for its output that lie neither in order nor without gaps.
struct Case<D> {
    name: &'static str,
    plan: Plan,
    input: Array<f32, D>,
    output: Array<f32, D>,
    expected: Tensor,
}

impl<D: Dimension> Case<D> {
    fn new(name: &'static str, module: &impl Module<f32>, input_shape: &D) -> Self {
        let mut place = 0;
        let input = Array::from_shape_simple_fn(twice_as_wide(input_shape.clone()), || {
            place += 1;
            (place * 37 % 101) as f32 - 50.0
        });
        let expected = module.forward(turned(input.view())).expect("the shapes fit");
        let plan = module.plan(input_shape.slice()).expect("the shapes fit");
        let mut output_shape = D::zeros(input_shape.ndim());
        output_shape.slice_mut().copy_from_slice(plan.output_shape());
        Self { name, plan, input, output: Array::zeros(twice_as_wide(output_shape)), expected }
    }

    fn run(&mut self) {
        self.plan.run(turned(self.input.view()), turned_mut(self.output.view_mut())).expect("the shapes fit");
    }

    /// Allocations in this many runs after the first, which takes room for what does not lie in order.
    fn allocations(&mut self) -> usize {
        self.run();
        let region = Region::new(ALLOCATOR);
        (0..RUNS).for_each(|_| self.run());
        let found = region.change().allocations;
        assert_eq!(Tensor::from(TensorView::from(turned(self.output.view()))), self.expected, "{}", self.name);
        found
    }
}

/// Every shape has twice as many channels as it is to have: every second one is taken.
fn twice_as_wide<D: Dimension>(mut shape: D) -> D {
    shape.slice_mut()[1] *= 2;
    shape
}

fn turned<D: Dimension>(mut array: ArrayView<'_, f32, D>) -> ArrayView<'_, f32, D> {
    array.slice_axis_inplace(Axis(1), Slice::new(0, None, 2));
    array.invert_axis(Axis(array.ndim() - 1));
    array
}

fn turned_mut<D: Dimension>(mut array: ArrayViewMut<'_, f32, D>) -> ArrayViewMut<'_, f32, D> {
    array.slice_axis_inplace(Axis(1), Slice::new(0, None, 2));
    array.invert_axis(Axis(array.ndim() - 1));
    array
}

fn filters<D: Dimension>(shape: impl ndarray::ShapeBuilder<Dim = D>) -> Array<f32, D> {
    Array::from_elem(shape, 0.25)
}

/// A layer with its name.
type Layer = (&'static str, Box<dyn Module<f32>>);

/// Calls of a network after its first, into memory that is there.
fn calls_again_take_no_memory() {
    let conv = || Conv::<f32, 2>::new(filters((8, 8, 3, 3))).padding(1);
    let model = Sequential::new()
        .push(conv())
        .push(Relu)
        .push(Residual::new(Sequential::new().push(conv())))
        .push(MaxPool2d::new(2));
    let (input, mut output) = (Array::from_elem((1, 8, 12, 14), 0.5), Array::zeros((1, 8, 6, 7)));
    let mut call = || model.forward_into((&input).into(), (&mut output).into()).expect("the shapes fit");
    call();
    let region = Region::new(ALLOCATOR);
    (0..RUNS).for_each(|_| call());
    assert_eq!(region.change().allocations, 0);
}

/// Modules over this many axes, for maps of as many axes and of up to two more.
fn layers_over<const N: usize>(rank: usize) -> Vec<Layer> {
    let size = [2; N];
    let bank = if rank == N { size.to_vec() } else { [&[3, 3][..], &size].concat() };
    let interpolation = if N > 3 { Interpolation::Nearest } else { Interpolation::Linear };
    let upsample = Upsample::<N>::by(2).interpolation(interpolation);
    let mut layers: Vec<Layer> = vec![
        ("ConvTranspose", Box::new(ConvTranspose::<f32, N>::new(filters(&bank[..])).stride(2))),
        ("Upsample", Box::new(upsample)),
        ("Pad", Box::new(Pad::<N>::new([(1, 2); N]).mode(PadMode::Reflect))),
    ];
    if rank > N && (N > 1 || rank > 2) {
        let norm = || BatchNorm::<f32, N>::new(Array1::zeros(3), Array1::ones(3));
        let branches = Concat::new().branch("a", Sequential::new().push(norm())).branch("b", Sequential::new());
        layers.push(("BatchNorm", Box::new(norm())));
        layers.push(("branches", Box::new(branches.axis(ChannelAxis::Before(N)))));
    }
    // The others do as `forward` does.
    if N > 3 {
        return layers;
    }
    layers.extend::<[Layer; 7]>([
        ("Conv", Box::new(Conv::<f32, N>::new(filters(&bank[..])).padding(1))),
        ("MaxPool", Box::new(Pool::<_, N>::with(Max, 2))),
        ("AvgPool", Box::new(Pool::<_, N>::with(Average::default(), 2))),
        ("LpPool", Box::new(Pool::<_, N>::with(L2, 2))),
        ("AdaptiveAvgPool", Box::new(AdaptivePool::<Average, N>::new(2))),
        ("GlobalAvgPool", Box::new(GlobalPool::<Average, N>::default())),
        ("GlobalMaxPool", Box::new(GlobalPool::<Max, N>::default())),
    ]);
    if rank > N {
        let conv = || Conv::<f32, N>::new(filters([&[3, 3][..], &[1; N]].concat()));
        let g = Sequential::new().push(GlobalPool::<Average, N>::default()).push(Activation::Sigmoid);
        let f = || Sequential::new().push(conv()).push(Activation::Gelu);
        let branches = Concat::new().branch("a", f()).branch("b", Sequential::new()).axis(ChannelAxis::Before(N));
        let blocks = Sequential::new().push(Residual::new(f()).activation(Activation::HardSwish)).push(branches);
        layers.push(("Gate", Box::new(Gate::new(g))));
        layers.push(("blocks", Box::new(blocks)));
        layers.push((
            "conv and pool",
            Box::new(Sequential::new().push(conv()).push(Relu).push(Pool::<_, N>::with(Max, 2))),
        ));
    }
    layers
}

/// Modules for any rank.
fn layers_of(shape: &[usize]) -> Vec<Layer> {
    let features = shape[shape.len() - 1];
    let mut layers: Vec<Layer> = vec![
        ("ReLU", Box::new(Relu)),
        ("per pixel", Box::new(Sequential::new().push(Relu).push(Relu))),
        ("activation", Box::new(Activation::Tanh)),
        ("dropout", Box::new(Dropout)),
        ("flatten", Box::new(Flatten::from_axis(0))),
        ("softmax", Box::new(Softmax::over(0))),
        ("PReLU", Box::new(PRelu::new(Array1::from_elem(1, 0.5)))),
        ("Linear", Box::new(Linear::new(filters((3, features))))),
        ("residual", Box::new(Residual::new(Sequential::new().push(Activation::Tanh)))),
    ];
    if shape.len() > 2 {
        layers.push(("local response", Box::new(LocalResponseNorm::new(2))));
    }
    layers
}

/// Dynamic arrays of one to eight axes in row-major order, by every module that takes them.
fn any_rank_takes_no_memory() {
    for rank in 1..=8 {
        let mut layers = layers_of(&[2, 3, 2, 3, 2, 3, 2, 3][..rank]);
        macro_rules! over {
            ($($axes:literal)*) => {$(
                if ($axes..$axes + 3).contains(&rank) {
                    layers.extend(layers_over::<$axes>(rank));
                }
            )*};
        }
        over!(1 2 3 4 5 6);
        for (name, module) in &layers {
            // Channels are three where there are some.
            for shape in [[2, 3, 3, 2, 3, 2, 2, 3], [3, 3, 2, 3, 2, 2, 3, 2]] {
                any_order(name, &**module, &shape[..rank]);
            }
        }
    }
    any_order_takes_no_memory();
}

/// An array in row-major order, if the module takes its shape.
fn any_order(name: &str, module: &dyn Module<f32>, shape: &[usize]) {
    let mut place = 0;
    let rows = ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        place += 1;
        (place * 37 % 101) as f32 - 50.0
    });
    let Ok(expected) = module.forward_view((&rows).into()) else { return };
    let mut plan = module.plan(shape).expect("the shape fits");
    let mut output = ArrayD::zeros(expected.shape());
    let region = Region::new(ALLOCATOR);
    for _ in 0..3 {
        plan.run(&rows, &mut output).expect("the shapes fit");
    }
    assert_eq!(region.change().allocations, 0, "{name} of {shape:?}");
    assert_eq!(output.view(), expected.as_array().view(), "{name} of {shape:?}");
}

/// Views of five axes in any order, where the rank is known when compiling.
fn any_order_takes_no_memory() {
    let per_pixel = Sequential::new().push(Relu).push(Relu);
    let dense = Linear::new(filters((3, 2)));
    for (name, module) in [("per pixel", &per_pixel as &dyn Module<f32>), ("Linear", &dense)] {
        let rows = Array::from_shape_fn((2, 3, 3, 3, 2), |at| (at.0 + at.3 * at.4) as f32 - 2.0);
        let mut backwards = rows.clone();
        backwards.invert_axis(Axis(3));
        let turned =
            Array::from_shape_fn((2, 3, 3, 3, 2), |at| rows[at]).reversed_axes().as_standard_layout().into_owned();
        let turned = turned.reversed_axes();
        for input in [&rows, &backwards, &turned] {
            let expected = module.forward_view(input.into()).expect("the shape fits");
            let mut plan = module.plan(input.shape()).expect("the shape fits");
            let mut output = Array::zeros((3, 3, 2, 3, 3)).permuted_axes([2, 0, 1, 3, 4]);
            output = if name == "Linear" {
                output
            } else {
                Array::zeros((2, 3, 3, 3, 2)).reversed_axes().as_standard_layout().into_owned().reversed_axes()
            };
            let mut run = || plan.run(input, &mut output).expect("the shapes fit");
            run();
            let region = Region::new(ALLOCATOR);
            run();
            assert_eq!(region.change().allocations, 0, "{name} in order {:?}", input.strides());
            assert_eq!(output.view().into_dyn(), expected.as_array().view(), "{name}");
        }
    }
}

/// Planned in the pool that they run in: two layers in bands, of averages, as maxima are pooled in registers; shared among its threads.
/// And dense layers.
#[cfg(feature = "rayon")]
fn networks_take_no_memory() {
    let block = |channels| {
        let conv = Conv::<f32, 2>::new(filters((8, channels, 3, 3))).bias(Array1::ones(8)).padding(1);
        Sequential::new().push(conv).push(Relu).push(AvgPool2d::new(2))
    };
    let blocks = Sequential::new().push(Relu).push(block(1)).push(block(8)).push(Relu);
    let dense = Linear::new(filters((20, 30))).bias(Array1::ones(20));
    let dense = Sequential::new().push(dense).push(Relu).push(Linear::new(filters((4, 20))));

    let excite = Sequential::new().push(GlobalAvgPool::default()).push(Activation::Sigmoid);
    let f = Sequential::new().push(Conv::<f32, 2>::new(filters((8, 8, 3, 3))).padding(1)).push(Activation::Gelu);
    let branches = Concat::new().branch("a", f.clone()).branch("b", Sequential::new());
    let graph = Sequential::new()
        .push(Residual::new(f).activation(Activation::HardSwish))
        .push(Gate::new(excite))
        .push(Upsample2d::by(2).interpolation(Interpolation::Linear))
        .push(Pad2d::new([(1, 1); 2]).mode(PadMode::Reflect))
        .push(branches)
        .push(LocalResponseNorm::new(5))
        .push(Softmax::over(1));
    let mut graph = Case::<Ix4>::new("a graph", &graph, &Ix4(2, 8, 30, 30));
    let mut blocks = Case::<Ix4>::new("blocks", &blocks, &Ix4(1, 1, 160, 160));
    let mut dense = Case::<Ix2>::new("dense layers", &dense, &Ix2(9, 30));
    assert!(blocks.plan.algorithm().contains(" in "), "{}", blocks.plan);
    // The pool takes what it needs for itself the first time.
    let mut both = || [blocks.allocations(), dense.allocations(), graph.allocations()];
    both();
    assert_eq!(both(), [0; 3]);
}

/// Found by the generator of `tests/hostile`, seed 324530: maps of the phases were taken, a fifth of a gigabyte here, before an output
/// of 2^57 bytes was refused.
#[cfg(target_pointer_width = "64")]
fn a_plan_for_an_output_that_cannot_exist_takes_little_memory() {
    let far_apart = ConvTranspose::<f32, 2>::new(filters((1, 1, 1, 1))).stride([1, 1 << 29]);
    let region = Region::new(ALLOCATOR);
    let refused = far_apart.plan(&[1, 1, 1 << 13, 1 << 13]);
    // What is refused is counted, too.
    let Err(Error::OutOfMemory { bytes, .. }) = refused else { panic!("{refused:?}") };
    let taken = region.change().bytes_allocated - bytes;
    assert!(taken < 1 << 20, "{taken}");
}

#[test]
fn running_a_plan_takes_no_memory() {
    #[cfg(target_pointer_width = "64")]
    a_plan_for_an_output_that_cannot_exist_takes_little_memory();

    let small = Conv::<f32, 1>::new(filters((3, 2, 3))).padding(1);
    let large = Conv::<f32, 2>::new(filters((64, 32, 3, 3))).bias(Array1::ones(64)).padding(1).relu(true);
    let strided = Conv::<f32, 2>::new(filters((16, 4, 5, 5))).stride(2).dilation(2).groups(2);
    let depthwise = Conv::<f32, 2>::new(filters((32, 1, 3, 3))).padding(1).groups(32);
    let volume = Conv::<f32, 3>::new(filters((16, 4, 3, 3, 3))).padding(1);

    let mut line = Case::<Ix3>::new("a line", &small, &Ix3(2, 2, 40));
    let mut map = Case::<Ix4>::new("a map", &large, &Ix4(1, 32, 28, 28));
    let mut phases = Case::<Ix4>::new("a map in phases", &strided, &Ix4(2, 8, 30, 30));
    let mut channels = Case::<Ix4>::new("a map for each channel", &depthwise, &Ix4(1, 32, 28, 28));
    let mut volume = Case::<Ix5>::new("a volume", &volume, &Ix5(1, 4, 12, 12, 12));
    let pair = MaxPool2d::new(2);
    let smooth = AvgPool2d::new(3).stride(1).padding(1);
    let tall = MaxPool2d::new([13, 9]).stride(1).padding([6, 4]).dilation([1, 2]);
    let (tile, cubes) = (MaxPool3d::new(3).stride(2), LpPool1d::new(3));
    let mut pools = [
        Case::<Ix4>::new("pairs", &pair, &Ix4(2, 8, 64, 64)),
        Case::<Ix4>::new("a smooth map", &smooth, &Ix4(1, 64, 80, 80)),
        Case::<Ix4>::new("a tall window", &tall, &Ix4(1, 16, 40, 40)),
        Case::<Ix4>::new("global", &GlobalMaxPool::default(), &Ix4(2, 8, 50, 50)),
        Case::<Ix4>::new("adaptive", &AdaptiveAvgPool2d::new([3, 7]), &Ix4(2, 8, 50, 50)),
        Case::<Ix4>::new("ReLU", &Relu, &Ix4(2, 8, 50, 50)),
    ];
    let mut volumes = Case::<Ix5>::new("a pooled volume", &tile, &Ix5(1, 4, 12, 12, 12));
    let mut lines = Case::<Ix3>::new("norms of a line", &cubes, &Ix3(2, 2, 60));
    let mut of_pools =
        || pools.iter_mut().map(Case::allocations).sum::<usize>() + volumes.allocations() + lines.allocations();
    let mut all = || {
        [
            of_pools(),
            line.allocations(),
            map.allocations(),
            phases.allocations(),
            channels.allocations(),
            volume.allocations(),
        ]
    };

    // Within the pool of threads nothing at all.
    #[cfg(feature = "rayon")]
    rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads").install(|| {
        // The pool takes what it needs for itself the first time.
        all();
        assert_eq!(all(), [0; 6]);
        networks_take_no_memory();
        any_rank_takes_no_memory();
        calls_again_take_no_memory();
    });

    // From outside, a block for each share that rayon is given, and one of its queue of jobs now and then: that holds 63.
    // The layer of one share takes nothing.
    #[cfg(feature = "rayon")]
    let jobs = (rayon::current_num_threads() - 1) * RUNS;
    #[cfg(not(feature = "rayon"))]
    let jobs: usize = 0;
    all();
    let blocks = |plans: usize| plans * (jobs + 2 * jobs.div_ceil(63));
    let [of_pools, of_line, of_others @ ..] = all();
    assert!(of_pools <= blocks(8), "{of_pools}");
    assert_eq!(of_line, 0);
    assert!(of_others.iter().all(|&found| found <= blocks(1)), "{of_others:?}");
}
