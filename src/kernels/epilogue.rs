//! The epilogue: what happens to sums on their way from registers into the output.

use super::activation::{Clamp, FusedActivation};
use crate::simd::{Lanes, Simd, Vector, outline, with_lanes};
use crate::terms::Quads;

outline!();

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epilogue<'a, A> {
    /// A number for each filter of the block; none for zeros.
    pub(crate) bias: Option<&'a [A]>,
    /// Applied after the bias.
    pub(crate) activation: Option<FusedActivation<A>>,
    /// What is made of each 2×2 sums first. Bias and activation [keep the order](FusedActivation::keeps_order) of numbers: but for infinite
    /// biases, the bits are the same as if they came first.
    pub(crate) quads: Option<Quads>,
}

impl<A: Lanes> Epilogue<'_, A> {
    /// The same for the filters from this one on.
    #[inline(always)]
    pub(crate) fn from(self, filter: usize) -> Self {
        Self { bias: self.bias.map(|bias| &bias[filter..]), ..self }
    }

    /// As the bias of the first filter and bounds, which change nothing where there are none; `None` where the activation is no clamp.
    #[inline(always)]
    pub(crate) fn as_clamp(self) -> Option<(A, Clamp<A>)> {
        let clamp = match self.activation {
            None => Clamp { low: A::BOUNDS[0], high: A::BOUNDS[1] },
            Some(FusedActivation::Clamp(clamp)) => clamp,
            Some(FusedActivation::LeakyRelu { .. } | FusedActivation::HardSwish) => return None,
        };
        Some((self.bias.map_or(A::NOTHING, |bias| bias[0]), clamp))
    }

    /// The side of what is stored of a tile with sides of so many sums.
    #[inline(always)]
    pub(crate) fn stored(self, side: usize) -> usize {
        if self.quads.is_some() { side / 2 } else { side }
    }

    /// Neighbours in two rows of sums, pooled.
    #[inline(always)]
    pub(crate) fn pooled<S: Simd>(self, simd: S, [upper, lower]: [[A::Vector<S>; 2]; 2]) -> A::Vector<S> {
        self.pick(simd, self.pick(simd, upper[0], upper[1]), self.pick(simd, lower[0], lower[1]))
    }

    /// What a pooling picks of two sums.
    #[inline(always)]
    pub(crate) fn pick<S: Simd>(self, simd: S, one: A::Vector<S>, other: A::Vector<S>) -> A::Vector<S> {
        match self.quads {
            Some(Quads::Min) => A::minimum(simd, one, other),
            _ => A::maximum(simd, one, other),
        }
    }

    /// The sums of one filter, finished.
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, simd: S, filter: usize, sums: A::Vector<S>) -> A::Vector<S> {
        self.finish(simd, self.bias.map(|bias| A::Vector::<S>::splat(simd, bias[filter])), sums)
    }

    /// Sums, finished with these biases.
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, bias: Option<A::Vector<S>>, sums: A::Vector<S>) -> A::Vector<S> {
        let sums = match bias {
            Some(bias) => sums + bias,
            None => sums,
        };
        match self.activation {
            Some(activation) => activation.apply_to::<S, 1, 1>(simd, [[sums]])[0][0],
            None => sums,
        }
    }

    /// The biases of as many filters as a register has lanes, from the `first` on. Where there are fewer, the other lanes do not count.
    #[inline(always)]
    fn bias_of_lanes<S: Simd>(self, simd: S, first: usize) -> Option<A::Vector<S>> {
        let (bias, lanes) = (&self.bias?[first..], A::Vector::<S>::LEN);
        Some(match bias.get(..lanes) {
            Some(bias) => A::Vector::<S>::from_slice(simd, bias),
            None => A::Vector::<S>::from_fn(simd, |lane| bias.get(lane).copied().unwrap_or_default()),
        })
    }
}

