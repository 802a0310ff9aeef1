//! [`Pad`]: a border around maps.

use std::sync::Arc;

use crate::kernels::maps::{TableGather, Tables};
use crate::module::{Module, Operator, RunPlan};
use crate::tensor::{MapShape, Staging, TensorView, TensorViewMut, collected, element_count};
use crate::window::{Padding, PaddingMode};
use crate::{Element, Error, IntoPadding, Plan, Result};

/// A border around signals, `[batch, channels, length]` with or without the first two axes: a [`Pad`]. The output has
/// `before + length + after` pixels.
///
/// ```
/// use featuremap::{Module, Pad1d, Tensor};
///
/// assert_eq!(Pad1d::new([(1, 2)]).forward([1, 2, 3])?, Tensor::from([0, 1, 2, 3, 0, 0]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("ConstantPad1d", "ReflectionPad1d", "ReplicationPad1d", "CircularPad1d", "ZeroPadding1D"))]
pub type Pad1d = Pad<1>;
/// A border around maps, `[batch, channels, height, width]` with or without the first two axes: a [`Pad`]. Each axis of the output
/// has `before + length + after` pixels.
///
/// ```
/// use featuremap::{Module, Pad2d, PadMode, Tensor};
///
/// let pad = Pad2d::new((0, 1)).mode(PadMode::Replicate); // no row, and a column on each side
/// assert_eq!(pad.forward([[1, 2], [3, 4]])?, Tensor::from([[1, 1, 2, 2], [3, 3, 4, 4]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias(
    "ZeroPad2d",
    "ConstantPad2d",
    "ReflectionPad2d",
    "ReplicationPad2d",
    "CircularPad2d",
    "ZeroPadding2D",
    "copyMakeBorder"
))]
pub type Pad2d = Pad<2>;
/// A border around volumes, `[batch, channels, depth, height, width]` with or without the first two axes: a [`Pad`]. Each axis of
/// the output has `before + length + after` pixels.
///
/// ```
/// use featuremap::{Module, Operator, Pad3d};
///
/// assert_eq!(Pad3d::new(1).output_shape(&[4, 5, 6])?, [6, 7, 8]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("ConstantPad3d", "ReflectionPad3d", "ReplicationPad3d", "CircularPad3d", "ZeroPadding3D"))]
pub type Pad3d = Pad<3>;

/// What a [`Pad`] fills its border with.
///
/// ```text
///     constant    0 0 0 [a b c d] 0 0 0
///     reflect     d c b [a b c d] c b a     PyTorch, NumPy
///     symmetric   c b a [a b c d] d c b     NumPy
///     replicate   a a a [a b c d] d d d     NumPy's edge
///     circular    b c d [a b c d] a b c     NumPy's wrap
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PadMode {
    /// This number.
    Constant(f64),
    /// The image mirrored at its border pixels, which are not repeated. At most `length − 1` a side.
    Reflect,
    /// The image mirrored at its borders, so that its border pixels are repeated; again and again, where it is small.
    Symmetric,
    /// The border pixel, repeated.
    Replicate,
    /// The image repeated, as on a torus. At most `length` a side.
    Circular,
}

/// A border of so many pixels on each side of each of `N` spatial axes: PyTorch's `ZeroPad2d`, `ConstantPad2d`, `ReflectionPad2d`,
/// `ReplicationPad2d` and `CircularPad2d`, and NumPy's `symmetric`. The input is `[spatial…]`, `[channel, spatial…]` or
/// `[batch, channel, spatial…]`.
///
/// ```
/// use featuremap::{Module, Pad1d, PadMode, Tensor};
/// use ndarray::array;
///
/// let pad = Pad1d::new([(1, 2)]);
/// assert_eq!(pad.forward(&array![1, 2, 3])?, Tensor::from(array![0, 1, 2, 3, 0, 0]));
/// let pad = pad.mode(PadMode::Symmetric);
/// assert_eq!(pad.forward(&array![1, 2, 3])?, Tensor::from(array![1, 1, 2, 3, 3, 2]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pad<const N: usize> {
    sides: [(usize, usize); N],
    mode: PadMode,
}

impl<const N: usize> Pad<N> {
    /// So many zeros before and after the pixels of each axis: a number for all sides, one an axis, or `(before, after)` for each.
    /// [`Padding::Same`] and [`Padding::Valid`] are those of a window of one pixel: none.
    pub fn new(sides: impl IntoPadding<N>) -> Self {
        let sides = match sides.into_padding() {
            Padding::Explicit(sides) => sides,
            Padding::Valid | Padding::Same | Padding::SameLower => [(0, 0); N],
        };
        Self { sides, mode: PadMode::Constant(0.0) }
    }

