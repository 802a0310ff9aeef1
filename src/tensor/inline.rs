//! What both kinds of views hold: an array of any rank whose shape is kept inline.

use std::ops::{Deref, Range};

use ndarray::{ArrayBase, Axis, Dimension, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn, RawData, Slice};

use crate::Error;

/// The lengths of eight axes at most, which need no memory of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    lengths: [usize; 8],
    rank: usize,
}

impl Shape {
    pub(super) fn new(shape: &[usize]) -> Option<Self> {
        let (mut lengths, rank) = ([0; 8], shape.len());
        lengths.get_mut(..rank)?.copy_from_slice(shape);
        Some(Self { lengths, rank })
    }

    /// Whether an array of this shape is held as a row of all its elements.
    pub(super) fn is_flat(&self) -> bool {
        self.rank > 6
    }

    /// The axis at which an axis is held, and how many of the former are one of the latter; `None` where an array is held flat and a part
    /// along this axis is no part of that.
    pub(super) fn along(&self, axis: usize) -> Option<(Axis, usize)> {
        if !self.is_flat() {
            return Some((Axis(6 - self.rank + axis), 1));
        }
        let (before, after) = self.split_at(axis);
        before.iter().all(|&length| length == 1).then(|| (Axis(5), after[1..].iter().product()))
    }

    /// The same with another length of an axis.
    pub(super) fn with(mut self, axis: usize, length: usize) -> Self {
        self.lengths[axis] = length;
        self
    }

    /// The shape that an array is held at; `None` where `ndarray` could not count its elements.
    pub(super) fn held(&self) -> Option<Ix6> {
        let mut held = [1; 6];
        if self.is_flat() {
            let volume = |all: isize, &length: &usize| all.checked_mul(isize::try_from(length.max(1)).ok()?);
            self.iter().try_fold(1, volume)?;
            held[5] = self.iter().product();
        } else {
            held[6 - self.rank..].copy_from_slice(self);
        }
        Some(Ix6(held[0], held[1], held[2], held[3], held[4], held[5]))
    }

    /// Where an element is held; `None` for an index of another rank, or outside a shape that is held flat.
    pub(super) fn index(&self, index: &[usize]) -> Option<[usize; 6]> {
        let mut held = [0; 6];
        if index.len() != self.rank {
            return None;
        }
        if self.is_flat() {
            let inside = |(&at, &length): (&usize, &usize)| at < length;
            index.iter().zip(self.iter()).all(inside).then_some(())?;
            held[5] = index.iter().zip(self.iter()).fold(0, |flat, (&at, &length)| flat * length + at);
        } else {
            held[6 - self.rank..].copy_from_slice(index);
        }
        Some(held)
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.lengths[..self.rank]
    }
}

/// An array of any rank. (A dynamic shape of `ndarray` takes memory from rank 5 on, which a batch of volumes has.)
pub(super) enum Inline<S: RawData> {
    /// Its shape needs no memory. Up to rank 6, `array` is held at rank 6, with axes of length 1 in front; of rank 7 and 8, what lies in
    /// row-major order, as a row of all its elements.
    Held { array: ArrayBase<S, Ix6>, shape: Shape },
    /// Of more axes, or of 7 or 8 in another order, which cannot be seen at any rank that is known when compiling.
    Deep(ArrayBase<S, IxDyn>),
}

/// `array` with rank `$from`, as rank 6: one more axis for each `$grow`.
macro_rules! at_rank_six {
    ($array:ident, $from:ty $(, $grow:tt)*) => {
        match $array.into_dimensionality::<$from>() {
            Ok(array) => array$(.insert_axis(Axis($grow)))*,
            Err(_) => unreachable!("the rank was matched"),
        }
    };
}

impl<S: RawData> Inline<S> {
    pub(super) fn new<D: Dimension>(array: ArrayBase<S, D>) -> Self {
        let Some(shape) = Shape::new(array.shape()) else { return Self::Deep(array.into_dyn()) };
        let array = match shape.len() {
            0 => at_rank_six!(array, Ix0, 0, 0, 0, 0, 0, 0),
            1 => at_rank_six!(array, Ix1, 0, 0, 0, 0, 0),
            2 => at_rank_six!(array, Ix2, 0, 0, 0, 0),
            3 => at_rank_six!(array, Ix3, 0, 0, 0),
            4 => at_rank_six!(array, Ix4, 0, 0),
            5 => at_rank_six!(array, Ix5, 0),
            6 => at_rank_six!(array, Ix6),
            _ if array.is_standard_layout() => {
                let row = (1, 1, 1, 1, 1, array.len());
                array.into_shape_with_order(row).expect("it lies in row-major order")
            }
            _ => return Self::Deep(array.into_dyn()),
        };
        Self::Held { array, shape }
    }

    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Held { shape, .. } => shape,
            Self::Deep(array) => array.shape(),
        }
    }

    pub(super) fn into_dyn(self) -> ArrayBase<S, IxDyn> {
        let (array, shape) = match self {
            Self::Held { array, shape } => (array, shape),
            Self::Deep(array) => return array,
        };
        if shape.is_flat() {
            return array.into_shape_with_order(IxDyn(&shape)).expect("it lies in row-major order");
        }
        // Takes the axes of length 1 off again.
        if shape.len() == 6 {
            return array.into_dyn();
        }
        let array = array.index_axis_move(Axis(0), 0);
        if shape.len() == 5 {
            return array.into_dyn();
        }
        let mut array = array.index_axis_move(Axis(0), 0).into_dyn();
        for _ in shape.len()..4 {
            array = array.index_axis_move(Axis(0), 0);
        }
        array
    }

    pub(super) fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// The part in a range of one of the axes.
    pub(super) fn part(self, axis: usize, range: Range<usize>) -> Self {
        if let Self::Held { mut array, shape } = self {
            let Some((held, count)) = shape.along(axis) else {
                return Self::Deep(Self::Held { array, shape }.into_dyn()).part(axis, range);
            };
            array.slice_axis_inplace(held, Slice::from(range.start * count..range.end * count));
            return Self::Held { array, shape: shape.with(axis, range.len()) };
        }
        let mut array = self.into_dyn();
        array.slice_axis_inplace(Axis(axis), Slice::from(range));
        Self::Deep(array)
    }
}

/// Whether `ndarray` takes memory for the shape of a view of so many axes, where it is dynamic, and a view that holds its shape needs
/// none: then it is better made of a shape and a slice.
pub(super) fn is_long(rank: usize) -> bool {
    (5..=8).contains(&rank)
}

/// Where the axes of a volume lie at rank 6, behind one that is not used. Of the six axes those in front have length 1 and can
/// stand anywhere.
pub(super) fn volume_order(spatial_axes: usize) -> [usize; 6] {
    match spatial_axes {
        1 => [0, 3, 4, 1, 2, 5],
        2 => [0, 2, 3, 1, 4, 5],
        _ => [0, 1, 2, 3, 4, 5],
    }
}

/// The error of as many elements as a shape does not have.
pub(super) fn wrong_length(shape: &[usize], found: usize) -> Error {
    Error::Shape { what: "a view made of its elements", expected: shape.to_vec(), found: vec![found] }
}
