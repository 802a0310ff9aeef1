//! Pooling over blocks of numbers, which the compiler makes vectors of: for types that are pooled rarely, for machines that have few
//! vectors, and for reductions of the user's own.

use super::{Operation, Terms};

/// An operation that pools: what it does to single pixels.
pub(crate) trait Single: Copy {
    type Pixel: Copy + Default;
    type Cell: Copy;
    const COUNTED: bool;
    const PROBES: bool = false;
    /// Whether what is of no window can be finished, too.
    const FINISHES_ALL: bool = true;

    fn blank(self) -> Self::Cell;
    fn enter(self, pixel: Self::Pixel) -> Self::Cell;

    #[inline(always)]
    fn onto(self, cell: Self::Cell, pixel: Self::Pixel) -> Self::Cell {
        self.merge(cell, self.enter(pixel))
    }

    fn merge(self, earlier: Self::Cell, later: Self::Cell) -> Self::Cell;
    fn finish(self, cell: Self::Cell, column: u32, row: usize) -> Self::Pixel;

    /// What is left to do to all outputs once they are written.
    #[inline(always)]
    fn close(self, _output: &mut [Self::Pixel]) {}

    #[inline(always)]
    fn is_nan(_pixel: Self::Pixel) -> bool {
        false
    }
}

/// A block of the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks<R>(pub(crate) R);

impl<R: Single, const N: usize> Operation<N> for Blocks<R> {
    type Pixel = R::Pixel;
    type Cell = R::Cell;
    type Block = [R::Cell; N];
    const COUNTED: bool = R::COUNTED;
    const PROBES: bool = R::PROBES;

    #[inline(always)]
    fn blank(self) -> R::Cell {
        self.0.blank()
    }

    #[inline(always)]
    fn enter(self, pixels: &[R::Pixel; N]) -> [R::Cell; N] {
        let mut cells = [self.0.blank(); N];
        for lane in 0..N {
            cells[lane] = self.0.enter(pixels[lane]);
        }
        cells
    }

    #[inline(always)]
    fn onto(self, mut cells: [R::Cell; N], pixels: &[R::Pixel; N]) -> [R::Cell; N] {
        for lane in 0..N {
            cells[lane] = self.0.onto(cells[lane], pixels[lane]);
        }
        cells
    }

    #[inline(always)]
    fn load(self, cells: &[R::Cell; N]) -> [R::Cell; N] {
        *cells
    }

    #[inline(always)]
    fn store(self, block: [R::Cell; N], cells: &mut [R::Cell; N]) {
        *cells = block;
    }

    #[inline(always)]
    fn merge(self, mut earlier: [R::Cell; N], later: [R::Cell; N]) -> [R::Cell; N] {
        for lane in 0..N {
            earlier[lane] = self.0.merge(earlier[lane], later[lane]);
        }
        earlier
    }

    #[inline(always)]
    fn every_second(self, mut first: [R::Cell; N], second: [R::Cell; N]) -> [R::Cell; N] {
        for lane in 0..N / 2 {
            first[lane] = first[2 * lane];
        }
        for lane in 0..N / 2 {
            first[N / 2 + lane] = second[2 * lane];
        }
        first
    }

    #[inline(always)]
    fn finish(self, cells: [R::Cell; N], columns: &[u32; N], row: usize, windows: usize, output: &mut [R::Pixel; N]) {
        let lanes = if R::FINISHES_ALL { N } else { windows.min(N) };
        for lane in 0..lanes {
            output[lane] = self.0.finish(cells[lane], columns[lane], row);
        }
    }

    #[inline(always)]
    fn close(self, output: &mut [R::Pixel]) {
        self.0.close(output);
    }

    #[inline(always)]
    fn is_suspect(self, pixels: &[R::Pixel]) -> bool {
        pixels.iter().fold(false, |some, &pixel| some | R::is_nan(pixel))
    }

    #[inline(always)]
    fn is_nan(pixel: R::Pixel) -> bool {
        R::is_nan(pixel)
    }
}

