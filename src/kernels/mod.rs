//! Kernels: they know slices, axes and vectors, but no element, module or plan.

pub(crate) mod pool;
