//! Comparison within a tolerance, element by element, with the traits of the `approx` crate.

use ::approx::{AbsDiffEq, RelativeEq, UlpsEq};

use super::Tensor;

fn all_pairs<T>(left: &Tensor<T>, right: &Tensor<T>, mut equal: impl FnMut(&T, &T) -> bool) -> bool {
    left.shape() == right.shape() && left.iter().zip(right).all(|(left, right)| equal(left, right))
}

/// Tensors of different shapes are never equal.
///
/// ```
/// use approx::assert_abs_diff_eq;
/// use featuremap::Tensor;
///
/// let thirds = Tensor::from(vec![1.0_f64 / 3.0, 2.0 / 3.0]);
/// assert_abs_diff_eq!(thirds, Tensor::from(vec![0.3333, 0.6667]), epsilon = 1e-4);
/// ```
impl<T: AbsDiffEq<Epsilon: Copy>> AbsDiffEq for Tensor<T> {
    type Epsilon = T::Epsilon;

    fn default_epsilon() -> T::Epsilon {
        T::default_epsilon()
    }

    fn abs_diff_eq(&self, other: &Self, epsilon: T::Epsilon) -> bool {
        all_pairs(self, other, |left, right| left.abs_diff_eq(right, epsilon))
    }
}

impl<T: RelativeEq<Epsilon: Copy>> RelativeEq for Tensor<T> {
    fn default_max_relative() -> T::Epsilon {
        T::default_max_relative()
    }

    fn relative_eq(&self, other: &Self, epsilon: T::Epsilon, max_relative: T::Epsilon) -> bool {
        all_pairs(self, other, |left, right| left.relative_eq(right, epsilon, max_relative))
    }
}

impl<T: UlpsEq<Epsilon: Copy>> UlpsEq for Tensor<T> {
    fn default_max_ulps() -> u32 {
        T::default_max_ulps()
    }

    fn ulps_eq(&self, other: &Self, epsilon: T::Epsilon, max_ulps: u32) -> bool {
        all_pairs(self, other, |left, right| left.ulps_eq(right, epsilon, max_ulps))
    }
}
