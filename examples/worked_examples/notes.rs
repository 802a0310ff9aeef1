//! The matrices of the notes that more than one item uses.

use featuremap::Tensor;
use ndarray::array;

/// The 5×5 image of items 1, 2 and 4.
pub(crate) fn image() -> Tensor<i32> {
    Tensor::from(array![[7, 2, 3, 3, 8], [4, 5, 3, 8, 4], [3, 3, 2, 8, 4], [2, 8, 7, 2, 7], [5, 4, 4, 5, 4]])
}

/// The filter for vertical edges: it subtracts what is on the right from what is on the left.
pub(crate) fn vertical_edges() -> Tensor<i32> {
    Tensor::from(array![[1, 0, -1], [1, 0, -1], [1, 0, -1]])
}

/// The 4×4 map of items 10 and 14.
pub(crate) fn map_to_pool() -> Tensor<f64> {
    Tensor::from(array![[3., 1., 1., 3.], [2., 5., 0., 2.], [1., 4., 2., 1.], [4., 7., 2., 4.]])
}
