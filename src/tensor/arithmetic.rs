//! `+`, `−`, `×` and `÷` of tensors of one shape, and of tensors and numbers, element by element.
//!
//! # When shapes differ
//!
//! An operator panics, as those of `ndarray` do and as `slice[index]` does: a formula whose every operator gave a `Result` would be
//! full of `?`, and a wrong shape in one is a mistake in the program. Where shapes come from outside it, [`Tensor::zip_map`] gives
//! an error instead. Nothing is stretched to fit (broadcast), as little as an operation of this crate ever lets a size decide what a
//! shape means: an image `[3, 3]` and a row `[3]` added by mistake would give a result.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use super::{Tensor, filled};
use crate::terms::each_integer;
use crate::{Element, Error, Float, Result};

impl<T> Tensor<T> {
    /// A tensor of `f` of every element of this tensor and the element of another at the same place.
    ///
    /// ```
    /// use featuremap::Tensor;
    ///
    /// let (mask, image) = (Tensor::from([[1, 0, 1]]), Tensor::from([[0.5, 0.25, 0.75]]));
    /// let masked = mask.zip_map(&image, |&inside, &pixel| if inside == 1 { pixel } else { 0. })?;
    /// assert_eq!(masked, Tensor::from([[0.5, 0., 0.75]]));
    ///
    /// let error = mask.zip_map(&Tensor::from([[1.]]), |_, &pixel| pixel).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the second of two tensors taken together must have shape [1, 3]; found [1, 1]"
    /// );
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if their shapes differ, [`Error::OutOfMemory`] where there is no room for the result.
    pub fn zip_map<U, V: Clone + Default>(
        &self,
        other: &Tensor<U>,
        mut f: impl FnMut(&T, &U) -> V,
    ) -> Result<Tensor<V>> {
        if self.shape() != other.shape() {
            let (expected, found) = (self.shape().to_vec(), other.shape().to_vec());
            return Err(Error::Shape { what: "the second of two tensors taken together", expected, found });
        }
        let mut results = filled(self.shape(), V::default())?;
        results.iter_mut().zip(self.iter().zip(other)).for_each(|(place, (left, right))| *place = f(left, right));
        Tensor::from_vec(self.shape(), results)
    }

    /// Replaces every element by `f` of it and the element of another tensor at the same place.
    #[track_caller]
    fn combine(&mut self, sign: &str, other: &Self, mut f: impl FnMut(&T, &T) -> T) {
        if self.shape() != other.shape() {
            differ(sign, self.shape(), other.shape());
        }
        self.array.zip_mut_with(&other.array, |place, right| *place = f(place, right));
    }
}

/// The one panic of an operator, of which programs need not each have a copy.
#[cold]
#[inline(never)]
#[track_caller]
fn differ(sign: &str, left: &[usize], right: &[usize]) -> ! {
    panic!(
        "`{sign}` is for tensors of one shape; found {left:?} {sign} {right:?} (`Tensor::zip_map` gives an error instead)"
    );
}

