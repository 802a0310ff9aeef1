//! What is rare, and what a user's own module may say of itself.
//!
//! Edge cases: maps of a column or two; paddings far wider than the map, which a band may refuse to write out where the whole would
//! not; `f64` and integers; NaN and infinities; pools after pools; modules that lie about their bands, their plans and their
//! shapes; shapes that no memory holds, planned without data; networks within networks; dense layers of any batch and rank,
//! without inputs, outputs or a batch; reshapes of views.

use std::ops::Range;

use ndarray::{Array, Array2, ArrayD, Axis, IxDyn, Slice};
use proptest::prelude::*;

use super::super::Sequential;
use super::{check, fused, one_by_one, waves};
use crate::module::{Module, Operator};
use crate::parallel::in_a_pool;
use crate::{
    AvgPool2d, Band, Bands, Conv, Conv1d, Conv2d, Element, Elementwise, Error, Flatten, GlobalAvgPool1d, GlobalMaxPool,
    Linear, Lowering, MaxPool1d, MaxPool2d, PaddingMode, Plan, Relu, Result, Tensor, TensorView, TensorViewMut,
};

/// Of properties, as the kernels are slow without an optimiser.
const CASES: u32 = if cfg!(debug_assertions) { 60 } else { 2000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(CASES), ..ProptestConfig::default() })]

    #[test]
    fn narrow_maps_with_wide_paddings(
        (channels, filters, rows, columns) in (1..4_usize, 1..5_usize, 4..60_usize, 1..4_usize),
        size in [1..4_usize, 1..4],
        stride in [1..3_usize, 1..40],
        dilation in [1..3_usize, 1..20],
        padding in [0..4_usize, 0..90],
        (replicated, infinite) in any::<(bool, bool)>(),
        (room, threads) in (1..3000_usize, 1..4_usize),
    ) {
        let mut weights = waves(&[filters, channels, size[0], size[1]]);
        if infinite {
            weights[[0, 0, 0, 0]] = f32::INFINITY;
        }
        let mode = if replicated { PaddingMode::Replicate } else { PaddingMode::Zeros };
        let conv = Conv2d::new(weights).bias(waves(&[filters])).stride(stride).dilation(dilation).padding(padding);
        let model = Sequential::new().push(conv.padding_mode(mode)).push(Relu).push(MaxPool2d::new([2, 1]));
        let input = waves(&[1, channels, rows, columns]);
        if model.output_shape(input.shape()).is_ok() {
            let (found, how) = fused(&model, &input, room, threads).expect("the shapes fit");
            let expected = one_by_one(&model, &input).expect("the shapes fit");
            let same = |(found, expected): (&f32, &f32)| {
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan()
            };
            prop_assert!(found.iter().zip(&expected).all(same), "{}", how);
        }
    }
}

