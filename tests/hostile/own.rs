//! Reductions of a user's own: with accumulators of all sizes, that merge or do not; and one that lies.

use std::sync::atomic::{AtomicUsize, Ordering};

use featuremap::{Element, Reduction};

use super::random::{Number, Random};

/// Which reduction it is, and whether it merges.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Own {
    Count(Count),
    Bytes(Xor<33>),
    Big(Xor<1000>),
    Highest(Highest),
    Liar(Liar),
}

impl Own {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let merges = random.once_in(2);
        match random.below(5) {
            0 => Self::Count(Count { merges }),
            1 => Self::Bytes(Xor { merges }),
            2 => Self::Big(Xor { merges }),
            3 => Self::Highest(Highest { merges }),
            _ => Self::Liar(Liar { merges: random.below(3) }),
        }
    }

    /// `None` of one that lies.
    pub(crate) fn reduce<T: Number>(self, pixels: &[T]) -> Option<T> {
        let count = pixels.len();
        Some(match self {
            Self::Count(_) => T::of_count(count),
            Self::Bytes(_) | Self::Big(_) => {
                T::of_count(pixels.iter().fold(count, |all, pixel| all ^ usize::from(low_byte(*pixel))))
            }
            Self::Highest(_) => pixels.iter().fold(T::LOWEST, |best, &pixel| if pixel > best { pixel } else { best }),
            Self::Liar(_) => return None,
        })
    }
}

fn low_byte<T: Number>(pixel: T) -> u8 {
    if pixel.is_nan() { 0 } else { pixel.to_bits().to_le_bytes().iter().fold(0, |all, byte| all ^ byte) }
}

/// Counts, in no memory at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    merges: bool,
}

impl<T: Number> Reduction<T> for Count {
    type Accumulator = ();

    fn start(&self) {}

    fn step(&self, (): (), _: T) {}

    fn finish(&self, (): (), count: usize) -> T {
        T::of_count(count)
    }

    fn merge(&self, (): (), (): ()) -> Option<()> {
        self.merges.then_some(())
    }
}

/// All bytes of all pixels, in the last byte of many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Xor<const BYTES: usize> {
    merges: bool,
}

impl<T: Number, const BYTES: usize> Reduction<T> for Xor<BYTES> {
    type Accumulator = [u8; BYTES];

    fn start(&self) -> [u8; BYTES] {
        [0; BYTES]
    }

    fn step(&self, mut bytes: [u8; BYTES], pixel: T) -> [u8; BYTES] {
        bytes[BYTES - 1] ^= low_byte(pixel);
        bytes
    }

    fn finish(&self, bytes: [u8; BYTES], count: usize) -> T {
        T::of_count(count ^ usize::from(bytes[BYTES - 1]))
    }

    fn merge(&self, one: [u8; BYTES], other: [u8; BYTES]) -> Option<[u8; BYTES]> {
        self.merges.then(|| std::array::from_fn(|byte| one[byte] ^ other[byte]))
    }
}

/// The largest pixel that is a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Highest {
    merges: bool,
}

impl<T: Element> Reduction<T> for Highest {
    type Accumulator = T;

    fn start(&self) -> T {
        T::LOWEST
    }

    fn step(&self, best: T, pixel: T) -> T {
        if pixel > best { pixel } else { best }
    }

    fn finish(&self, best: T, _: usize) -> T {
        best
    }

    fn merge(&self, one: T, other: T) -> Option<T> {
        self.merges.then(|| if other > one { other } else { one })
    }
}

/// Merges now and then, does not step over rows that it is given, and gives what comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Liar {
    merges: usize,
}

static LIES: AtomicUsize = AtomicUsize::new(0);

impl<T: Number> Reduction<T> for Liar {
    type Accumulator = (u8, u32);

    fn start(&self) -> (u8, u32) {
        (1, 2)
    }

    fn step(&self, (one, other): (u8, u32), _: T) -> (u8, u32) {
        (one.wrapping_add(1), other)
    }

    fn finish(&self, (one, _): (u8, u32), count: usize) -> T {
        T::of_count(count.wrapping_mul(usize::from(one)))
    }

    fn step_run(&self, _: &mut [(u8, u32)], _: &[T]) {}

    fn merge(&self, one: (u8, u32), _: (u8, u32)) -> Option<(u8, u32)> {
        let lies = LIES.fetch_add(1, Ordering::Relaxed);
        match self.merges {
            0 => lies.is_multiple_of(2).then_some(one),
            1 => (!lies.is_multiple_of(37)).then_some((7, 7)),
            _ => lies.is_multiple_of(11).then_some(one),
        }
    }

    fn count_include_pad(&self) -> bool {
        LIES.fetch_add(1, Ordering::Relaxed).is_multiple_of(3)
    }
}
