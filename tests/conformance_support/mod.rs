//! What the conformance test is made of.

/// Calls a function that is generic over the number of spatial axes, with a number that a case gives.
macro_rules! by_rank {
    ($rank:expr, $function:ident$(::<$element:ty>)?($($argument:expr),*)) => {
        match $rank {
            1 => $function::<1 $(, $element)?>($($argument),*),
            2 => $function::<2 $(, $element)?>($($argument),*),
            3 => $function::<3 $(, $element)?>($($argument),*),
            other => Err(format!("{other} spatial axes are not among the cases").into()),
        }
    };
}

pub(crate) mod case;
mod compare;
mod layout;
pub(crate) mod onnx;
pub(crate) mod torch;
