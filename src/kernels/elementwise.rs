//! Functions of every element, over slices: plain loops, which the compiler makes vectors of.

use super::activation::{Clamp, fuses};
use super::functions::Exponential;
use super::rectify::{self, Rectify};
use crate::simd::{Level, vectorized_narrow};
use crate::terms::{Activation, each_integer};

/// What functions of every element need, for every [`Element`](crate::Element).
///
/// Its methods are not generic, so this crate has their code.
pub trait ElementwiseKernels: Copy {
    /// Whether activations that are no clamps are fused, too.
    const FUSES: bool = false;

    /// The nearest number of this type to the parameter of a function.
    fn of_parameter(parameter: f64) -> Self;
    /// Applies an activation. Integers have the ReLU and clamps alone, and are left as they are by others.
    fn activate(activation: Activation, elements: &mut [Self]);
    /// [`Activation::LeakyRelu`] and [`Activation::HardSwish`] of one number; integers are left as they are.
    fn leaky_relu(self, _slope: Self) -> Self {
        self
    }
    fn hard_swish(self) -> Self {
        self
    }
    /// [`Rectify`]
    fn rectify(level: Level, rectify: Rectify<'_, Self>);
    /// Adds to every element its partner.
    fn add(elements: &mut [Self], others: &[Self]);
    /// Multiplies every element by its partner.
    fn multiply(elements: &mut [Self], others: &[Self]);
    /// Multiplies all by one number, and adds another.
    fn scale(elements: &mut [Self], factor: Self, offset: Self);
}

impl<A: ElementwiseKernels> Clamp<A> {
    /// The clamp that an activation is, if it is one.
    pub(crate) fn of(activation: Activation) -> Option<Self> {
        let (low, high) = match activation {
            Activation::Relu => (0.0, f64::INFINITY),
            Activation::Clamp { low, high } => (low, high),
            _ => return None,
        };
        Some(Self { low: A::of_parameter(low), high: A::of_parameter(high) })
    }
}

/// Applies a function to every element, with the instructions of a level where the numbers are `f32`: others are few, and plain loops
/// over them are vectors of the baseline's width. No registers are wider than 32 bytes, as memory is what takes the time of most.
#[inline(always)]
fn each<A: Copy>(elements: &mut [A], function: impl Fn(A) -> A) {
    if const { size_of::<A>() != size_of::<f32>() } {
        return apply(elements, function);
    }
    vectorized_narrow(
        Level::new(),
        #[inline(always)]
        || apply(elements, function),
    );
}

#[inline(always)]
fn apply<A: Copy>(elements: &mut [A], function: impl Fn(A) -> A) {
    for element in elements {
        *element = function(*element);
    }
}

/// The same with a partner for each.
#[inline(always)]
fn each_pair<A: Copy>(elements: &mut [A], others: &[A], function: impl Fn(A, A) -> A) {
    if const { size_of::<A>() != size_of::<f32>() } {
        return apply_pairs(elements, others, function);
    }
    vectorized_narrow(
        Level::new(),
        #[inline(always)]
        || apply_pairs(elements, others, function),
    );
}

#[inline(always)]
fn apply_pairs<A: Copy>(elements: &mut [A], others: &[A], function: impl Fn(A, A) -> A) {
    for (element, other) in elements.iter_mut().zip(others) {
        *element = function(*element, *other);
    }
}

macro_rules! floats {
    ($($float:ident)*) => {$(
        impl ElementwiseKernels for $float {
            const FUSES: bool = fuses::<Self>();

            #[allow(clippy::cast_possible_truncation, clippy::cast_lossless, reason = "rounding to the nearest is the point")]
            fn of_parameter(parameter: f64) -> Self {
                parameter as $float
            }

            fn activate(activation: Activation, elements: &mut [Self]) {
                let number = Self::of_parameter;
                match activation {
                    Activation::Relu => each(elements, |x| if x < 0.0 { 0.0 } else { x }),
                    Activation::Clamp { low, high } => {
                        let clamp = Clamp { low: number(low), high: number(high) };
                        each(elements, |x| clamp.apply(x));
                    }
                    Activation::LeakyRelu { slope } => {
                        let slope = number(slope);
                        each(elements, |x| x.leaky_relu(slope));
                    }
                    Activation::Elu { alpha } => {
                        let alpha = number(alpha);
                        each(elements, |x| if x > 0.0 { x } else { alpha * Exponential::exp_m1(x) });
                    }
                    Activation::Sigmoid => each(elements, Exponential::sigmoid),
                    Activation::HardSigmoid { slope, offset } => {
                        let (slope, offset) = (number(slope), number(offset));
                        let clamp = Clamp { low: 0.0, high: 1.0 };
                        each(elements, |x| clamp.apply(x * slope + offset));
                    }
                    Activation::Tanh => each(elements, Exponential::tanh),
                    Activation::Silu => each(elements, |x| x * Exponential::sigmoid(x)),
                    Activation::HardSwish => each(elements, Self::hard_swish),
                    Activation::Gelu => each(elements, Exponential::gelu),
                    Activation::GeluTanh => {
                        // 0.5 (1 + tanh u) is the sigmoid of 2u.
                        let factor = number(2.0 * (2.0 / std::f64::consts::PI).sqrt());
                        let cubic = number(0.044_715);
                        each(elements, |x| x * Exponential::sigmoid(factor * (x + cubic * x * x * x)));
                    }
                    Activation::Softplus { beta, threshold } => {
                        let (beta, threshold) = (number(beta), number(threshold));
                        each(elements, |x| {
                            if x * beta > threshold { x } else { Exponential::softplus(x * beta) / beta }
                        });
                    }
                }
            }

            #[inline(always)]
            fn leaky_relu(self, slope: Self) -> Self {
                if self < 0.0 { self * slope } else { self }
            }

            #[inline(always)]
            fn hard_swish(self) -> Self {
                // The largest number times 6 would be infinite.
                self * (Clamp { low: 0.0, high: 6.0 }.apply(self + 3.0) / 6.0)
            }

            fn rectify(level: Level, rectify: Rectify<'_, Self>) {
                rectify::compute(level, rectify);
            }

            fn add(elements: &mut [Self], others: &[Self]) {
                each_pair(elements, others, |one, other| one + other);
            }

            fn multiply(elements: &mut [Self], others: &[Self]) {
                each_pair(elements, others, |one, other| one * other);
            }

            fn scale(elements: &mut [Self], factor: Self, offset: Self) {
                each(elements, |x| x * factor + offset);
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl ElementwiseKernels for $integer {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a cast of a float ends at the ends of the type"
            )]
            fn of_parameter(parameter: f64) -> Self {
                parameter as $integer
            }

            fn activate(activation: Activation, elements: &mut [Self]) {
                if let Some(clamp) = Clamp::of(activation) {
                    for element in elements {
                        *element = clamp.apply(*element);
                    }
                }
            }

            fn rectify(level: Level, rectify: Rectify<'_, Self>) {
                rectify::compute(level, rectify);
            }

            fn add(elements: &mut [Self], others: &[Self]) {
                elements.iter_mut().zip(others).for_each(|(element, other)| *element = element.wrapping_add(*other));
            }

            fn multiply(elements: &mut [Self], others: &[Self]) {
                elements.iter_mut().zip(others).for_each(|(element, other)| *element = element.wrapping_mul(*other));
            }

            fn scale(elements: &mut [Self], factor: Self, offset: Self) {
                for element in elements {
                    *element = element.wrapping_mul(factor).wrapping_add(offset);
                }
            }
        }
    )*};
}

floats!(f32 f64);
each_integer!(integers);
