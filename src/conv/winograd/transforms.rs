//! The transforms of F(4, 3), F(4, 4) and F(2, 3) along one axis.
//!
//! Filter and pixels are polynomials, with as many coefficients as there are taps and as a patch has pixels. The first transform
//! gives the filter's values at the points, divided by what the second leaves out of the Lagrange polynomials; the value at ∞ is
//! the last coefficient. The third gives the outputs.
//!
//! The algebra holds at any points, the rounding errors depend on them. Points come in pairs ±p, whose even and odd parts are
//! computed once for both. The usual 0, ±1, ±2 and ∞ bring factors of up to 24; here the squares of the points lie on both sides
//! of 1, and the error of F(4, 3) is less than half of theirs, its largest error of an output a quarter. All points are short
//! fractions, and most constants exact in `f32`. F(2, 3) has 0, ±1 and ∞, which are exact.

use crate::Float;
use crate::simd::{Lanes, Simd, Vector};

/// Outputs of the larger tiles along an axis, and of the smaller.
pub(super) const LARGE_TILE: usize = 4;
pub(super) const SMALL_TILE: usize = 2;
/// The most taps of a filter along an axis.
pub(super) const MOST_TAPS: usize = 4;
/// The most pixels that a tile sees along an axis, and points.
pub(super) const MOST_PATCH: usize = LARGE_TILE + MOST_TAPS - 1;
/// Those of either tile under three taps.
pub(super) const LARGE_PATCH: usize = LARGE_TILE + 2;
pub(super) const SMALL_PATCH: usize = SMALL_TILE + 2;

/// Calls a function that is generic in the pixels of a patch and the outputs of a tile along an axis.
macro_rules! with_patch {
    ($patch:expr, |$pixels:ident, $outputs:ident| $call:expr) => {
        match $patch {
            $crate::conv::winograd::transforms::SMALL_PATCH => {
                const $pixels: usize = $crate::conv::winograd::transforms::SMALL_PATCH;
                const $outputs: usize = $crate::conv::winograd::transforms::SMALL_TILE;
                $call
            }
            $crate::conv::winograd::transforms::LARGE_PATCH => {
                const $pixels: usize = $crate::conv::winograd::transforms::LARGE_PATCH;
                const $outputs: usize = $crate::conv::winograd::transforms::LARGE_TILE;
                $call
            }
            _ => {
                const $pixels: usize = $crate::conv::winograd::transforms::MOST_PATCH;
                const $outputs: usize = $crate::conv::winograd::transforms::LARGE_TILE;
                $call
            }
        }
    };
}
pub(super) use with_patch;

/// The points of patches of so many pixels, `PATCH` in all: pairs, zero where that makes the number even, and ∞ as the last.
struct Points<const PATCH: usize>;

/// The most pairs of points.
const MOST_PAIRS: usize = (MOST_PATCH - 1) / 2;

impl<const PATCH: usize> Points<PATCH> {
    const COUNT: usize = (PATCH - 1) / 2;
    /// How many points are zero: one or none.
    const ZEROS: usize = PATCH - 1 - 2 * Self::COUNT;
    /// Taps of a filter for such patches.
    const TAPS: usize = if PATCH == MOST_PATCH { MOST_TAPS } else { 3 };
    /// The positive point of each pair. Those of `f32` layers with the least errors, among fractions of few digits.
    const PAIRS: [f64; MOST_PAIRS] = match PATCH {
        SMALL_PATCH => [1.0, 0.0, 0.0],
        LARGE_PATCH => [0.625, 1.5, 0.0],
        _ => [0.375, 0.875, 2.0],
    };
    /// The coefficients, lowest first, of Π (y − p²) over all pairs.
    const ALL: [f64; MOST_PAIRS + 1] = product(Self::PAIRS, Self::COUNT, MOST_PAIRS);
    /// The same over all pairs but one.
    const OTHERS: [[f64; MOST_PAIRS + 1]; MOST_PAIRS] = [
        product(Self::PAIRS, Self::COUNT, 0),
        product(Self::PAIRS, Self::COUNT, 1),
        product(Self::PAIRS, Self::COUNT, 2),
    ];
    const FILTER: FilterMatrix = Self::filter_matrix();

    const fn filter_matrix() -> FilterMatrix {
        let mut matrix = [[0.0; MOST_TAPS]; MOST_PATCH];
        let mut pair = 0;
        while pair < Self::COUNT {
            let point = Self::PAIRS[pair];
            let (mut distances, mut power) = (0.0, MOST_PAIRS + 1);
            while power > 0 {
                power -= 1;
                distances = distances * point * point + Self::OTHERS[pair][power];
            }
            // From the other point of the pair, from zero where that is a point, and from the other pairs.
            let from_zero = if Self::ZEROS == 1 { point } else { 1.0 };
            let (mut tap, mut power) = (0, 1.0);
            while tap < Self::TAPS {
                matrix[2 * pair][tap] = power / (2.0 * point * from_zero * distances);
                // At the negative point odd powers have the other sign; and so has what they are divided by, unless zero is a point.
                let sign = if (tap + Self::ZEROS) % 2 == 1 { 1.0 } else { -1.0 };
                matrix[2 * pair + 1][tap] = sign * matrix[2 * pair][tap];
                (tap, power) = (tap + 1, power * point);
            }
            pair += 1;
        }
        if Self::ZEROS == 1 {
            matrix[2 * Self::COUNT][0] = 1.0 / Self::ALL[0];
        }
        matrix[PATCH - 1][Self::TAPS - 1] = 1.0;
        matrix
    }
}

