//! Packing: see [`Packing`] for what lies where.
//!
//! Planes, rows and registers are written in order, as each spoils what follows it: a register is written as a whole, be it the last
//! of a row.

use ndarray::{ArrayView1, ArrayView4, Axis as ArrayAxis};

use super::kernels::has_all_kernels;
use super::packing::{Packing, Segment, Segments};
use crate::simd::{Kernel, Lanes, Level, Simd, Vector, load, run_narrow};
use crate::window::PaddingMode;

/// Planes of no more slots are packed slot by slot.
const FEW_SLOTS: usize = 128;

/// Packs a band.
pub(super) struct Pack<'a, A> {
    pub(super) packing: &'a Packing,
    /// `[channel, plane, row, column]`.
    pub(super) image: ArrayView4<'a, A>,
    /// The first output of the band.
    pub(super) first: [usize; 3],
    pub(super) packed: &'a mut [A],
}

/// Packs a band with the instructions of a level.
#[inline(never)]
pub(super) fn pack<A: Lanes>(level: Level, pack: Pack<'_, A>) {
    run_narrow(level, pack);
}

impl<A: Lanes> Kernel for Pack<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let [_, down, across] = &self.packing.axes;
        let (down, across) = (Segments::new(down, self.first[1]), Segments::new(across, self.first[2]));
        let (axis, pixels) = (down.axis, self.image.to_slice());
        match pixels {
            Some(pixels)
                if (axis.stride, axis.axis.before(), axis.axis.after()) == (1, 0, 0)
                    && across.axis.is_the_input(self.first[2]) =>
            {
                self.whole_planes(simd, pixels);
            }
            Some(pixels) if self.packing.slots[1] * self.packing.slots[2] <= FEW_SLOTS => {
                self.small_planes(simd, pixels);
            }
            _ => self.rows(simd, pixels, &down, &across),
        }
    }
}