/// An operator on elements: of tensors by value or by reference, of a tensor and a number, and the same in place.
macro_rules! operator {
    ($bound:ident $operator:ident $method:ident $assign:ident $assign_method:ident $sign:literal $of:ident $what:literal $note:literal) => {
        #[doc = concat!($what, " of the elements at each place.", $note)]
        ///
        /// # Panics
        ///
        /// Where shapes differ: see [`zip_map`](Self::zip_map), which gives an error.
        impl<T: $bound> $assign<&Self> for Tensor<T> {
            #[track_caller]
            fn $assign_method(&mut self, other: &Self) {
                self.combine($sign, other, |&left, &right| left.$of(right));
            }
        }

        #[doc = concat!($what, " of every element and a number.", $note)]
        impl<T: $bound> $assign<T> for Tensor<T> {
            fn $assign_method(&mut self, number: T) {
                self.array.map_inplace(|element| *element = element.$of(number));
            }
        }

        #[doc = concat!($what, " of the elements at each place.", $note)]
        ///
        /// # Panics
        ///
        /// Where shapes differ: see [`zip_map`](Self::zip_map), which gives an error.
        impl<T: $bound> $operator<&Self> for Tensor<T> {
            type Output = Self;

            #[track_caller]
            fn $method(mut self, other: &Self) -> Self {
                self.$assign_method(other);
                self
            }
        }

        #[doc = concat!($what, " of the elements at each place.", $note)]
        ///
        /// # Panics
        ///
        /// Where shapes differ: see [`zip_map`](Tensor::zip_map), which gives an error.
        impl<T: $bound> $operator for Tensor<T> {
            type Output = Self;

            #[track_caller]
            fn $method(self, other: Self) -> Self {
                $operator::$method(self, &other)
            }
        }

        #[doc = concat!($what, " of the elements at each place.", $note)]
        ///
        /// # Panics
        ///
        /// Where shapes differ: see [`zip_map`](Tensor::zip_map), which gives an error.
        impl<T: $bound> $operator for &Tensor<T> {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, other: Self) -> Tensor<T> {
                $operator::$method(self.clone(), other)
            }
        }

        #[doc = concat!($what, " of the elements at each place.", $note)]
        ///
        /// # Panics
        ///
        /// Where shapes differ: see [`zip_map`](Tensor::zip_map), which gives an error.
        impl<T: $bound> $operator<Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, mut other: Tensor<T>) -> Tensor<T> {
                if self.shape() != other.shape() {
                    differ($sign, self.shape(), other.shape());
                }
                other.combine($sign, self, |&right, &left| left.$of(right));
                other
            }
        }

        #[doc = concat!($what, " of every element and a number.", $note)]
        impl<T: $bound> $operator<T> for Tensor<T> {
            type Output = Self;

            fn $method(mut self, number: T) -> Self {
                self.$assign_method(number);
                self
            }
        }

        #[doc = concat!($what, " of every element and a number.", $note)]
        impl<T: $bound> $operator<T> for &Tensor<T> {
            type Output = Tensor<T>;

            fn $method(self, number: T) -> Tensor<T> {
                self.map(|&element| element.$of(number))
            }
        }
    };
}

operator! { Element Add add AddAssign add_assign "+" plus "The sum" " Integers wrap." }
operator! { Element Sub sub SubAssign sub_assign "−" minus "The difference" " Integers wrap." }
operator! { Element Mul mul MulAssign mul_assign "×" times "The product" " Integers wrap." }
operator! { Float Div div DivAssign div_assign "÷" div "The quotient" "" }

/// A number before a tensor, for all types of elements. They are inline, so that a program compiles the ones that it has, and the crate
/// none.
macro_rules! numbers_before {
    ($($number:ident)*) => {$(
        numbers_before! { $number Add add plus, $number Sub sub minus, $number Mul mul times, }
    )*};
    ($($number:ident $operator:ident $method:ident $of:ident,)*) => {$(
        impl $operator<&Tensor<$number>> for $number {
            type Output = Tensor<$number>;

            #[inline]
            fn $method(self, tensor: &Tensor<$number>) -> Tensor<$number> {
                tensor.map(|&element| self.$of(element))
            }
        }

        impl $operator<Tensor<$number>> for $number {
            type Output = Tensor<$number>;

            #[inline]
            fn $method(self, tensor: Tensor<$number>) -> Tensor<$number> {
                $operator::$method(self, &tensor)
            }
        }
    )*};
}

each_integer!(numbers_before: f32 f64);
numbers_before! { f32 Div div div, f64 Div div div, }

/// Every element with the other sign, of numbers that have one. Integers wrap.
impl<T: Element + Neg<Output = T>> Neg for &Tensor<T> {
    type Output = Tensor<T>;

    fn neg(self) -> Tensor<T> {
        self.map(|&element| element.negated())
    }
}

/// Every element with the other sign, of numbers that have one. Integers wrap.
impl<T: Element + Neg<Output = T>> Neg for Tensor<T> {
    type Output = Self;

    fn neg(mut self) -> Self {
        self.array.map_inplace(|element| *element = element.negated());
        self
    }
}