/// Stores the first `count` lanes at `at`, and more where there is room: **the lanes after them spoil what they fall on**, so
/// stores must go from left to right and from top to bottom. A whole register is stored in one step, a part is not.
#[inline(always)]
pub(crate) fn store_spilling<S: Simd, A: Lanes>(vector: A::Vector<S>, plane: &mut [A], at: usize, count: usize) {
    let lanes = A::Vector::<S>::LEN;
    match plane.get_mut(at..at + lanes) {
        Some(place) => vector.store_slice(place),
        None => store_lanes::<S, A>(vector, &mut plane[at..at + count]),
    }
}

/// Stores as many of the first lanes as there is room for, and no whole register: in powers of two, as to call a function for so few
/// numbers takes longer.
#[inline(always)]
fn store_lanes<S: Simd, A: Lanes>(vector: A::Vector<S>, place: &mut [A]) {
    let (numbers, count, mut done) = (vector.as_slice(), place.len(), 0);
    for width in [8, 4, 2, 1] {
        if count & width != 0 {
            place[done..done + width].copy_from_slice(&numbers[done..done + width]);
            done += width;
        }
    }
}

/// Where the sums of a block of pixels and filters go.
pub(crate) enum Target<'a, 'm, A> {
    /// One map for each image and filter, `[image][filter]`, of so many pixels; the block begins with a pixel of the first image.
    Maps { maps: &'a mut [&'m mut [A]], pixels: usize, first: usize },
    /// One row of filters for each pixel, of which those of the block are the ones from the `first` on.
    Rows { rows: &'a mut [&'m mut [A]], first: usize },
}

/// Sums `[pixel][filter]`, in rows of so many numbers, of which the first `filters` count.
pub(super) struct SumRows<'a, A> {
    pub(super) rows: &'a [A],
    pub(super) width: usize,
    pub(super) pixels: usize,
    pub(super) filters: usize,
}

impl<A: Lanes> SumRows<'_, A> {
    /// Finishes the sums and stores them. For maps, as many rows as a register has lanes follow the last
    /// pixel, whose numbers do not count.
    #[inline(always)]
    pub(super) fn store<S: Simd>(self, simd: S, target: &mut Target<'_, '_, A>, epilogue: Epilogue<'_, A>) {
        match target {
            Target::Rows { rows, first } => self.store_rows(simd, rows, *first, epilogue),
            Target::Maps { maps, pixels, first } => {
                let mut done = 0;
                while done < self.pixels {
                    let (image, at) = ((*first + done) / *pixels, (*first + done) % *pixels);
                    let count = (*pixels - at).min(self.pixels - done);
                    let maps = &mut maps[image * self.filters..][..self.filters];
                    let sums = &self.rows[done * self.width..];
                    store_maps(simd, (sums, self.width), maps, [at, count], epilogue);
                    done += count;
                }
            }
        }
    }

    #[inline(always)]
    fn store_rows<S: Simd>(&self, simd: S, rows: &mut [&mut [A]], first: usize, epilogue: Epilogue<'_, A>) {
        let lanes = A::Vector::<S>::LEN;
        for at in (0..self.filters).step_by(lanes) {
            let bias = epilogue.bias_of_lanes(simd, at);
            let places = first + at..first + self.filters.min(at + lanes);
            for pixel in 0..self.pixels {
                let sums = A::Vector::<S>::from_slice(simd, &self.rows[pixel * self.width + at..][..lanes]);
                let sums = epilogue.finish(simd, bias, sums);
                let place = &mut rows[pixel][places.clone()];
                match place.len() == lanes {
                    true => sums.store_slice(place),
                    false => store_lanes::<S, A>(sums, place),
                }
            }
        }
    }
}

/// Stores sums `[pixel][filter]`, in rows of so many numbers, into one map for each filter, from a pixel on, so many pixels. They may
/// spoil pixels of these maps that come after them.
#[inline(always)]
pub(crate) fn store_maps<S: Simd, A: Lanes>(
    simd: S,
    sums: (&[A], usize),
    maps: &mut [&mut [A]],
    pixels: [usize; 2],
    epilogue: Epilogue<'_, A>,
) {
    with_lanes!(A::Vector::<S>::LEN, |LANES| store_squares::<S, A, LANES>(simd, sums, maps, pixels, epilogue));
}

