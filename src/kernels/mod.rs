//! The kernels under convolution, `Linear` and transposed convolution: they know slices and vectors, and nothing of layers.
//!
//! ```text
//!     panels      the pixels under the taps of a block of outputs, and weights, in the order in which a tile reads them
//!     tile        sums[row][register] += broadcast · load
//!     gemm        the loops around the tile
//!     epilogue    bias, activation, and the way from registers into the maps
//! ```

pub(crate) mod epilogue;
pub(crate) mod gemm;
pub(crate) mod panels;
pub(crate) mod tile;