impl<A: Lanes> Pack<'_, A> {
    /// Calls `pack` with each plane that there is, by its number in each channel, and with where it is packed; the others are zeros.
    #[inline(always)]
    fn each_plane<S: Simd>(&mut self, simd: S, mut pack: impl FnMut(usize, usize, &mut [A])) {
        let Packing { axes, slots, .. } = self.packing;
        let count = slots[1] * slots[2];
        for channel in 0..self.image.dim().0 {
            axes[0].each_slot(
                self.first[0],
                #[inline(always)]
                |slot, plane| {
                    let packed = &mut self.packed[channel * self.packing.volume() + slot * count..];
                    match plane {
                        Some(plane) => pack(channel, plane, packed),
                        None => zeros(simd, count, packed),
                    }
                },
            );
        }
    }

    /// Planes whose rows are packed as they lie.
    #[inline(always)]
    fn whole_planes<S: Simd>(mut self, simd: S, pixels: &[A]) {
        let (_, planes, rows, columns) = self.image.dim();
        let (first, [_, down, across]) = (self.first[1], self.packing.slots);
        // A short band has rows behind those that windows read. No output sees them, but a tile of Winograd's reads them: what stands
        // there would change how its sums are rounded.
        let whole = down * across;
        let count = whole.min((self.packing.axes[1].pixels_end() - first) * columns);
        self.each_plane(
            simd,
            #[inline(always)]
            |channel, plane, packed| {
                let start = ((channel * planes + plane) * rows + first) * columns;
                copy_every::<S, A, 1>(simd, &pixels[start..], count, packed);
                packed[count..whole].fill(A::default());
            },
        );
    }

    /// Planes slot by slot, where to begin with each row would take longer. What stands in a slot is found once for all planes.
    #[inline(always)]
    fn small_planes<S: Simd>(mut self, simd: S, pixels: &[A]) {
        let (_, planes, rows, columns) = self.image.dim();
        let (packing, first) = (self.packing, self.first);
        let [mut row_of, mut column_of] = [[None; FEW_SLOTS]; 2];
        packing.axes[1].each_slot(first[1], |slot, row| row_of[slot] = row);
        packing.axes[2].each_slot(first[2], |slot, column| column_of[slot] = column);
        let mut places = [usize::MAX; FEW_SLOTS];
        let places = &mut places[..packing.slots[1] * packing.slots[2]];
        for (places, row) in places.chunks_exact_mut(packing.slots[2]).zip(row_of) {
            for (place, column) in places.iter_mut().zip(column_of) {
                *place = row.zip(column).map_or(usize::MAX, |(row, column)| row * columns + column);
            }
        }
        self.each_plane(
            simd,
            #[inline(always)]
            |channel, plane, packed| {
                let pixels = &pixels[(channel * planes + plane) * rows * columns..][..rows * columns];
                for (slot, &place) in packed.iter_mut().zip(&*places) {
                    *slot = pixels.get(place).copied().unwrap_or_default();
                }
            },
        );
    }

    /// Planes row by row: of all pixels in order, or of a view that they lie otherwise in.
    #[inline(always)]
    fn rows<S: Simd>(mut self, simd: S, pixels: Option<&[A]>, down: &Segments<'_>, across: &Segments<'_>) {
        let image = self.image;
        let (_, planes, rows, columns) = image.dim();
        let pitch = self.packing.slots[2];
        let all = [2, 4].map(|stride| across.are_all(stride));
        self.each_plane(
            simd,
            #[inline(always)]
            |channel, plane, packed| {
                let view = image.index_axis(ArrayAxis(0), channel).index_axis_move(ArrayAxis(0), plane);
                each_row(
                    simd,
                    down,
                    pitch,
                    packed,
                    #[inline(always)]
                    |row, packed| {
                        let row = match pixels {
                            Some(pixels) => {
                                let start = ((channel * planes + plane) * rows + row) * columns;
                                let is_dealt = match all {
                                    _ if const { !has_all_kernels::<A>() } => false,
                                    [true, _] => deal::<S, A, 2>(simd, pixels, start, across, packed),
                                    [_, true] => deal::<S, A, 4>(simd, pixels, start, across, packed),
                                    _ => false,
                                };
                                if is_dealt {
                                    return;
                                }
                                Row::Slice(&pixels[start..])
                            }
                            None => Row::of(&view.index_axis(ArrayAxis(0), row)),
                        };
                        pack_row(simd, row, across, packed);
                    },
                );
            },
        );
    }
}

/// Calls `pack` with each row that there is of a plane, and with where it is packed; the others are zeros.
#[inline(always)]
fn each_row<S: Simd, A: Lanes>(
    simd: S,
    down: &Segments<'_>,
    pitch: usize,
    packed: &mut [A],
    mut pack: impl FnMut(usize, &mut [A]),
) {
    for Segment { place, here, start, end, end_of_phase, pixel } in down.each() {
        for slot in here..end_of_phase {
            let packed = &mut packed[slot * pitch..];
            let row = match (start..end).contains(&slot) {
                true => Some(pixel + (slot - start) * down.axis.stride),
                // Rows of padding are pixels, too, where it is not zeros.
                false => down.axis.pixel(place + (slot - here) * down.axis.stride),
            };
            match row {
                Some(row) => pack(row, packed),
                None => zeros(simd, pitch, packed),
            }
        }
    }
}

/// Fills a packed row from any row of pixels.
#[inline(always)]
fn pack_row<S: Simd, A: Lanes>(simd: S, row: Row<'_, A>, across: &Segments<'_>, packed: &mut [A]) {
    for Segment { place, here, start, end, end_of_phase, pixel } in across.each() {
        let axis = across.axis;
        let are_zeros = axis.mode == PaddingMode::Zeros;
        if are_zeros {
            zeros(simd, start - here, &mut packed[here..]);
        }
        row.copy(simd, pixel, axis.stride, end - start, &mut packed[start..]);
        if are_zeros {
            zeros(simd, end_of_phase - end, &mut packed[end..]);
        } else {
            for slot in (here..start).chain(end..end_of_phase) {
                let pixel = axis.pixel(place + (slot - here) * axis.stride);
                packed[slot] = pixel.map_or(A::default(), |pixel| row.pixel(pixel));
            }
        }
    }
}

