//! [`Upsample`]: maps made larger, or smaller, by their nearest pixels or by interpolation.

use std::sync::Arc;

use num_traits::ToPrimitive;

use super::pad;
use crate::kernels::maps::{Between, Interpolate, Tables};
use crate::module::{Module, Operator, RunPlan};
use crate::tensor::{MapShape, Staging, TensorView, TensorViewMut, collected, element_count, filled};
use crate::{Element, Error, Float, IntoPerAxis, Plan, Result};

/// Signals made longer, or shorter, `[batch, channels, length]` with or without the first two axes: an [`Upsample`]. The output has
/// `⌊length · factor⌋` pixels, or as many as are asked for.
///
/// ```
/// use featuremap::{Module, Tensor, Upsample1d};
///
/// assert_eq!(Upsample1d::by(2).forward([1., 4.])?, Tensor::from([1., 1., 4., 4.]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("UpSampling1D", "interpolate"))]
pub type Upsample1d = Upsample<1>;
/// Maps made larger, or smaller, `[batch, channels, height, width]` with or without the first two axes: an [`Upsample`]. Each axis of
/// the output has `⌊length · factor⌋` pixels, or as many as are asked for.
///
/// ```
/// use featuremap::{Interpolation, Module, Tensor, Upsample2d};
///
/// let larger = Upsample2d::to((1, 3)).interpolation(Interpolation::LinearWithAlignedCorners);
/// assert_eq!(larger.forward([[0., 4.]])?, Tensor::from([[0., 2., 4.]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("UpSampling2D", "interpolate", "UpsamplingBilinear2d", "UpsamplingNearest2d", "resize"))]
pub type Upsample2d = Upsample<2>;
/// Volumes made larger, or smaller, `[batch, channels, depth, height, width]` with or without the first two axes: an [`Upsample`].
/// Each axis of the output has `⌊length · factor⌋` pixels, or as many as are asked for.
///
/// ```
/// use featuremap::{Operator, Upsample3d};
///
/// assert_eq!(Upsample3d::by((1, 2, 2)).output_shape(&[4, 8, 8])?, [4, 16, 16]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("UpSampling3D", "interpolate"))]
pub type Upsample3d = Upsample<3>;

/// How the pixels of a larger map come from those of a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Interpolation {
    /// The pixel that lies there: `⌊place / scale⌋`.
    #[default]
    Nearest,
    /// Linear along each axis (bilinear, trilinear) between the middles of pixels, which are taken for squares: PyTorch's
    /// `align_corners=False`, ONNX's `half_pixel`.
    Linear,
    /// The same between pixels taken for points, so that the first and the last of each axis stay what they are:
    /// `align_corners=True`.
    LinearWithAlignedCorners,
}

/// PyTorch's `Upsample`: every map of `[spatial…]`, `[channel, spatial…]` or `[batch, channel, spatial…]` brought to another size.
///
/// ```
/// use featuremap::{Interpolation, Module, Tensor, Upsample1d};
/// use ndarray::array;
///
/// let twice = Upsample1d::by(2);
/// assert_eq!(twice.forward(&array![0.0, 4.0])?, Tensor::from(array![0.0, 0.0, 4.0, 4.0]));
/// let linear = twice.interpolation(Interpolation::Linear);
/// assert_eq!(linear.forward(&array![0.0, 4.0])?, Tensor::from(array![0.0, 1.0, 3.0, 4.0]));
/// let corners = Upsample1d::to(3).interpolation(Interpolation::LinearWithAlignedCorners);
/// assert_eq!(corners.forward(&array![0.0, 4.0])?, Tensor::from(array![0.0, 2.0, 4.0]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upsample<const N: usize> {
    target: SizeOrScale<N>,
    interpolation: Interpolation,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum SizeOrScale<const N: usize> {
    Size([usize; N]),
    Scale([f64; N]),
}

impl<const N: usize> Upsample<N> {
    /// To so many times the size, by the nearest pixels.
    pub fn by(factors: impl IntoPerAxis<N>) -> Self {
        Self::by_factors(factors.into_per_axis().0.map(|factor| factor as f64))
    }

    /// The same with factors that need not be whole: an axis of n pixels has `⌊n · factor⌋` then.
    pub fn by_factors(factors: [f64; N]) -> Self {
        Self { target: SizeOrScale::Scale(factors), interpolation: Interpolation::default() }
    }

    /// To this size, by the nearest pixels.
    pub fn to(size: impl IntoPerAxis<N>) -> Self {
        Self { target: SizeOrScale::Size(size.into_per_axis().0), interpolation: Interpolation::default() }
    }

