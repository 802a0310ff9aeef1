//! The reductions that have vector code of their own: what they do to vectors of pixels.

use crate::element::Element;
use crate::simd::{FloatPixel, Pixel, Simd};

/// Pixels of the widest register, if every level counts.
pub(super) const WIDEST: usize = 64;

/// Pixels that kernels may read and merge, to no effect, behind the end of a row: five registers.
pub(super) const MARGIN: usize = 5 * WIDEST;

/// A reduction of this crate. Only this crate can name it: no other reduction can claim to be one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    Max,
    Min,
    Average {
        count_include_pad: bool,
    },
    L2,
    /// It has no vector code of its own.
    Lp {
        order: f64,
    },
}

impl Operation {
    /// The same by another name that has more kernels.
    pub(super) fn simplest(self) -> Self {
        match self {
            Self::Lp { order: 2.0 } => Self::L2,
            other => other,
        }
    }

    /// What padding counts as: it changes nothing.
    pub(super) fn start<T: Element>(self) -> T {
        match self {
            Self::Max => T::LOWEST,
            Self::Min => T::HIGHEST,
            Self::Average { .. } | Self::L2 | Self::Lp { .. } => T::ZERO,
        }
    }

    /// Whether it has the kernels of small windows, pairs and boxes, which [`Merge`] pixels.
    pub(super) fn is_merged(self) -> bool {
        match self {
            Self::Max | Self::Min | Self::Average { .. } | Self::L2 => true,
            Self::Lp { .. } => false,
        }
    }

    /// Whether pixels are pooled so as they are. Integers are not averaged as integers: their sums need more room.
    pub(super) fn is_of<T: Pixel>(self) -> bool {
        T::HAS_ORDER || matches!(self, Self::Max | Self::Min)
    }

    pub(super) fn count_include_pad(self) -> bool {
        self == Self::Average { count_include_pad: true }
    }
}

/// An operation on vectors. Merging is associative, rounding apart, and keeps the order of the pixels: of equal pixels the
/// earlier stays, of several NaNs the last.
pub(super) trait Merge<T: Pixel>: Copy {
    /// What a pixel counts for: itself, or its square.
    #[inline(always)]
    fn enter<S: Simd>(pixels: T::Pixels<S>) -> T::Pixels<S> {
        pixels
    }

    fn merge<S: Simd>(simd: S, earlier: T::Pixels<S>, later: T::Pixels<S>) -> T::Pixels<S>;

    /// The same operation where there is no NaN: fewer instructions, where NaN must be looked after.
    type Plain: Merge<T>;
    /// Whether it is another.
    const HAS_PLAIN: bool = false;

    /// Whether merging rounds nothing, so that windows may be put together in any way.
    const EXACT: bool = false;

    /// Whether many ask for it: where others take loops, these are unrolled for some lengths.
    const IS_COMMON: bool = false;

    /// The pixel that is picked, where one is.
    #[inline(always)]
    fn pick(pixels: impl Iterator<Item = T>) -> Option<T> {
        let _ = pixels;
        None
    }

    /// Whether a result is divided by the count of its pixels.
    const COUNTED: bool = false;

    #[inline(always)]
    fn finish<S: Simd>(merged: T::Pixels<S>) -> T::Pixels<S> {
        merged
    }

    /// The quotient by the product of two numbers, or the product with it where they are inverted.
    #[inline(always)]
    fn divided<S: Simd>(
        merged: T::Pixels<S>,
        _one: T::Pixels<S>,
        _other: T::Pixels<S>,
        _inverted: bool,
    ) -> T::Pixels<S> {
        merged
    }

    /// A number as [`divided_by`](Self::divided_by) needs it.
    #[inline(always)]
    fn divisor<S: Simd>(_: S, number: T::Pixels<S>) -> [T::Pixels<S>; 2] {
        [number; 2]
    }

    #[inline(always)]
    fn divided_by<S: Simd>(merged: T::Pixels<S>, _divisor: [T::Pixels<S>; 2]) -> T::Pixels<S> {
        merged
    }
}