/// Fills a packed row of all phases at once: the row of pixels that begins at `start` is read once and deinterleaved. Whether there is
/// so much to be read, before the row where padding lies and behind it, and room for whole registers.
///
/// All phases have registers of the same numbers, the last written first: what a register spoils in the phases behind its own is written
/// after it.
#[inline(always)]
fn deal<S: Simd, A: Lanes, const STRIDE: usize>(
    simd: S,
    pixels: &[A],
    start: usize,
    across: &Segments<'_>,
    packed: &mut [A],
) -> bool {
    let lanes = A::Vector::<S>::LEN;
    let segments = &across.known[..STRIDE];
    let length = segments.iter().map(|segment| segment.end - segment.here).max().unwrap_or(0);
    let registers = length.div_ceil(lanes);
    let Some(from) = (start + segments[0].place).checked_sub(across.axis.axis.before()) else { return false };
    let Some(row) = pixels.get(from..from + registers * STRIDE * lanes) else { return false };
    if packed.len() < segments[STRIDE - 1].here + registers * lanes {
        return false;
    }
    for register in (0..registers).rev() {
        let row = &row[register * STRIDE * lanes..][..STRIDE * lanes];
        let phases = deinterleaved::<S, A, STRIDE>(load(simd, row));
        for phase in 0..STRIDE {
            phases[phase].store_slice(&mut packed[segments[phase].here + register * lanes..][..lanes]);
        }
    }
    for &Segment { here, start, end, end_of_phase, .. } in segments {
        few_zeros(&mut packed[here..start]);
        few_zeros(&mut packed[end..end_of_phase]);
    }
    true
}

/// Every second or every fourth number of as many registers.
#[inline(always)]
fn deinterleaved<S: Simd, A: Lanes, const STRIDE: usize>(numbers: [A::Vector<S>; STRIDE]) -> [A::Vector<S>; STRIDE] {
    let mut phases = numbers;
    for pair in 0..STRIDE / 2 {
        let [one, other] = [numbers[2 * pair], numbers[2 * pair + 1]];
        (phases[pair], phases[STRIDE / 2 + pair]) = (one.unzip_low(other), one.unzip_high(other));
    }
    if const { STRIDE == 4 } {
        let [even, odd] = [[phases[0], phases[1]], [phases[2], phases[3]]];
        (phases[0], phases[2]) = (even[0].unzip_low(even[1]), even[0].unzip_high(even[1]));
        (phases[1], phases[3]) = (odd[0].unzip_low(odd[1]), odd[0].unzip_high(odd[1]));
    }
    phases
}

/// Writes zeros, of which there is mostly one or none.
#[inline(always)]
fn few_zeros<A: Lanes>(places: &mut [A]) {
    match places {
        [] => {}
        [place] => *place = A::default(),
        _ => places.fill(A::default()),
    }
}

