//! The parameters of convolutions, transposed or not: their type is that of the sums, as saved networks have it.

use std::any::Any;

use crate::Element;
use crate::tensor::{Tensor, TensorView, TensorViewMut};

/// A tensor of the type of sums, where this is one.
pub(super) fn of_sums<T: Element>(tensor: &Tensor<T>) -> Option<&Tensor<T::Sum>> {
    (tensor as &dyn Any).downcast_ref()
}

/// Filters, where their type is that of the sums, and the bias, with their names.
pub(super) fn parameters<'a, T: Element>(
    filters: &'a Tensor<T>,
    bias: Option<&'a Tensor<T::Sum>>,
) -> Vec<(String, TensorView<'a, T::Sum>)> {
    let named = [("weight", of_sums(filters)), ("bias", bias)];
    named.into_iter().filter_map(|(name, tensor)| Some((name.into(), tensor?.view()))).collect()
}

/// The same, to write to.
pub(super) fn parameters_mut<'a, T: Element>(
    filters: &'a mut Tensor<T>,
    bias: Option<&'a mut Tensor<T::Sum>>,
) -> Vec<(String, TensorViewMut<'a, T::Sum>)> {
    let named = [("weight", (filters as &mut dyn Any).downcast_mut::<Tensor<T::Sum>>()), ("bias", bias)];
    named.into_iter().filter_map(|(name, tensor)| Some((name.into(), tensor?.view_mut()))).collect()
}