/// Whether a network gives what its layers give one after the other, in bands and as a whole.
fn check_type<T: Element>(model: &Sequential<T>, input: &ArrayD<T>) -> Result<()> {
    let mut expected = Tensor::from(input);
    for (_, layer) in model.layers() {
        expected = layer.forward_view(expected.view())?;
    }
    for threads in 1..4 {
        in_a_pool(threads, || {
            for room in [1, 700, 3000, 1 << 20] {
                let mut plan = model.plan_in(input.shape(), room)?;
                let mut output = Tensor::zeros(plan.output_shape())?;
                plan.run(input, &mut output)?;
                assert_eq!(output, expected, "{plan}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn doubles_and_integers() -> Result<()> {
    use PaddingMode::{Circular, Reflect, Replicate, Symmetric, Zeros};

    let integers = |shape: &[usize]| {
        let mut place = 0_i32;
        Array::from_shape_simple_fn(IxDyn(shape), || {
            place += 1;
            place * 37 % 101 - 50
        })
    };
    for mode in [Zeros, Reflect, Symmetric, Replicate, Circular] {
        let conv = Conv::<i32, 2>::new(integers(&[4, 2, 3, 3])).bias(integers(&[4])).padding([2, 1]).padding_mode(mode);
        let model = Sequential::default().push(conv.dilation([2, 1])).push(Relu).push(MaxPool2d::new([3, 2]));
        check_type(&model, &integers(&[2, 2, 31, 9]))?;
        let conv = Conv::<f64, 2>::new(waves(&[5, 2, 3, 3]).mapv(f64::from)).padding(1).padding_mode(mode);
        // Every value is of a plan, as forward takes small layers tap by tap.
        let model = Sequential::default().push(conv).push(Relu).push(AvgPool2d::new(3).stride(2).padding(1));
        let input = waves(&[3, 2, 30, 17]).mapv(f64::from);
        let (mut map, mut found) = (Tensor::from(&input), Tensor::zeros(&model.output_shape(input.shape())?)?);
        for (_, layer) in model.layers() {
            let mut plan = layer.plan(map.shape())?;
            let mut output = Tensor::zeros(plan.output_shape())?;
            plan.run(&map, &mut output)?;
            map = output;
        }
        let mut plan = model.plan_in(input.shape(), 2000)?;
        assert!(plan.algorithm().contains(" in "), "{plan}");
        plan.run(&input, &mut found)?;
        assert_eq!(found, map);
    }
    Ok(())
}

#[test]
fn pools_after_pools_and_pixels_that_are_no_numbers() -> Result<()> {
    let mut input = waves(&[2, 3, 41, 37]);
    let pools = Sequential::new().push(AvgPool2d::new(3).stride(1).padding(1)).push(Relu).push(MaxPool2d::new(2));
    for threads in 1..4 {
        let how = check(&pools, &input, 4000, threads)?;
        assert!(how.contains(" in "), "{how}");
    }
    input[[0, 1, 7, 7]] = f32::NAN;
    input[[1, 2, 30, 0]] = f32::INFINITY;
    let conv = Conv2d::new(waves(&[6, 3, 3, 3])).padding(1);
    let model = Sequential::new().push(conv).push(Relu).push(MaxPool2d::new(2));
    let (found, _) = fused(&model, &input, 4000, 2)?;
    let expected = one_by_one(&model, &input)?;
    assert!(found.iter().any(|pixel| pixel.is_nan()));
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan());
    }
    Ok(())
}

/// Doubles what it gets, and says of itself what it is told to say.
#[derive(Debug, Clone, Default)]
struct Liar {
    band: Option<Band>,
    /// The shape that its plans are for, whatever the input.
    planned: Option<Vec<usize>>,
    shape: Option<Vec<usize>>,
    only_reshapes: bool,
    elementwise: bool,
}

impl Operator for Liar {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.shape.clone().unwrap_or_else(|| input.to_vec()))
    }
}

impl Module<f32> for Liar {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        let doubled: Vec<f32> = input.iter().map(|pixel| 2.0 * pixel).collect();
        let mut output = output.into_array_view_mut();
        output.iter_mut().zip(doubled.into_iter().cycle()).for_each(|(place, pixel)| *place = pixel);
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), self.planned.as_deref().unwrap_or(input_shape))
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        if self.only_reshapes {
            return Lowering::Reshape;
        }
        if self.elementwise {
            return Lowering::Elementwise(Elementwise::new(|mut map| map.map_in_place(|pixel| *pixel *= 2.0)));
        }
        Lowering::Bands(self)
    }
}

impl Bands<f32> for Liar {
    fn band(&self, _: &[usize], rows: Range<usize>) -> Option<Band> {
        let band = self.band.clone()?;
        // Of no rows at all: those that were asked for.
        let given = if band.output.end == 0 { rows.start..rows.end.min(30) } else { band.output.clone() };
        Some(Band {
            input: if band.input.end == 0 { given.clone() } else { band.input.clone() },
            output: given,
            ..band
        })
    }
}

#[test]
fn modules_that_lie_about_bands_are_not_fused() -> Result<()> {
    let input = waves(&[2, 3, 30, 20]);
    let expected = Sequential::new().push(Liar::default()).push(MaxPool2d::new(2)).forward(&input)?;
    let honest = Band::new(2, 0..0, 0..0);
    let axis = |input_axis, output_axis| Band { input_axis, output_axis, ..honest.clone() };
    let rows = |input, output| Band::new(2, input, output);
    let lies = [
        axis(9, 2),
        axis(2, 9),
        axis(usize::MAX, 0),
        axis(0, 0),
        axis(1, 1),
        axis(3, 2),
        rows(Range { start: 5, end: 3 }, 0..0),
        rows(0..99, 0..0),
        rows(7..usize::MAX, 0..usize::MAX),
        rows(usize::MAX - 1..usize::MAX, 0..0),
        rows(0..0, 0..7),
        rows(0..3, 4..5),
        rows(0..30, 0..30),
        rows(4..4, 4..4),
    ];
    for band in std::iter::once(honest).chain(lies) {
        for threads in 1..4 {
            let liar = Liar { band: Some(band.clone()), ..Liar::default() };
            let first = Sequential::new().push(liar.clone()).push(MaxPool2d::new(2));
            assert_eq!(fused(&first, &input, 2000, threads)?.0, expected, "{band:?}");
            // As the second module it would have to make the map smaller.
            let shape = Some(vec![2, 3, 1, 1]);
            let last = Sequential::new().push(MaxPool2d::new(1)).push(Liar { shape, ..liar });
            let (found, how) = fused(&last, &input, 2000, threads)?;
            assert_eq!(found.shape(), [2, 3, 1, 1], "{band:?}: {how}");
        }
    }
    // Honest about its band, but not about the plan for it.
    let planned = Some(vec![2, 3, 30, 20]);
    let liar = Liar { band: Some(Band::new(2, 0..0, 0..0)), planned, ..Liar::default() };
    let (found, how) = fused(&Sequential::new().push(liar).push(MaxPool2d::new(2)), &input, 2000, 2)?;
    assert_eq!((found, how.contains(" in ")), (expected, false));
    Ok(())
}