/// A row of pixels.
#[derive(Clone, Copy)]
enum Row<'a, A> {
    /// Side by side; what follows the row may be seen.
    Slice(&'a [A]),
    Strided(ArrayView1<'a, A>),
}

impl<'a, A: Lanes> Row<'a, A> {
    /// A row of a view.
    #[inline(always)]
    fn of(row: &ArrayView1<'a, A>) -> Self {
        row.to_slice().map_or(Self::Strided(*row), Self::Slice)
    }

    #[inline(always)]
    fn pixel(&self, pixel: usize) -> A {
        match self {
            Self::Slice(row) => row[pixel],
            Self::Strided(row) => row[pixel],
        }
    }

    /// Copies `count` pixels, every `stride`-th from the first on. What follows them in `into` may be spoilt.
    #[inline(always)]
    fn copy<S: Simd>(self, simd: S, first: usize, stride: usize, count: usize, into: &mut [A]) {
        if count == 0 {
            // There may be no such pixel as the first.
            return;
        }
        match (self, stride) {
            (Self::Slice(row), 1) => copy_every::<S, A, 1>(simd, &row[first..], count, into),
            (Self::Slice(row), 2) => copy_every::<S, A, 2>(simd, &row[first..], count, into),
            (Self::Slice(row), _) => copy_one_by_one(&row.into(), first, stride, &mut into[..count]),
            (Self::Strided(row), _) => copy_one_by_one(&row, first, stride, &mut into[..count]),
        }
    }
}

/// Copies every `stride`-th pixel from the first on, as many as there is room for.
#[inline(never)]
fn copy_one_by_one<A: Copy>(row: &ArrayView1<'_, A>, first: usize, stride: usize, into: &mut [A]) {
    for (at, slot) in into.iter_mut().enumerate() {
        *slot = row[first + at * stride];
    }
}

/// Writes `count` zeros; what follows may be spoilt.
#[inline(always)]
fn zeros<S: Simd, A: Lanes>(simd: S, count: usize, into: &mut [A]) {
    match into.get_mut(..A::Vector::<S>::LEN) {
        _ if count == 0 => {}
        Some(place) if count <= place.len() => A::Vector::<S>::splat(simd, A::default()).store_slice(place),
        _ => into[..count].fill(A::default()),
    }
}

/// Copies `count` numbers that lie a stride of one or two apart, a register at a time: where there is room on both sides, the last
/// one reads and writes more than these, and spoils what follows in `into`. (The string move that `copy_from_slice` makes of
/// long rows is slow where they do not start on equal places of a cache line: a row of padding shifts them.)
#[inline(always)]
fn copy_every<S: Simd, A: Lanes, const STRIDE: usize>(simd: S, from: &[A], count: usize, into: &mut [A]) {
    let lanes = A::Vector::<S>::LEN;
    let all = count.div_ceil(lanes);
    let has_room = all * lanes <= into.len().min(from.len() / STRIDE);
    let registers = if has_room { all } else { all - 1 };
    for register in 0..registers {
        let (from, into) = (&from[STRIDE * register * lanes..], &mut into[register * lanes..][..lanes]);
        let one = A::Vector::<S>::from_slice(simd, &from[..lanes]);
        let every = match STRIDE {
            1 => one,
            _ => one.unzip_low(A::Vector::<S>::from_slice(simd, &from[lanes..][..lanes])),
        };
        every.store_slice(into);
    }
    let rest = registers * lanes..count;
    match count.checked_sub(lanes) {
        _ if rest.is_empty() => {}
        Some(last) if const { STRIDE == 1 } => {
            A::Vector::<S>::from_slice(simd, &from[last..count]).store_slice(&mut into[last..count]);
        }
        None if const { STRIDE == 1 } => copy_few(&from[..count], &mut into[..count]),
        _ => {
            for at in rest {
                into[at] = from[STRIDE * at];
            }
        }
    }
}

/// Copies as many numbers as fill no register: the first and the last of them, which overlap.
#[inline(always)]
fn copy_few<A: Copy>(from: &[A], into: &mut [A]) {
    if copy_ends::<A, 8>(from, into) || copy_ends::<A, 4>(from, into) || copy_ends::<A, 2>(from, into) {
        return;
    }
    copy_ends::<A, 1>(from, into);
}

/// Copies the first so many numbers, and the last; says whether there are so many.
#[inline(always)]
fn copy_ends<A: Copy, const COUNT: usize>(from: &[A], into: &mut [A]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<COUNT>(), from.last_chunk::<COUNT>()) else { return false };
    if let Some(place) = into.first_chunk_mut::<COUNT>() {
        *place = *first;
    }
    if let Some(place) = into.last_chunk_mut::<COUNT>() {
        *place = *last;
    }
    true
}
