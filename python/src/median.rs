//! Medians, and sums by a divisor of the caller's: what the crate leaves to its users, by the window core and its trait of reductions.

use featuremap::{Float, Max, Module, Operator, Plan, Pool, Reduction, Result, TensorView, TensorViewMut, Window};
use numpy::ndarray::{ArrayViewD, ArrayViewMutD, Axis};
use rayon::prelude::*;

use crate::element::Pixel;

/// The middle one of the pixels of a window in order: of an even number, the larger of the two in the middle. A NaN gives NaN.
#[derive(Clone)]
pub(crate) struct Median<const N: usize> {
    window: Window<N>,
    /// Says which shapes fit, and gives which: a pooling as any other.
    pool: Pool<Max, N>,
}

impl<const N: usize> Median<N> {
    pub(crate) fn new(window: Window<N>, pool: Pool<Max, N>) -> Self {
        Self { window, pool }
    }

    /// The medians over what is one plane, or several, of as many axes in front as there are.
    fn planes<T: Pixel>(&self, input: &ArrayViewD<'_, T>, mut output: ArrayViewMutD<'_, T>) -> Result<()> {
        if input.ndim() > N {
            let planes = input.axis_iter(Axis(0)).zip(output.axis_iter_mut(Axis(0)));
            return planes.into_iter().try_for_each(|(input, output)| self.planes(&input, output));
        }
        let windows = self.window.over(TensorView::from(input.view()))?;
        let medians: Vec<T> = windows
            .into_par_iter()
            .map_init(Vec::new, |pixels, window| {
                pixels.clear();
                pixels.extend(window.iter().copied());
                median(pixels)
            })
            .collect();
        output.iter_mut().zip(medians).for_each(|(place, median)| *place = median);
        Ok(())
    }
}

/// Sorts no more than it must. There is a pixel in every window.
fn median<T: Pixel>(pixels: &mut [T]) -> T {
    if let Some(nan) = pixels.iter().copied().find(|pixel| pixel.is_nan()) {
        return nan;
    }
    let middle = pixels.len() / 2;
    *pixels.select_nth_unstable_by(middle, |one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal)).1
}

impl<const N: usize> Operator for Median<N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.pool.output_shape(input)
    }

    fn name(&self) -> String {
        format!("Median{N}d")
    }
}

impl<T: Pixel, const N: usize> Module<T> for Median<N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.check_output(&input, &output)?;
        self.planes(&input.into_array_view(), output.into_array_view_mut())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        Plan::of(self.clone(), input_shape)
    }
}

/// The sum of the pixels, divided by one number for all windows: PyTorch's `divisor_override`.
#[derive(Clone)]
pub(crate) struct Divided(pub(crate) f64);

impl<T: Float> Reduction<T> for Divided {
    type Accumulator = T;

    fn start(&self) -> T {
        T::ZERO
    }

    fn step(&self, sum: T, pixel: T) -> T {
        sum + pixel
    }

    fn finish(&self, sum: T, _: usize) -> T {
        sum / T::from_f64(self.0)
    }

    fn merge(&self, one: T, other: T) -> Option<T> {
        Some(one + other)
    }
}
