//! The kernels: they know slices, axes and vectors, and nothing of elements, layers or plans.
//!
//! ```text
//!     panels      the pixels under the taps of a block of outputs, and weights, in the order in which a tile reads them
//!     tile        sums[row][register] += broadcast · load
//!     gemm        the loops around the tile
//!     rows        the same over pixels that are read where they lie
//!     depthwise   planes with a filter each, in vectors along the channels
//!     activation  activations of sums in registers
//!     epilogue    bias, activation, and the way from registers into the maps
//!     elementwise  functions of every element, in vectors, and the exponential functions for them
//!     rectify     the ReLU
//!     maps        pixels put where tables say, interpolation, norms over channels
//!     pool        windows over planes, in vectors
//!     transpose   channels that lie side by side, put into rows
//! ```

pub(crate) mod activation;
pub(crate) mod depthwise;
pub(crate) mod elementwise;
pub(crate) mod epilogue;
mod functions;
pub(crate) mod gemm;
pub(crate) mod maps;
pub(crate) mod panels;
pub(crate) mod pool;
pub(crate) mod rectify;
pub(crate) mod rows;
pub(crate) mod tile;
pub(crate) mod transpose;