/// A pixel whose order is reversed where some of its bits are flipped.
pub(crate) trait Ordered: Copy + Default + PartialOrd {
    type Bits: Copy;

    /// Whether some of them are NaN.
    const HAS_NAN: bool;

    /// The bits that reverse it, or none.
    fn bits(reversed: bool) -> Self::Bits;

    fn flipped(self, bits: Self::Bits) -> Self;
}

macro_rules! ordered {
    ($($float:ident with $bits:ident)*) => {$(
        impl Ordered for $float {
            type Bits = $bits;
            const HAS_NAN: bool = true;

            #[inline(always)]
            fn bits(reversed: bool) -> $bits {
                if reversed { $bits::MAX ^ ($bits::MAX >> 1) } else { 0 }
            }

            #[inline(always)]
            fn flipped(self, bits: $bits) -> $float {
                $float::from_bits(self.to_bits() ^ bits)
            }

        }
    )*};
    ($($integer:ident)*) => {$(
        impl Ordered for $integer {
            type Bits = $integer;
            const HAS_NAN: bool = false;

            #[inline(always)]
            fn bits(reversed: bool) -> $integer {
                if reversed { !0 } else { 0 }
            }

            #[inline(always)]
            fn flipped(self, bits: $integer) -> $integer {
                self ^ bits
            }

        }
    )*};
}

ordered!(u8);
ordered!(f32 with u32 f64 with u64);

/// The largest pixel, or the smallest: the largest once their order is reversed.
#[derive(Clone, Copy)]
pub(crate) struct Largest<T: Ordered> {
    pub(crate) flip: T::Bits,
    /// The value below all others.
    pub(crate) lowest: T,
}

impl<T: Ordered> Single for Largest<T> {
    type Pixel = T;
    type Cell = T;
    const COUNTED: bool = false;
    const PROBES: bool = T::HAS_NAN;

    #[inline(always)]
    fn blank(self) -> T {
        self.lowest
    }

    #[inline(always)]
    fn enter(self, pixel: T) -> T {
        pixel.flipped(self.flip)
    }

    #[inline(always)]
    fn merge(self, earlier: T, later: T) -> T {
        if later > earlier { later } else { earlier }
    }

    #[inline(always)]
    fn finish(self, cell: T, _: u32, _: usize) -> T {
        cell.flipped(self.flip)
    }

    #[inline(always)]
    #[allow(clippy::eq_op, reason = "NaN differs from itself")]
    fn is_nan(pixel: T) -> bool {
        pixel != pixel
    }
}

/// The mean of floats, the sum of their magnitudes, or the root of the sum of their squares.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    squared: bool,
    /// A pixel is multiplied by the number that has these of its own bits, and those of one.
    of_pixel: u64,
    of_one: u64,
}

impl Sum {
    pub(crate) fn new(terms: Terms) -> Self {
        let (of_pixel, of_one) = match terms {
            Terms::Pixels => (0, 1.0_f64.to_bits()),
            Terms::Magnitudes => ((-0.0_f64).to_bits(), 1.0_f64.to_bits()),
            Terms::Squares => (u64::MAX, 0),
        };
        Self { squared: terms == Terms::Squares, of_pixel, of_one }
    }
}

impl Single for Sum {
    type Pixel = f64;
    type Cell = f64;
    const COUNTED: bool = true;

    #[inline(always)]
    fn blank(self) -> f64 {
        0.0
    }

    #[inline(always)]
    fn enter(self, pixel: f64) -> f64 {
        pixel * f64::from_bits((pixel.to_bits() & self.of_pixel) | self.of_one)
    }

    #[inline(always)]
    fn merge(self, earlier: f64, later: f64) -> f64 {
        earlier + later
    }

    #[inline(always)]
    fn finish(self, cell: f64, column: u32, row: usize) -> f64 {
        cell / (f64::from(column) * row as f64)
    }

    #[inline(always)]
    fn close(self, output: &mut [f64]) {
        if self.squared {
            for sum in output {
                *sum = sum.sqrt();
            }
        }
    }
}
