//! What a user of the crate writes for himself, with its public parts alone:
//!
//! - a reduction, the range of the pixels under a window, which pools in one to three dimensions, over floats, with every step
//!   overridden, and integers, globally and adaptively;
//! - a module, local contrast normalisation, that has a convolution inside and stands in one list with the crate's own;
//! - a module that says which rows it computes its rows from, and is computed together with a pooling; the same where it does not
//!   say, and a function of every element alone, which is applied in place;
//! - a median filter on the window iterator, of a plane and of a view with strides;
//! - a weighted sum by tap, with an accumulator of another type than the pixels.

use featuremap::{
    AdaptivePool, Band, Bands, Conv2d, Element, Elementwise, GlobalPool, Lowering, MaxPool2d, Module, Operator,
    Padding, Plan, Pool, Reduction, Relu, Result, RunPlan, Sequential, Tensor, TensorView, TensorViewMut, Window, conv,
    pool,
};
use ndarray::{Array2, Array3, Array4, array, s};

#[path = "common/range.rs"]
mod range;

use range::Range;

/// With what a reduction must have, and no more.
impl Reduction<i16> for Range {
    type Accumulator = (i16, i16);

    fn start(&self) -> (i16, i16) {
        (i16::MAX, i16::MIN)
    }

    fn step(&self, (low, high): (i16, i16), pixel: i16) -> (i16, i16) {
        (low.min(pixel), high.max(pixel))
    }

    fn finish(&self, (low, high): (i16, i16), _count: usize) -> i16 {
        high.wrapping_sub(low)
    }
}

fn waves(shape: (usize, usize, usize, usize)) -> Array4<f32> {
    Array4::from_shape_fn(shape, |(b, c, y, x)| ((7 * b + 5 * c + 3 * y + 2 * x) as f32).sin())
}

#[test]
fn a_reduction_of_ones_own_pools_like_the_built_in_ones() -> Result<()> {
    let batch = waves((2, 3, 11, 13));
    for range in [
        Pool::<_, 2>::with(Range, 3).stride(2).padding(1),
        Pool::with(Range, [2, 4]).dilation([3, 1]).ceil_mode(true),
        Pool::with(Range, 5).stride(1).padding(Padding::SameLower),
    ] {
        assert_eq!(range.forward(&batch)?, pool::reference::forward(&range, &batch)?);
    }
    let signal = array![[4_i16, -3, 9, 9, 1], [i16::MIN, i16::MAX, 0, 0, 0]];
    let along = Pool::<_, 1>::with(Range, 2).stride(1).forward(&signal)?;
    assert_eq!(along, Tensor::from(array![[7_i16, 12, 0, 8], [-1, i16::MAX, 0, 0]]));

    let volume = Array3::from_shape_fn((2, 4, 4), |(z, y, x)| (16 * z + 4 * y + x) as f32);
    assert_eq!(Pool::<_, 3>::with(Range, 2).forward(&volume)?, Tensor::from(array![[[21_f32, 21.], [21., 21.]]]));
    assert_eq!(GlobalPool::<_, 3>::with(Range).forward(&volume)?, Tensor::from(array![[[31_f32]]]));
    assert_eq!(AdaptivePool::<_, 2>::with(Range, [1, 2]).forward(&volume)?.shape(), [2, 1, 2]);
    Ok(())
}

/// Subtracts from every pixel the mean of its neighbourhood: a box filter inside a module.
struct LocalContrast {
    mean: Conv2d,
}

impl LocalContrast {
    fn new(channels: usize, size: usize) -> Self {
        let weight = 1.0 / (size * size) as f32;
        let filters = Array4::from_elem((channels, 1, size, size), weight);
        Self { mean: Conv2d::new(filters).groups(channels).padding(Padding::Same) }
    }
}

impl Operator for LocalContrast {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.mean.output_shape(input)
    }
}

impl Module<f32> for LocalContrast {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.mean.forward_into(input.clone(), output.view_mut())?;
        subtract_from(&input, output);
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        let mean = self.mean.plan(input_shape)?;
        let output_shape = mean.output_shape().to_vec();
        Ok(Plan::new(input_shape, &output_shape, PlannedContrast { mean }))
    }
}