/// [`store_maps`] where registers have this many lanes, so that a square of them stays in registers.
#[inline(always)]
fn store_squares<S: Simd, A: Lanes, const LANES: usize>(
    simd: S,
    (sums, width): (&[A], usize),
    maps: &mut [&mut [A]],
    [at, count]: [usize; 2],
    epilogue: Epilogue<'_, A>,
) {
    for (register, maps) in maps.chunks_mut(LANES).enumerate() {
        let first = register * LANES;
        for pixel in (0..count).step_by(LANES) {
            let square = load_square::<S, A, LANES>(simd, &sums[pixel * width + first..], width);
            let (at, count) = (at + pixel, (count - pixel).min(LANES));
            if maps.len() == LANES && at + LANES <= maps[0].len() {
                let mut square = finish_square::<S, A, LANES>(simd, square, first, epilogue);
                transpose::<S, A, LANES>(&mut square);
                for filter in 0..LANES {
                    square[filter].store_slice(&mut maps[filter][at..][..LANES]);
                }
            } else {
                store_part::<S, A, LANES>(simd, square, [first, count], maps, at, epilogue);
            }
        }
    }
}

#[inline(always)]
fn load_square<S: Simd, A: Lanes, const LANES: usize>(simd: S, sums: &[A], width: usize) -> [A::Vector<S>; LANES] {
    let mut square = [A::Vector::<S>::splat(simd, A::default()); LANES];
    for pixel in 0..LANES {
        square[pixel] = A::Vector::<S>::from_slice(simd, &sums[pixel * width..][..LANES]);
    }
    square
}

/// Bias and activation, while the lanes are still filters.
#[inline(always)]
fn finish_square<S: Simd, A: Lanes, const LANES: usize>(
    simd: S,
    mut square: [A::Vector<S>; LANES],
    first: usize,
    epilogue: Epilogue<'_, A>,
) -> [A::Vector<S>; LANES] {
    if let Some(bias) = epilogue.bias {
        let bias = A::Vector::<S>::from_slice(simd, &bias[first..][..LANES]);
        for pixel in 0..LANES {
            square[pixel] += bias;
        }
    }
    match epilogue.activation {
        Some(activation) => activation.apply_to::<S, 1, LANES>(simd, [square])[0],
        None => square,
    }
}

/// Stores the first `count` columns of a square in some maps: this is rare, and a function of its own.
#[inline(always)]
fn store_part<S: Simd, A: Lanes, const LANES: usize>(
    simd: S,
    mut square: [A::Vector<S>; LANES],
    [first, count]: [usize; 2],
    maps: &mut [&mut [A]],
    at: usize,
    epilogue: Epilogue<'_, A>,
) {
    outlined(
        simd,
        #[inline(always)]
        || {
            transpose::<S, A, LANES>(&mut square);
            for (filter, (map, sums)) in maps.iter_mut().zip(&square).enumerate() {
                let sums = epilogue.apply(simd, first + filter, *sums);
                store_spilling::<S, A>(sums, map, at, count);
            }
        },
    );
}

/// Transposes a square of registers. Zipping the first half of the rows with the second moves one bit of the row's number
/// into the lane's number; as many times as there are bits, and they have changed places.
#[inline(always)]
pub(crate) fn transpose<S: Simd, A: Lanes, const LANES: usize>(square: &mut [A::Vector<S>; LANES]) {
    for _ in 0..LANES.ilog2() {
        let rows = *square;
        for row in 0..LANES / 2 {
            square[2 * row] = rows[row].zip_low(rows[row + LANES / 2]);
            square[2 * row + 1] = rows[row].zip_high(rows[row + LANES / 2]);
        }
    }
}
