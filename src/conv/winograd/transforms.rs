//! The transforms of F(4, 3) along one axis, at the points 0, ±5/8, ±3/2 and ∞.
//!
//! Filter and pixels are polynomials with three and six coefficients. The first transform gives the filter's values
//! at the points, divided by what the second leaves out of the Lagrange polynomials; the value at ∞ is the last
//! coefficient. The third gives the four outputs.
//!
//! The algebra holds at any points, the rounding errors depend on them. The usual 0, ±1, ±2 and ∞ bring factors of up
//! to 24; here the squares of the points, 0.4 and 2.3, lie on both sides of 1, and the error is less than half of
//! theirs, the largest error of an output a quarter. All constants but those of the filters are exact in `f32`.

use crate::Float;
use crate::simd::{Lanes, Simd, Vector};

/// Outputs of a tile along an axis.
pub(in crate::conv) const TILE: usize = 4;
/// Pixels that these see, and points.
pub(super) const PATCH: usize = TILE + 2;
/// Taps of a filter along an axis.
pub(super) const TAPS: usize = 3;

const NEAR: f64 = 0.625;
const FAR: f64 = 1.5;
const NEAR_2: f64 = NEAR * NEAR;
const FAR_2: f64 = FAR * FAR;

/// G times the taps of a filter.
#[inline(always)]
pub(super) fn filter_values([a, b, c]: [f64; TAPS]) -> [f64; PATCH] {
    const AT_NEAR: f64 = 0.5 / (NEAR_2 * (NEAR_2 - FAR_2));
    const AT_FAR: f64 = 0.5 / (FAR_2 * (FAR_2 - NEAR_2));
    [
        a / (NEAR_2 * FAR_2),
        (a + NEAR_2 * c + NEAR * b) * AT_NEAR,
        (a + NEAR_2 * c - NEAR * b) * AT_NEAR,
        (a + FAR_2 * c + FAR * b) * AT_FAR,
        (a + FAR_2 * c - FAR * b) * AT_FAR,
        c,
    ]
}

/// Bᵀ times the pixels of patches.
#[inline(always)]
pub(super) fn pixel_values<S: Simd, A: Lanes + Float>(simd: S, pixels: [A::Vector<S>; PATCH]) -> [A::Vector<S>; PATCH] {
    let near_even = add::<S, A>(simd, pixels[4], -FAR_2, pixels[2]);
    let near_odd = add::<S, A>(simd, pixels[3], -FAR_2, pixels[1]);
    let far_even = add::<S, A>(simd, pixels[4], -NEAR_2, pixels[2]);
    let far_odd = add::<S, A>(simd, pixels[3], -NEAR_2, pixels[1]);
    let zero = add::<S, A>(simd, pixels[4], -NEAR_2 - FAR_2, pixels[2]);
    let infinity = add::<S, A>(simd, pixels[5], -NEAR_2 - FAR_2, pixels[3]);
    [
        add::<S, A>(simd, zero, NEAR_2 * FAR_2, pixels[0]),
        add::<S, A>(simd, near_even, NEAR, near_odd),
        add::<S, A>(simd, near_even, -NEAR, near_odd),
        add::<S, A>(simd, far_even, FAR, far_odd),
        add::<S, A>(simd, far_even, -FAR, far_odd),
        add::<S, A>(simd, infinity, NEAR_2 * FAR_2, pixels[1]),
    ]
}

/// Aᵀ times the products of tiles: their outputs.
#[inline(always)]
pub(super) fn outputs<S: Simd, A: Lanes + Float>(simd: S, products: [A::Vector<S>; PATCH]) -> [A::Vector<S>; TILE] {
    let [zero, near, minus_near, far, minus_far, infinity] = products;
    let (near_even, near_odd) = (near + minus_near, near - minus_near);
    let (far_even, far_odd) = (far + minus_far, far - minus_far);
    [
        zero + near_even + far_even,
        add::<S, A>(simd, scaled::<S, A>(simd, FAR, far_odd), NEAR, near_odd),
        add::<S, A>(simd, scaled::<S, A>(simd, FAR_2, far_even), NEAR_2, near_even),
        add::<S, A>(simd, add::<S, A>(simd, infinity, FAR_2 * FAR, far_odd), NEAR_2 * NEAR, near_odd),
    ]
}

/// `sum + factor · vector`
#[inline(always)]
fn add<S: Simd, A: Lanes + Float>(simd: S, sum: A::Vector<S>, factor: f64, vector: A::Vector<S>) -> A::Vector<S> {
    <A as Lanes>::mul_add::<S>(A::Vector::<S>::splat(simd, A::from_f64(factor)), vector, sum)
}

/// `factor · vector`
#[inline(always)]
fn scaled<S: Simd, A: Lanes + Float>(simd: S, factor: f64, vector: A::Vector<S>) -> A::Vector<S> {
    vector * A::Vector::<S>::splat(simd, A::from_f64(factor))
}