fn subtract_from(pixels: &TensorView<'_, f32>, means: TensorViewMut<'_, f32>) {
    means.into_array_view_mut().zip_mut_with(&pixels.clone().into_array_view(), |mean, &pixel| *mean = pixel - *mean);
}

/// Its plan holds that of the convolution inside.
#[derive(Clone)]
struct PlannedContrast {
    mean: Plan,
}

impl RunPlan<f32> for PlannedContrast {
    fn run(&mut self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.mean.run(input.clone(), output.view_mut())?;
        subtract_from(&input, output);
        Ok(())
    }

    fn algorithm(&self) -> String {
        format!("contrast over {}", self.mean.algorithm())
    }

    fn workspace_bytes(&self) -> usize {
        self.mean.workspace_bytes()
    }
}

#[test]
fn a_module_of_ones_own_stands_beside_the_built_in_ones() -> Result<()> {
    let layers: Vec<Box<dyn Module<f32>>> =
        vec![Box::new(LocalContrast::new(3, 3)), Box::new(Relu), Box::new(MaxPool2d::new(2))];
    let batch = waves((2, 3, 8, 10));
    let mut shape = batch.shape().to_vec();
    let mut map = Tensor::from(&batch);
    for layer in &layers {
        shape = layer.output_shape(&shape)?;
        map = layer.forward(&map)?;
        assert_eq!(map.shape(), shape);
    }
    assert_eq!(shape, [2, 3, 4, 5]);

    // Planned, every module gives the same.
    let mut planned = Tensor::from(&batch);
    for layer in &layers {
        let plan = layer.plan(planned.shape())?;
        let mut output = Tensor::zeros(plan.output_shape())?;
        plan.clone().run(&planned, &mut output)?;
        planned = output;
    }
    assert_eq!(planned, map);
    assert!(layers[0].plan(&[1, 3, 64, 64])?.algorithm().starts_with("contrast over "));

    // The middle pixel of a flat neighbourhood has no contrast; an error inside reaches the caller.
    let flat = LocalContrast::new(1, 3).forward(&Array2::<f32>::ones((5, 5)).insert_axis(ndarray::Axis(0)))?;
    approx::assert_abs_diff_eq!(*flat.get(&[0, 2, 2]).expect("a pixel"), 0.0, epsilon = 1e-6);
    let error = layers[0].forward(&waves((1, 4, 8, 8))).expect_err("the filters are for three channels");
    assert!(error.to_string().starts_with("the input has 4 channels"), "{error}");
    Ok(())
}

/// The difference between each pixel and the one two rows below it, of each channel alone: a module without padding.
#[derive(Debug, Clone)]
struct Edges {
    window: Window<2>,
    /// Whether it says which rows it needs.
    in_bands: bool,
}

impl Edges {
    fn new(in_bands: bool) -> Self {
        Self { window: Window::new([3, 1]), in_bands }
    }
}

impl Operator for Edges {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let &[batch, channels, rows, columns] = input else {
            let (what, expected) = ("the input of edges".into(), "of rank 4".into());
            return Err(featuremap::Error::Rank { what, expected, found: input.to_vec() });
        };
        let [rows, columns] = self.window.output_size([rows, columns])?;
        Ok(vec![batch, channels, rows, columns])
    }
}

impl Module<f32> for Edges {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        let (input, mut output) = (input.into_array_view(), output.into_array_view_mut());
        let rows = output.len_of(ndarray::Axis(2));
        let from = |first| input.slice_axis(ndarray::Axis(2), (first..first + rows).into());
        output.assign(&(&from(2) - &from(0)));
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        if self.in_bands { Lowering::Bands(self) } else { Lowering::Opaque }
    }
}

impl Bands<f32> for Edges {
    fn band(&self, input_shape: &[usize], rows: std::ops::Range<usize>) -> Option<Band> {
        let outputs = self.output_shape(input_shape).ok()?[2];
        let rows = rows.start..rows.end.min(outputs);
        Some(Band::new(2, rows.start..rows.end + 2, rows))
    }
}

/// The square of every pixel.
#[derive(Debug, Clone)]
struct Square;

