//! Activations that are applied to sums while these are in registers.

use super::elementwise::ElementwiseKernels;
use crate::simd::{Lanes, Simd, Vector, outline, unrolled};
use crate::terms::Activation;

outline!();

/// An activation that is applied to sums before they are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FusedActivation<A> {
    Clamp(Clamp<A>),
    LeakyRelu { slope: A },
    HardSwish,
}

/// Whether floats of this type have fused activations that are no clamps: `f32` alone, as each is compiled into many kernels.
pub(super) const fn fuses<A>() -> bool {
    size_of::<A>() == size_of::<f32>()
}

impl<A: ElementwiseKernels + PartialOrd> FusedActivation<A> {
    /// An activation that can be fused.
    pub(crate) fn of(activation: Activation) -> Option<Self> {
        match activation {
            Activation::LeakyRelu { slope } if A::FUSES => Some(Self::LeakyRelu { slope: A::of_parameter(slope) }),
            Activation::HardSwish if A::FUSES => Some(Self::HardSwish),
            _ => Clamp::of(activation).map(Self::Clamp),
        }
    }

    /// Whether it may come after the larger or smaller of two numbers instead of before: whether no larger number has a smaller result.
    pub(crate) fn keeps_order(self) -> bool {
        match self {
            Self::Clamp(_) => true,
            // With none, an infinity gives NaN.
            Self::LeakyRelu { slope } => slope > A::of_parameter(0.0),
            // It falls up to −1.5.
            Self::HardSwish => false,
        }
    }

    /// This and then another, if both are one.
    pub(crate) fn then(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Clamp(first), Self::Clamp(next)) => Some(Self::Clamp(first.then(next))),
            _ => None,
        }
    }

    /// Of one number.
    #[inline]
    pub(crate) fn apply(self, number: A) -> A {
        match self {
            Self::Clamp(clamp) => clamp.apply(number),
            Self::LeakyRelu { slope } => number.leaky_relu(slope),
            Self::HardSwish => number.hard_swish(),
        }
    }
}

impl<A: Lanes> FusedActivation<A> {
    /// Of registers of numbers. Which activation it is, is asked once for all.
    #[inline(always)]
    pub(super) fn apply_to<S: Simd, const ROWS: usize, const REGISTERS: usize>(
        self,
        simd: S,
        numbers: [[A::Vector<S>; REGISTERS]; ROWS],
    ) -> [[A::Vector<S>; REGISTERS]; ROWS] {
        match self {
            Self::Clamp(clamp) => applied(
                numbers,
                #[inline(always)]
                |numbers| clamp.apply_to(simd, numbers),
            ),
            _ if const { !fuses::<A>() } => unreachable!("`of` gives doubles clamps alone"),
            Self::LeakyRelu { slope } => apart(
                simd,
                numbers,
                #[inline(always)]
                move |numbers| A::leaky_relu_of(simd, numbers, slope),
            ),
            Self::HardSwish => apart(
                simd,
                numbers,
                #[inline(always)]
                move |numbers| A::hard_swish_of(simd, numbers),
            ),
        }
    }
}

/// A rarer function, in a function of its own. It gets a copy of the numbers, and gives another, register by register: where sums
/// themselves have an address, they lie in memory for the commoner functions, too.
#[inline(always)]
fn apart<S: Simd, V: Copy, const ROWS: usize, const REGISTERS: usize>(
    simd: S,
    mut numbers: [[V; REGISTERS]; ROWS],
    function: impl Fn(V) -> V,
) -> [[V; REGISTERS]; ROWS] {
    let copy = numbers;
    let results = outlined(
        simd,
        #[inline(always)]
        move || applied(copy, function),
    );
    unrolled::<ROWS>(
        #[inline(always)]
        |row| {
            for register in 0..REGISTERS {
                numbers[row][register] = results[row][register];
            }
        },
    );
    numbers
}

#[inline(always)]
fn applied<V: Copy, const ROWS: usize, const REGISTERS: usize>(
    mut registers: [[V; REGISTERS]; ROWS],
    function: impl Fn(V) -> V,
) -> [[V; REGISTERS]; ROWS] {
    unrolled::<ROWS>(
        #[inline(always)]
        |row| {
            for register in 0..REGISTERS {
                registers[row][register] = function(registers[row][register]);
            }
        },
    );
    registers
}

/// `min(max(x, low), high)`, where NaN stays NaN. One code for the ReLU, for `Relu6` and for any other clamp: the bounds are known when
/// it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Clamp<A> {
    pub(crate) low: A,
    pub(crate) high: A,
}

impl<A: PartialOrd + Copy> Clamp<A> {
    /// Of one number.
    #[inline(always)]
    pub(crate) fn apply(self, number: A) -> A {
        let number = if number < self.low { self.low } else { number };
        if number > self.high { self.high } else { number }
    }

    /// This and then another: a clamp again.
    pub(crate) fn then(self, next: Self) -> Self {
        Self { low: next.apply(self.low), high: next.apply(self.high) }
    }
}

impl<A: Lanes> Clamp<A> {
    /// Of a register of numbers.
    #[inline(always)]
    fn apply_to<S: Simd>(self, simd: S, numbers: A::Vector<S>) -> A::Vector<S> {
        A::clamped(simd, numbers, A::Vector::<S>::splat(simd, self.low), A::Vector::<S>::splat(simd, self.high))
    }
}