    /// How pixels are made; [`Interpolation::Nearest`] unless given.
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = interpolation;
        self
    }

    fn layer(&self, input: &[usize]) -> Result<(MapShape<N>, MapShape<N>)> {
        let input = MapShape::<N>::read(input, &format!("the input of a {N}-D upsampling"))?;
        if N > 3 && self.interpolation != Interpolation::Nearest {
            let what = "the number of spatial axes of a linear interpolation";
            return Err(Error::Number { what, expected: "at most 3", found: N as f64 });
        }
        let mut size = [0; N];
        for axis in 0..N {
            let length = input.spatial[axis];
            size[axis] = match self.target {
                SizeOrScale::Size(size) => size[axis],
                SizeOrScale::Scale(factors) => scaled(length, factors[axis])?,
            };
            if size[axis] == 0 {
                return Err(Error::Zero { what: "the size of an upsampled map", axis });
            }
            if length == 0 {
                return Err(Error::EmptyAxis { axis });
            }
        }
        let output = input.over(size);
        element_count::<u8>(&output.to_vec())?;
        Ok((input, output))
    }

    /// From a place of the output to one of the input, as a factor.
    fn step(&self, axis: usize, length: usize, outputs: usize) -> f64 {
        match self.target {
            SizeOrScale::Scale(factors) => 1.0 / factors[axis],
            SizeOrScale::Size(_) => length as f64 / outputs as f64,
        }
    }

    /// The nearest pixel, computed as finely as PyTorch does.
    fn nearest<T: Float>(&self, axis: usize, at: usize, length: usize, outputs: usize) -> usize {
        let place = T::from_count(at) * T::from_f64(self.step(axis, length, outputs));
        place.to_usize().unwrap_or(0).min(length - 1)
    }

    /// The neighbours of a place of the output.
    fn between<T: Float>(&self, axis: usize, at: usize, length: usize, outputs: usize) -> Between<T> {
        let at = at as f64;
        let place = if self.interpolation == Interpolation::LinearWithAlignedCorners {
            let step = if outputs > 1 { (length - 1) as f64 / (outputs - 1) as f64 } else { 0.0 };
            step * at
        } else {
            (self.step(axis, length, outputs) * (at + 0.5) - 0.5).max(0.0)
        };
        let first = place.to_usize().unwrap_or(0).min(length - 1);
        let second = (first + 1).min(length - 1);
        let share = T::from_f64((place - first as f64).min(1.0));
        // Rounded, all may be the second's.
        if share == T::one() {
            Between { first: second, second, share: T::ZERO }
        } else {
            Between { first, second, share }
        }
    }

    fn planned<T: Float>(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        let (input, output) = self.layer(input_shape)?;
        let shape = output.to_vec();
        if self.interpolation == Interpolation::Nearest {
            let mut tables = Vec::new();
            for axis in 0..N {
                let (length, outputs) = (input.spatial[axis], output.spatial[axis]);
                tables.push(collected((0..outputs).map(|at| Some(self.nearest::<T>(axis, at, length, outputs))))?);
            }
            let planned = pad::GatherPlan {
                tables: Arc::new(Tables::new(&input.spatial, tables)),
                constant: T::ZERO,
                staging: Staging::default(),
            };
            return Ok(Plan::new(input_shape, &shape, planned));
        }
        let whole = Between { first: 0, second: 0, share: T::ZERO };
        let mut axes = [vec![whole], vec![whole], vec![whole]];
        let mut size = [1; 3];
        for axis in 0..N {
            let (length, outputs) = (input.spatial[axis], output.spatial[axis]);
            size[3 - N + axis] = length;
            axes[3 - N + axis] = collected((0..outputs).map(|at| self.between(axis, at, length, outputs)))?;
        }
        let row = filled(&[size[2]], T::ZERO)?;
        Ok(Plan::new(
            input_shape,
            &shape,
            InterpolatePlan { axes: Arc::new(axes), size, row, staging: Staging::default() },
        ))
    }
}

/// An axis of so many pixels at a scale.
fn scaled(length: usize, factor: f64) -> Result<usize> {
    if !factor.is_finite() || factor <= 0.0 {
        return Err(Error::Number {
            what: "the factor of an upsampling",
            expected: "positive and finite",
            found: factor,
        });
    }
    let size = (length as f64 * factor).floor();
    // More than a usize can count is too large for any memory.
    num_traits::cast(size).ok_or_else(|| Error::TooLarge { what: "an upsampled axis", sizes: vec![length] })
}

impl<const N: usize> Operator for Upsample<N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.layer(input)?.1.to_vec())
    }

    fn name(&self) -> String {
        format!("Upsample{N}d")
    }
}

impl<T: Float, const N: usize> Module<T> for Upsample<N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.check_output(&input, &output)?;
        if output.is_empty() {
            return Ok(());
        }
        self.planned::<T>(input.shape())?.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        let shape = self.output_shape(input_shape)?;
        element_count::<T>(&shape)?;
        if shape.contains(&0) || Tables::are_vast(&shape[shape.len() - N..]) {
            return Plan::of(*self, input_shape);
        }
        self.planned(input_shape)
    }
}

/// What the plan of a linear interpolation has.
#[derive(Clone)]
struct InterpolatePlan<T> {
    axes: Arc<[Vec<Between<T>>; 3]>,
    size: [usize; 3],
    row: Vec<T>,
    staging: Staging<T>,
}

impl<T: Element> RunPlan<T> for InterpolatePlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        let Self { axes, size, row, staging } = self;
        staging.run(&input, output, &mut |input, output| {
            T::interpolate(Interpolate { axes, size: *size, input, output, row });
            Ok(())
        })
    }

    fn algorithm(&self) -> String {
        "linear".into()
    }

    fn workspace_bytes(&self) -> usize {
        size_of_val(&self.row[..]) + self.staging.bytes()
    }
}