#[test]
fn modules_that_lie_about_plans_and_shapes_give_errors_or_are_planned_alone() -> Result<()> {
    let input = waves(&[2, 3]);
    let planned = Liar { planned: Some(vec![usize::MAX, usize::MAX]), ..Liar::default() };
    let error = Sequential::new().push(Relu).push_named("own", planned).plan(&[2, 3]).unwrap_err();
    assert!(error.to_string().starts_with("layer own (Liar): the input of the layer's plan must have"), "{error}");
    // Neither in place nor without a copy, as it has another number of elements.
    for (only_reshapes, elementwise) in [(true, false), (false, true), (true, true)] {
        let liar = Liar { shape: Some(vec![7]), only_reshapes, elementwise, ..Liar::default() };
        let model = Sequential::new().push(Relu).push(liar).push(Liar { shape: None, ..Liar::default() });
        let found = model.forward(&input)?;
        assert_eq!(found.shape(), [7]);
        assert_eq!(found.get(&[0]), Some(&(4.0 * input[[0, 0]].max(0.0))));
    }
    let vast = Liar { shape: Some(vec![usize::MAX; 2]), ..Liar::default() };
    let error = Sequential::new().push(vast).push(Relu).plan(&[2, 3]).unwrap_err();
    assert!(matches!(&error, Error::Layer { source, .. } if matches!(**source, Error::TooLarge { .. })), "{error}");
    Ok(())
}

#[test]
fn shapes_that_no_memory_holds_are_planned_or_refused_at_once() {
    let line = || Sequential::new().push(Conv1d::new(waves(&[1, 1, 3]))).push(Relu).push(MaxPool1d::new(2));
    let global = || Sequential::new().push(Conv1d::new(waves(&[1, 1, 3]))).push(GlobalAvgPool1d::default());
    for shift in (10..64).step_by(3) {
        let vast = 1_usize << shift;
        for shape in [vec![1, 1, vast], vec![vast, 1, 40], vec![vast, 1, vast], vec![1, vast], vec![vast]] {
            for model in [line(), global(), Sequential::new().push(line()).push(Flatten::default())] {
                // Memory that is there is taken, which is not what is tested.
                if (20..45).contains(&shift) {
                    continue;
                }
                if let Err(error) = model.plan(&shape) {
                    assert!(!error.to_string().is_empty());
                    assert_eq!(model.summary(&shape).unwrap_err(), error);
                }
            }
        }
    }
    // A window with more taps on pixels than memory holds, which takes more than 32 bits to say.
    #[cfg(target_pointer_width = "64")]
    {
        let model = Sequential::<f32>::new().push(MaxPool2d::new([1, 1 << 40]).stride([1, 1 << 58]));
        for shape in [[1, 1, 1 << 59], [1, 1 << 40, 1 << 20], [1, 1, 1 << 40]] {
            assert_eq!(model.plan(&shape).is_ok(), model.output_shape(&shape).is_ok(), "{shape:?}");
        }
    }
    for shape in [[usize::MAX, usize::MAX, 0], [0, usize::MAX, usize::MAX], [1, 1 << 31, 1 << 31]] {
        let model = Sequential::<f32>::new().push(Relu).push(Flatten::default()).push(Relu);
        assert!(model.plan(&shape).is_err() && model.summary(&shape).is_err());
        assert!(Sequential::<f32>::new().plan(&shape).is_err());
    }
}

#[test]
fn networks_within_networks_and_elementwise_layers_at_the_ends() -> Result<()> {
    let block =
        || Sequential::new().push(Conv2d::new(waves(&[3, 3, 3, 3])).padding(1)).push(Relu).push(MaxPool2d::new(2));
    let model = Sequential::new()
        .push(Relu)
        .push(Sequential::new())
        .push(block())
        .push(Sequential::new().push(block()).push(Sequential::new().push(Relu)))
        .push(GlobalMaxPool::default())
        .push(Flatten::default())
        .push(Relu);
    let input = waves(&[2, 3, 17, 22]);
    for threads in 1..4 {
        check(&model, &input, 1000, threads)?;
    }
    // Into memory that lies otherwise, twice, and from a view that is turned around.
    let mut output = Array2::<f32>::zeros((3, 2));
    let mut turned = input.view();
    turned.invert_axis(Axis(2));
    let expected = one_by_one(&model, &turned.to_owned())?;
    let mut plan = model.plan(input.shape())?;
    for _ in 0..2 {
        plan.run(turned.view(), output.view_mut().reversed_axes())?;
        assert_eq!(Tensor::from(output.t().to_owned()), expected);
    }
    assert_eq!(input, waves(&[2, 3, 17, 22]));

    let error = model.forward(&waves(&[2, 3, 17, 3])).unwrap_err().to_string();
    assert!(
        error.starts_with("layer 3 (Sequential): layer 0 (Sequential): layer 2 (MaxPool2d): window of 2"),
        "{error}"
    );
    Ok(())
}