impl Operator for Square {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

impl Module<f32> for Square {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        output.view_mut().into_array_view_mut().assign(&input.into_array_view());
        output.map_in_place(|pixel| *pixel *= *pixel);
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        Lowering::Elementwise(Elementwise::new(|mut map| map.map_in_place(|pixel| *pixel *= *pixel)))
    }
}

#[test]
fn a_module_that_says_which_rows_it_needs_is_computed_in_bands() -> Result<()> {
    let batch = waves((1, 4, 301, 300));
    let network = |in_bands| Sequential::new().push(Edges::new(in_bands)).push(Square).push(MaxPool2d::new(2));
    let edges = Edges::new(false).forward(&batch)?;
    let expected = MaxPool2d::new(2).forward(&edges.map(|&pixel| pixel * pixel))?;
    for (in_bands, how) in [(true, "fused"), (false, "in place")] {
        let model = network(in_bands);
        let mut plan = model.plan(batch.shape())?;
        let mut output = Tensor::zeros(plan.output_shape())?;
        plan.run(&batch, &mut output)?;
        assert_eq!(output, expected);
        assert_eq!(plan.algorithm().contains("as forward and "), in_bands, "{plan}");

        let summary = model.summary(batch.shape())?;
        assert_eq!((summary.layers[0].kind.as_str(), summary.layers[1].algorithm.as_str()), ("Edges", how));
        // Of the map, rows alone are held.
        assert_eq!(summary.layers[0].fused_bytes < summary.layers[0].plain_bytes, in_bands);
    }
    let error = network(true).forward(&waves((1, 4, 2, 9))).expect_err("there are no three rows");
    assert!(error.to_string().starts_with("layer 0 (Edges): window of 3 "), "{error}");
    Ok(())
}

fn median_filter<'a, T: Element>(plane: impl Into<TensorView<'a, T>>, size: usize) -> Result<Vec<T>> {
    let windows = Window::new([size, size]).padding(Padding::Same).over(plane)?;
    Ok(windows
        .map(|window| {
            let mut pixels: Vec<T> = window.iter().copied().collect();
            pixels.sort_by(|left, right| left.partial_cmp(right).expect("the picture has no NaN"));
            pixels[pixels.len() / 2]
        })
        .collect())
}

#[test]
fn a_median_filter_removes_salt_and_pepper() -> Result<()> {
    let clean = Array2::from_shape_fn((9, 12), |(_, x)| if x < 6 { 10.0 } else { 90.0 });
    let mut noisy = clean.clone();
    for (pixel, salt) in [([2, 2], 255.0), ([4, 9], 0.0), ([7, 3], 255.0), ([0, 11], 0.0)] {
        noisy[pixel] = salt;
    }
    assert_eq!(median_filter(&noisy, 3)?, clean.iter().copied().collect::<Vec<f64>>());

    // A view turned around gives the picture turned around.
    let turned = noisy.slice(s![..;-1, ..;-1]);
    let mut expected: Vec<f64> = clean.iter().copied().collect();
    expected.reverse();
    assert_eq!(median_filter(turned, 3)?, expected);
    Ok(())
}

#[test]
fn a_sum_by_tap_can_be_wider_than_its_pixels() -> Result<()> {
    let plane = Array2::from_shape_fn((7, 50), |(y, x)| u8::try_from(y * 30 + x).expect("fits a byte"));
    let weights = [1_i32, 2, 1, 2, 4, 2, 1, 2, 1];
    let geometry = Window::new([3, 3]).padding(1).geometry([7, 50])?;
    let mut sums = vec![0_i32; geometry.outputs()];
    let pixels = plane.as_slice().expect("a fresh array is in order");
    geometry.fold(pixels, &mut sums, 0, |sum, pixel: u8, tap| sum + weights[tap] * i32::from(pixel))?;

    let filter = Array2::from_shape_vec((3, 3), weights.to_vec()).expect("nine weights");
    let conv = Conv2d::new(filter).padding(1);
    let expected = conv::reference::forward(&conv, &plane.mapv(i32::from))?;
    assert_eq!(sums, expected.iter().copied().collect::<Vec<_>>());
    Ok(())
}