/// The coefficients of Π (y − p²) over the first `count` pairs but one.
const fn product(pairs: [f64; MOST_PAIRS], count: usize, but: usize) -> [f64; MOST_PAIRS + 1] {
    let mut coefficients = [0.0; MOST_PAIRS + 1];
    coefficients[0] = 1.0;
    let mut pair = 0;
    while pair < count {
        if pair != but {
            let mut at = MOST_PAIRS;
            while at > 0 {
                coefficients[at] = coefficients[at - 1] - pairs[pair] * pairs[pair] * coefficients[at];
                at -= 1;
            }
            coefficients[0] *= -pairs[pair] * pairs[pair];
        }
        pair += 1;
    }
    coefficients
}

/// G: what each tap of a filter adds to its value at each point of patches of so many pixels. There are as many taps as such a patch asks
/// for; the rest is zeros.
pub(super) fn filter_matrix(patch: usize) -> &'static FilterMatrix {
    match patch {
        SMALL_PATCH => &Points::<SMALL_PATCH>::FILTER,
        LARGE_PATCH => &Points::<LARGE_PATCH>::FILTER,
        _ => &Points::<MOST_PATCH>::FILTER,
    }
}

/// A row for each point.
pub(super) type FilterMatrix = [[f64; MOST_TAPS]; MOST_PATCH];

/// Bᵀ times the pixels of patches.
#[inline(always)]
pub(super) fn pixel_values<S: Simd, A: Lanes + Float, const PATCH: usize>(
    simd: S,
    pixels: [A::Vector<S>; PATCH],
) -> [A::Vector<S>; PATCH] {
    let (count, zeros) = (Points::<PATCH>::COUNT, Points::<PATCH>::ZEROS);
    let mut values = pixels;
    for pair in 0..count {
        // The highest coefficient is 1.
        let (mut low, mut high) = (pixels[2 * count - 2 + zeros], pixels[2 * count - 1 + zeros]);
        for power in 0..count - 1 {
            let coefficient = Points::<PATCH>::OTHERS[pair][power];
            low = add::<S, A>(simd, low, coefficient, pixels[2 * power + zeros]);
            high = add::<S, A>(simd, high, coefficient, pixels[2 * power + 1 + zeros]);
        }
        values[2 * pair] = add::<S, A>(simd, high, Points::<PATCH>::PAIRS[pair], low);
        values[2 * pair + 1] = add::<S, A>(simd, high, -Points::<PATCH>::PAIRS[pair], low);
    }
    let (mut zero, mut infinity) = (pixels[2 * count], pixels[2 * count + zeros]);
    for power in 0..count {
        let coefficient = Points::<PATCH>::ALL[power];
        zero = add::<S, A>(simd, zero, coefficient, pixels[2 * power]);
        infinity = add::<S, A>(simd, infinity, coefficient, pixels[2 * power + zeros]);
    }
    if zeros == 1 {
        values[2 * count] = zero;
    }
    values[PATCH - 1] = infinity;
    values
}

/// Aᵀ times the products of tiles: their outputs.
#[inline(always)]
pub(super) fn outputs<S: Simd, A: Lanes + Float, const PATCH: usize, const TILE: usize>(
    simd: S,
    products: [A::Vector<S>; PATCH],
) -> [A::Vector<S>; TILE] {
    let (count, zeros) = (Points::<PATCH>::COUNT, Points::<PATCH>::ZEROS);
    // Of even powers of the points, and of odd ones.
    let mut sums = [[products[0]; MOST_PAIRS]; 2];
    for pair in 0..count {
        sums[0][pair] = products[2 * pair] + products[2 * pair + 1];
        sums[1][pair] = products[2 * pair] - products[2 * pair + 1];
    }
    let mut outputs = [sums[0][0]; TILE];
    let mut powers = [1.0; MOST_PAIRS];
    for output in 0..TILE {
        let of_pairs = sums[output % 2];
        let mut sum = match output {
            0 => of_pairs[0],
            _ if output == TILE - 1 => add::<S, A>(simd, products[PATCH - 1], powers[0], of_pairs[0]),
            _ => of_pairs[0] * A::Vector::<S>::splat(simd, A::from_f64(powers[0])),
        };
        for pair in 1..count {
            sum = if output == 0 { sum + of_pairs[pair] } else { add::<S, A>(simd, sum, powers[pair], of_pairs[pair]) };
        }
        outputs[output] = sum;
        for pair in 0..count {
            powers[pair] *= Points::<PATCH>::PAIRS[pair];
        }
    }
    if zeros == 1 {
        outputs[0] += products[2 * count];
    }
    outputs
}

/// `sum + factor · vector`
#[inline(always)]
fn add<S: Simd, A: Lanes + Float>(simd: S, sum: A::Vector<S>, factor: f64, vector: A::Vector<S>) -> A::Vector<S> {
    <A as Lanes>::mul_add::<S>(A::Vector::<S>::splat(simd, A::from_f64(factor)), vector, sum)
}
