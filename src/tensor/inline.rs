//! What both kinds of views hold: an array of any rank whose shape is kept inline.

use std::ops::Range;

use ndarray::{ArrayBase, Axis, Dimension, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn, RawData, Slice};

use crate::Error;

/// An array of any rank whose shape needs no allocation up to rank 6: it is held at rank 6, with axes of
/// length 1 in front. (A dynamic shape of `ndarray` allocates from rank 5 on, which a batch of volumes has.)
pub(super) enum Inline<S: RawData> {
    UpToSix { array: ArrayBase<S, Ix6>, rank: usize },
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
        let rank = array.ndim();
        let array = match rank {
            0 => at_rank_six!(array, Ix0, 0, 0, 0, 0, 0, 0),
            1 => at_rank_six!(array, Ix1, 0, 0, 0, 0, 0),
            2 => at_rank_six!(array, Ix2, 0, 0, 0, 0),
            3 => at_rank_six!(array, Ix3, 0, 0, 0),
            4 => at_rank_six!(array, Ix4, 0, 0),
            5 => at_rank_six!(array, Ix5, 0),
            6 => at_rank_six!(array, Ix6),
            _ => return Self::Deep(array.into_dyn()),
        };
        Self::UpToSix { array, rank }
    }

    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::UpToSix { array, rank } => &array.shape()[6 - rank..],
            Self::Deep(array) => array.shape(),
        }
    }

    pub(super) fn into_dyn(self) -> ArrayBase<S, IxDyn> {
        let (array, rank) = match self {
            Self::UpToSix { array, rank } => (array, rank),
            Self::Deep(array) => return array,
        };
        // Takes the axes of length 1 off again.
        if rank == 6 {
            return array.into_dyn();
        }
        let array = array.index_axis_move(Axis(0), 0);
        if rank == 5 {
            return array.into_dyn();
        }
        let mut array = array.index_axis_move(Axis(0), 0).into_dyn();
        for _ in rank..4 {
            array = array.index_axis_move(Axis(0), 0);
        }
        array
    }

    pub(super) fn len(&self) -> usize {
        self.shape().iter().product()
    }
}

/// A shape of rank 6 at most at rank 6, with axes of length 1 in front.
pub(super) fn full_shape(shape: &[usize]) -> Option<Ix6> {
    let mut full = [1; 6];
    full[6_usize.checked_sub(shape.len())?..].copy_from_slice(shape);
    Some(Ix6(full[0], full[1], full[2], full[3], full[4], full[5]))
}

/// An index into a shape of this rank, 6 at most, at rank 6; `None` for one of another rank.
pub(super) fn full_index(index: &[usize], rank: usize) -> Option<[usize; 6]> {
    let mut full = [0; 6];
    (index.len() == rank).then(|| full[6 - rank..].copy_from_slice(index))?;
    Some(full)
}

/// Whether `ndarray` takes memory for the shape of a view of so many axes, where it is dynamic, and a view held at rank 6 needs
/// none: then it is better made of a shape and a slice.
pub(super) fn is_long(rank: usize) -> bool {
    (5..=6).contains(&rank)
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

/// A part of a view along one of the axes of its shape.
pub(super) fn part_of<S: RawData>(array: &mut Inline<S>, axis: usize, range: Range<usize>) {
    match array {
        Inline::UpToSix { array, rank } => array.slice_axis_inplace(Axis(6 - *rank + axis), Slice::from(range)),
        Inline::Deep(array) => array.slice_axis_inplace(Axis(axis), Slice::from(range)),
    }
}

/// The error of as many elements as a shape does not have.
pub(super) fn wrong_length(shape: &[usize], found: usize) -> Error {
    Error::Shape { what: "a view made of its elements", expected: shape.to_vec(), found: vec![found] }
}
