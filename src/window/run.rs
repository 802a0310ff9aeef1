//! A run: consecutive taps or outputs whose pixels are evenly spaced.

use std::ops::Range;

/// The part of a reading that lies on pixels: consecutive taps, or consecutive outputs, whose
/// pixels are evenly spaced.
///
/// The `i`-th member of `range` (counted from its start) reads pixel `input + i · step`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// The taps (of one output) or the outputs (of one tap) that read a pixel. May be empty.
    pub range: Range<usize>,
    /// The pixel that the first member of the range reads; 0 for an empty range.
    pub input: usize,
    /// The distance to the pixel of the next member: the dilation, or the stride.
    pub step: usize,
}

impl Run {
    /// Calls `f` with each member of the run and its pixel: `members` is all that the range counts in (a
    /// row of outputs), `plane` all that the pixels are counted in.
    ///
    /// Steps of 1 and 2 are loops that a compiler turns into vector instructions.
    ///
    /// # Panics
    ///
    /// If the range reaches beyond `members`, or its pixels beyond `plane`.
    #[inline]
    pub fn pair<A, T: Copy>(&self, members: &mut [A], plane: &[T], mut f: impl FnMut(&mut A, T)) {
        let members = &mut members[self.range.clone()];
        let pixels = &plane[self.input..];
        match self.step {
            1 => {
                let pixels = &pixels[..members.len()];
                members.iter_mut().zip(pixels).for_each(|(member, &pixel)| f(member, pixel));
            }
            2 => {
                // The last pixel has no right neighbour to be loaded with it.
                let Some((last, members)) = members.split_last_mut() else { return };
                let (pairs, _) = pixels[..=2 * members.len()].as_chunks::<2>();
                members.iter_mut().zip(pairs).for_each(|(member, pair)| f(member, pair[0]));
                f(last, pixels[2 * members.len()]);
            }
            step => {
                let reach = members.len().saturating_sub(1).checked_mul(step);
                let inside = reach.is_some_and(|reach| reach < pixels.len());
                assert!(inside || members.is_empty(), "pixels beyond the plane");
                let pixels = pixels.iter().step_by(step.max(1));
                members.iter_mut().zip(pixels).for_each(|(member, &pixel)| f(member, pixel));
            }
        }
    }

    /// The pixels of the run as one slice: borrowed from the plane where they are neighbours, else
    /// collected in `scratch`.
    ///
    /// # Panics
    ///
    /// If the pixels reach beyond `plane`.
    #[inline]
    pub fn pixels<'a, T: Copy + Default>(&self, plane: &'a [T], scratch: &'a mut Vec<T>) -> &'a [T] {
        let count = self.range.len();
        if self.step == 1 {
            return &plane[self.input..][..count];
        }
        scratch.resize(count.max(scratch.len()), T::default());
        Self { range: 0..count, ..*self }.pair(scratch, plane, |place, pixel| *place = pixel);
        &scratch[..count]
    }

    /// The part of the run whose members lie in `members`.
    #[inline]
    pub(crate) fn within(&self, members: &Range<usize>) -> Self {
        let range = self.range.start.max(members.start)..self.range.end.min(members.end);
        if range.is_empty() {
            return Self { range: 0..0, input: 0, step: self.step };
        }
        let input = self.input + (range.start - self.range.start) * self.step;
        Self { range, input, step: self.step }
    }
}