#[test]
fn dense_layers_of_any_batch() -> Result<()> {
    let (weights, bias) = (waves(&[5, 7]), waves(&[5]));
    let layer = || Linear::new(weights.clone()).bias(bias.clone());
    for shape in [&[7][..], &[1, 7], &[100, 7], &[2, 3, 7], &[0, 7], &[3, 0, 7]] {
        let input = waves(shape);
        let model = Sequential::new().push(layer()).push(Relu);
        check(&model, &input, 1000, 2)?;
        let found = layer().forward(&input)?;
        let rows = input.to_shape((input.len() / 7, 7)).expect("whole rows");
        let expected = rows.dot(&weights.view().into_dimensionality::<ndarray::Ix2>().expect("rank 2").t());
        for (place, found) in found.iter().enumerate() {
            approx::assert_relative_eq!(found, &(expected[[place / 5, place % 5]] + bias[place % 5]), epsilon = 1e-5);
        }
        // The same from and into memory that lies otherwise.
        let every_second = Slice::new(0, None, -2);
        let (wide, mut tall) = (waves(&[14, input.len() / 7]), Array2::<f32>::zeros((10, input.len() / 7)));
        let from = wide.slice_axis(Axis(0), every_second).reversed_axes();
        let mut plan = layer().plan(from.shape())?;
        plan.run(from.view(), tall.slice_axis_mut(Axis(0), every_second).reversed_axes())?;
        let in_order = layer().forward(&from.as_standard_layout().to_owned())?;
        assert_eq!(Tensor::from(tall.slice_axis(Axis(0), every_second).reversed_axes().to_owned()), in_order);
    }
    Ok(())
}

#[test]
fn dense_layers_without_inputs_or_outputs() -> Result<()> {
    let nothing = Linear::new(ArrayD::<f32>::zeros(IxDyn(&[2, 0]))).bias(ndarray::array![3.0_f32, 4.0]);
    for batch in [0, 1, 3] {
        let found = nothing.forward(&ArrayD::zeros(IxDyn(&[batch, 0])))?;
        assert_eq!(found, Tensor::from(Array2::from_shape_fn((batch, 2), |(_, output)| 3.0 + output as f32)));
    }
    let none = Linear::new(ArrayD::<f32>::zeros(IxDyn(&[0, 3])));
    assert_eq!(none.forward(&waves(&[4, 3]))?.shape(), [4, 0]);
    // What is wrong with the weights is said when they are used; looking at them is no use.
    for rank in 0..5 {
        let mut odd = Linear::new(waves(&vec![2; rank])).bias(waves(&vec![2; rank]));
        assert!(odd.forward(&waves(&[2])).is_err(), "rank {rank}");
        assert_eq!(odd.parameters()[0].1.shape(), vec![2; rank]);
        assert_eq!(odd.parameters_mut()[1].1.shape(), vec![2; rank]);
    }
    Ok(())
}

#[test]
fn reshapes_of_views() -> Result<()> {
    let wide = waves(&[4, 5, 6]);
    let mut view = wide.slice_axis(Axis(0), Slice::new(0, None, 2));
    view.invert_axis(Axis(1));
    view.slice_axis_inplace(Axis(2), Slice::from(1..4));
    let view = view.permuted_axes(vec![2, 0, 1]);
    let in_order: Vec<f32> = view.iter().copied().collect();
    for model in [Sequential::new().push(Flatten::default()), Sequential::new().push(Flatten::default()).push(Relu)] {
        let mut output = Array2::<f32>::zeros((10, 3));
        model.plan(view.shape())?.run(view.view(), output.view_mut().reversed_axes())?;
        let floor = if model.len() > 1 { 0.0 } else { f32::NEG_INFINITY };
        assert!(output.t().iter().zip(&in_order).all(|(found, pixel)| found.total_cmp(&pixel.max(floor)).is_eq()));
    }
    assert_eq!(Flatten::from_axis(0).forward(view.view())?.iter().copied().collect::<Vec<_>>(), in_order);
    Ok(())
}