/// Defines `compute`, which runs a kernel by an operation with the instructions of a level, in registers as wide as there are or narrow
/// ones: in the module of the kernel, where its code then stands.
macro_rules! by_operation {
    ($kernel:ident by $run:ident) => {
        /// The kernel with the operation that it merges by.
        struct By<'a, T, O>($kernel<'a, T>, O);

        impl<T: $crate::Element, O: Merge<T>> $crate::simd::Kernel for By<'_, T, O> {
            type Output = ();
            /// There are too many of them.
            const SCALAR: bool = false;

            #[inline(always)]
            fn run<S: Simd>(self, simd: S) {
                self.0.run::<S, O>(simd);
            }
        }

        /// Runs the kernel by an operation with the instructions of a level.
        #[inline(never)]
        pub(super) fn compute<T: $crate::Element, O: Merge<T>>(
            level: $crate::simd::Level,
            kernel: $kernel<'_, T>,
            operation: O,
        ) {
            $crate::simd::$run(level, By(kernel, operation));
        }
    };
}
pub(super) use by_operation;

/// Merges registers side by side, each with its own.
#[inline(always)]
pub(super) fn merge_each<S: Simd, T: Pixel, O: Merge<T>, const COUNT: usize>(
    simd: S,
    mut earlier: [T::Pixels<S>; COUNT],
    later: [T::Pixels<S>; COUNT],
) -> [T::Pixels<S>; COUNT] {
    for register in 0..COUNT {
        earlier[register] = O::merge(simd, earlier[register], later[register]);
    }
    earlier
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Mean;
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm;

/// Max and min, that look after NaN, and where there is none.
macro_rules! selections {
    ($($selection:ident $plain:ident $merge:ident $wins:tt $is_common:literal,)*) => {$(
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $selection;
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $plain;

        impl<T: Pixel> Merge<T> for $selection {
            type Plain = $plain;
            const EXACT: bool = true;
            const HAS_PLAIN: bool = true;
            const IS_COMMON: bool = $is_common;

            #[inline(always)]
            fn merge<S: Simd>(simd: S, earlier: T::Pixels<S>, later: T::Pixels<S>) -> T::Pixels<S> {
                T::unless_nan::<S>(later, T::$merge(simd, earlier, later))
            }

            #[inline(always)]
            #[allow(clippy::eq_op, reason = "NaN differs from itself")]
            fn pick(pixels: impl Iterator<Item = T>) -> Option<T> {
                pixels.reduce(|picked, pixel| if pixel $wins picked || pixel != pixel { pixel } else { picked })
            }
        }

        impl<T: Pixel> Merge<T> for $plain {
            type Plain = Self;
            const EXACT: bool = true;

            #[inline(always)]
            fn merge<S: Simd>(simd: S, earlier: T::Pixels<S>, later: T::Pixels<S>) -> T::Pixels<S> {
                T::$merge(simd, earlier, later)
            }
        }
    )*};
}

selections! {
    Largest PlainLargest larger > true,
    Smallest PlainSmallest smaller < false,
}

impl<T: FloatPixel> Merge<T> for Mean {
    type Plain = Self;
    const COUNTED: bool = true;
    const IS_COMMON: bool = true;

    #[inline(always)]
    fn merge<S: Simd>(_: S, earlier: T::Pixels<S>, later: T::Pixels<S>) -> T::Pixels<S> {
        earlier + later
    }

    #[inline(always)]
    fn divided<S: Simd>(sum: T::Pixels<S>, one: T::Pixels<S>, other: T::Pixels<S>, inverted: bool) -> T::Pixels<S> {
        let by = T::product::<S>(one, other);
        if inverted { T::product::<S>(sum, by) } else { T::quotient::<S>(sum, by) }
    }

    #[inline(always)]
    fn divisor<S: Simd>(simd: S, number: T::Pixels<S>) -> [T::Pixels<S>; 2] {
        T::divisor(simd, number)
    }

    #[inline(always)]
    fn divided_by<S: Simd>(sum: T::Pixels<S>, divisor: [T::Pixels<S>; 2]) -> T::Pixels<S> {
        T::divided::<S>(sum, divisor)
    }
}

impl<T: FloatPixel> Merge<T> for Norm {
    type Plain = Self;
    #[inline(always)]
    fn enter<S: Simd>(pixels: T::Pixels<S>) -> T::Pixels<S> {
        T::product::<S>(pixels, pixels)
    }

    #[inline(always)]
    fn merge<S: Simd>(_: S, earlier: T::Pixels<S>, later: T::Pixels<S>) -> T::Pixels<S> {
        earlier + later
    }

    #[inline(always)]
    fn finish<S: Simd>(merged: T::Pixels<S>) -> T::Pixels<S> {
        T::root::<S>(merged)
    }
}