    /// What the border is filled with; zeros unless given.
    pub fn mode(mut self, mode: PadMode) -> Self {
        self.mode = mode;
        self
    }

    fn layer(&self, input: &[usize]) -> Result<(MapShape<N>, MapShape<N>)> {
        let input = MapShape::<N>::read(input, &format!("the input of a {N}-D pad"))?;
        let mut size = [0; N];
        for axis in 0..N {
            let ((before, after), length) = (self.sides[axis], input.spatial[axis]);
            let whole = before.checked_add(length).and_then(|sum| sum.checked_add(after));
            let sizes = || vec![before, length, after];
            size[axis] = whole.ok_or_else(|| Error::TooLarge { what: "a padded axis", sizes: sizes() })?;
            let (mode, most) = match self.mode {
                PadMode::Constant(_) => continue,
                _ if length == 0 => return Err(Error::EmptyAxis { axis }),
                PadMode::Symmetric | PadMode::Replicate => continue,
                PadMode::Reflect => (PaddingMode::Reflect, length - 1),
                PadMode::Circular => (PaddingMode::Circular, length),
            };
            if before.max(after) > most {
                return Err(Error::PaddingMode { mode, axis, before, after, length, most });
            }
        }
        let output = input.over(size);
        element_count::<u8>(&output.to_vec())?;
        Ok((input, output))
    }

    /// The pixel that stands at a place of a padded axis.
    fn source(&self, axis: usize, at: usize, length: usize) -> Option<usize> {
        let position = at.cast_signed() - self.sides[axis].0.cast_signed();
        let mode = match self.mode {
            PadMode::Constant(_) => PaddingMode::Zeros,
            PadMode::Reflect => PaddingMode::Reflect,
            PadMode::Symmetric => PaddingMode::Symmetric,
            PadMode::Replicate => PaddingMode::Replicate,
            PadMode::Circular => PaddingMode::Circular,
        };
        mode.source(position, length)
    }

    fn planned<T: Element>(&self, input: &[usize]) -> Result<(Vec<usize>, GatherPlan<T>)> {
        let (input, output) = self.layer(input)?;
        let shape = output.to_vec();
        let mut tables = Vec::new();
        for axis in 0..N {
            let length = input.spatial[axis];
            tables.push(collected((0..output.spatial[axis]).map(|at| self.source(axis, at, length)))?);
        }
        let constant = match self.mode {
            PadMode::Constant(value) => T::of_parameter(value),
            PadMode::Reflect | PadMode::Symmetric | PadMode::Replicate | PadMode::Circular => T::ZERO,
        };
        Ok((
            shape,
            GatherPlan { tables: Arc::new(Tables::new(&input.spatial, tables)), constant, staging: Staging::default() },
        ))
    }
}

impl<const N: usize> Operator for Pad<N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.layer(input)?.1.to_vec())
    }

    fn name(&self) -> String {
        format!("Pad{N}d")
    }
}

impl<T: Element, const N: usize> Module<T> for Pad<N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.check_output(&input, &output)?;
        if output.is_empty() {
            return Ok(());
        }
        self.planned::<T>(input.shape())?.1.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        let shape = self.output_shape(input_shape)?;
        element_count::<T>(&shape)?;
        if shape.contains(&0) || Tables::are_vast(&shape[shape.len() - N..]) {
            return Plan::of(*self, input_shape);
        }
        let (shape, planned) = self.planned::<T>(input_shape)?;
        Ok(Plan::new(input_shape, &shape, planned))
    }
}

/// What the plan of a layer has that puts every pixel of its input where tables say.
#[derive(Clone)]
pub(super) struct GatherPlan<T> {
    pub(super) tables: Arc<Tables>,
    pub(super) constant: T,
    pub(super) staging: Staging<T>,
}

impl<T: Element> RunPlan<T> for GatherPlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        let Self { tables, constant, staging } = self;
        staging.run(&input, output, &mut |input, output| {
            T::gather(TableGather { tables, input, output, constant: *constant });
            Ok(())
        })
    }

    fn workspace_bytes(&self) -> usize {
        self.staging.bytes()
    }

    fn algorithm(&self) -> String {
        "tables".into()
    }
}
