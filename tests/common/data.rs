//! Numbers to compute with, in memory of every order.

use approx::AbsDiffEq;
use featuremap::{Element, Tensor};
use ndarray::{ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Axis, IxDyn, RawData, Slice};
use proptest::prelude::*;

/// Elements that can be drawn from random bits.
pub(crate) trait Draw: Element {
    /// An integer of any size, often an extreme one, so that sums wrap; a float of a few units.
    fn draw(bits: u64) -> Self;
}

macro_rules! draw_integers {
    ($($integer:ty),*) => {$(
        impl Draw for $integer {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                clippy::cast_lossless,
                reason = "any bits will do"
            )]
            fn draw(bits: u64) -> Self {
                match bits % 4 {
                    0 => <$integer>::MIN,
                    1 => <$integer>::MAX,
                    _ => (bits >> 2) as $integer,
                }
            }
        }
    )*};
}

draw_integers!(i8, u8, i16, u16, i32, i64);

impl Draw for f64 {
    fn draw(bits: u64) -> Self {
        // The upper 32 bits, as a fraction between −4 and 4.
        (bits >> 32) as f64 / f64::from(u32::MAX) * 8.0 - 4.0
    }
}

impl Draw for f32 {
    #[allow(clippy::cast_possible_truncation, reason = "rounded to what f32 has")]
    fn draw(bits: u64) -> Self {
        f64::draw(bits) as f32
    }
}

/// An array of numbers that follow from the seed.
pub(crate) fn numbers<T: Draw>(seed: u64, shape: &[usize]) -> ArrayD<T> {
    let mut state = seed;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        // SplitMix64: G. Steele et al., "Fast splittable pseudorandom number generators", 2014.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        T::draw(bits ^ (bits >> 31))
    })
}

/// All places of a box in row-major order.
pub(crate) fn odometer(sizes: &[usize]) -> Vec<Vec<usize>> {
    sizes.iter().fold(vec![Vec::new()], |places, &size| {
        places.iter().flat_map(|place| (0..size).map(move |at| place.iter().copied().chain([at]).collect())).collect()
    })
}

/// How the elements of an array lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    RowMajor,
    /// All axes run backwards.
    Reversed,
    /// Every other element of a larger array, on all axes.
    Stepped,
    /// The same, backwards.
    SteppedBack,
    /// The first axis lies innermost.
    Transposed,
    /// The channel axis lies innermost.
    ChannelsLast,
}

impl Memory {
    pub(crate) const ALL: [Self; 6] =
        [Self::RowMajor, Self::Reversed, Self::Stepped, Self::SteppedBack, Self::Transposed, Self::ChannelsLast];

    fn is_stepped(self) -> bool {
        matches!(self, Self::Stepped | Self::SteppedBack)
    }

    /// The logical array in one that lies in memory as this says.
    fn arrange<S: RawData>(self, mut stored: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        let rank = stored.ndim();
        for axis in (0..rank).map(Axis) {
            if self.is_stepped() {
                stored.slice_axis_inplace(axis, Slice::new(1, None, 2));
            }
            if matches!(self, Self::Reversed | Self::SteppedBack) {
                stored.invert_axis(axis);
            }
        }
        match self {
            Self::Transposed => stored.reversed_axes(),
            Self::ChannelsLast if rank > 0 => {
                let mut axes: Vec<usize> = (0..rank - 1).collect();
                axes.insert(channel_axis(rank), rank - 1);
                stored.permuted_axes(axes)
            }
            _ => stored,
        }
    }

    /// The shape that an array of this logical shape has in memory.
    fn shape(self, logical: &[usize]) -> Vec<usize> {
        let mut shape = logical.to_vec();
        match self {
            Self::RowMajor | Self::Reversed => {}
            Self::Stepped | Self::SteppedBack => shape.iter_mut().for_each(|length| *length = 2 * *length + 1),
            Self::Transposed => shape.reverse(),
            Self::ChannelsLast => {
                if !shape.is_empty() {
                    let channels = shape.remove(channel_axis(logical.len()));
                    shape.push(channels);
                }
            }
        }
        shape
    }
}

/// The axis before the two of a picture, or the first.
fn channel_axis(rank: usize) -> usize {
    rank.saturating_sub(3)
}

/// Any order in memory.
pub(crate) fn memories<const N: usize>() -> impl Strategy<Value = Memory> {
    proptest::sample::select(Memory::ALL.as_slice())
}

/// An array whose elements lie in memory in some order, with others between them.
#[derive(Debug, Clone)]
pub(crate) struct Stored<T> {
    memory: Memory,
    array: ArrayD<T>,
}

impl<T: Clone> Stored<T> {
    /// `filler` stands wherever the array does not: make it one that would show.
    pub(crate) fn new(logical: &ArrayD<T>, memory: Memory, filler: T) -> Self {
        let array = ArrayD::from_elem(memory.shape(logical.shape()), filler);
        let mut stored = Self { memory, array };
        stored.view_mut().assign(logical);
        stored
    }

    pub(crate) fn view(&self) -> ArrayViewD<'_, T> {
        self.memory.arrange(self.array.view())
    }

    pub(crate) fn view_mut(&mut self) -> ArrayViewMutD<'_, T> {
        self.memory.arrange(self.array.view_mut())
    }

    /// The array with all that lies between its elements.
    pub(crate) fn array(&self) -> &ArrayD<T> {
        &self.array
    }
}

/// Equal in shape and in every element, where one NaN equals another.
#[track_caller]
pub(crate) fn assert_same<T: Element>(left: &Tensor<T>, right: &Tensor<T>) {
    let same = left.shape() == right.shape()
        && left.iter().zip(right).all(|(left, right)| left == right || (left.is_nan() && right.is_nan()));
    assert!(same, "left: {left:?}\nright: {right:?}");
}

/// Equal within `relative` of `scale` in every element: of the sum of what was added up, cancelled or not.
#[track_caller]
pub(crate) fn assert_close<T>(left: &Tensor<T>, right: &Tensor<T>, scale: &Tensor<T>, relative: T)
where
    T: Element + AbsDiffEq<Epsilon = T> + std::ops::Mul<Output = T>,
{
    assert_eq!(left.shape(), right.shape());
    assert_eq!(left.shape(), scale.shape());
    for ((left_element, right_element), &scale) in left.iter().zip(right).zip(scale) {
        let close = left_element.abs_diff_eq(right_element, scale * relative);
        assert!(close, "{left_element} is not {right_element} within {relative} of {scale}");
    }
}
