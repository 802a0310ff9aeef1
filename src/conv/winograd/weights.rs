//! U: the values of filters at all points, in the order in which the steps read them.

use super::Tiling;
use super::transforms::{FilterMatrix, MOST_PATCH, MOST_TAPS, filter_matrix};
use crate::Float;
use crate::simd::{Lanes, Level, lanes, vectorized_with_kernels};

/// Filters that are transformed side by side, in registers.
const TOGETHER: usize = 8;

/// The values of some filters at a point, or one of their taps.
type Values = [f64; TOGETHER];

/// The weights `[filter, channel, row, column]` of one group.
pub(in crate::conv) struct GroupWeights<'a, A> {
    pub(super) tiling: Tiling,
    pub(super) filters: usize,
    pub(super) channels: usize,
    /// Columns of taps.
    pub(super) columns: usize,
    pub(super) taps: &'a [A],
}

/// How many numbers [`GroupWeights::pack`] gives.
pub(super) fn packed_length<A: Lanes>(level: Level, tiling: Tiling, filters: usize, channels: usize) -> usize {
    filters.next_multiple_of(lanes::<A>(level)) * tiling.channels(channels) * tiling.points()
}

impl<A: Lanes + Float> GroupWeights<'_, A> {
    /// Transforms them into U, `[block of filters, point, channel, filter]`, over zeros. Blocks are two registers wide, the last one a
    /// single register where this is enough; filters that are missing in it are zeros.
    #[inline(never)]
    pub(in crate::conv) fn pack(&self, level: Level, packed: &mut [A]) {
        vectorized_with_kernels(
            level,
            #[inline(always)]
            || {
                let (tiling, points) = (self.tiling, self.tiling.points());
                let count = tiling.channels(self.channels);
                let together = 2 * lanes::<A>(level);
                for (block, packed) in packed.chunks_mut(together * count * points).enumerate() {
                    let width = packed.len() / (count * points);
                    for number in 0..count {
                        for within in (0..width).step_by(TOGETHER) {
                            let first = block * together + within;
                            let filters = TOGETHER.min(width - within).min(self.filters.saturating_sub(first));
                            let values = self.values(number, first, filters);
                            self.store(&values, [within, filters, width], [number, count], packed);
                        }
                    }
                }
            },
        );
    }

    /// The values of some filters at all points, `[row][column]`, for one of the channels of all phases.
    #[inline(always)]
    fn values(&self, number: usize, first: usize, filters: usize) -> [[Values; MOST_PATCH]; MOST_PATCH] {
        let (patch, taps) = (self.tiling.patch(), self.tiling.taps);
        let matrix: &FilterMatrix = filter_matrix(patch);
        let phase = self.tiling.phases()[number / self.channels];
        let of_filters = self.taps(phase, number % self.channels, first, filters);
        let mut rows = [[[0.0; TOGETHER]; MOST_TAPS]; MOST_PATCH];
        for point in 0..patch {
            for tap in 0..taps {
                for column in 0..taps {
                    add(&mut rows[point][column], matrix[point][tap], &of_filters[tap][column]);
                }
            }
        }
        let mut values = [[[0.0; TOGETHER]; MOST_PATCH]; MOST_PATCH];
        for row in 0..patch {
            for point in 0..patch {
                for tap in 0..taps {
                    add(&mut values[row][point], matrix[point][tap], &rows[row][tap]);
                }
            }
        }
        values
    }

    /// The taps of a phase of some filters in a channel, `[row][column]`.
    #[inline(always)]
    fn taps(
        &self,
        phase: [usize; 2],
        channel: usize,
        first: usize,
        filters: usize,
    ) -> [[Values; MOST_TAPS]; MOST_TAPS] {
        let (stride, of_filter) = (self.tiling.stride, self.taps.len() / (self.filters * self.channels));
        let mut taps = [[[0.0; TOGETHER]; MOST_TAPS]; MOST_TAPS];
        for filter in 0..filters {
            let of_filter = &self.taps[((first + filter) * self.channels + channel) * of_filter..][..of_filter];
            for row in 0..self.tiling.taps {
                for column in 0..self.tiling.taps {
                    let (down, across) = (row * stride + phase[0], column * stride + phase[1]);
                    let tap = of_filter.get(down * self.columns + across).filter(|_| across < self.columns);
                    taps[row][column][filter] = tap.and_then(num_traits::ToPrimitive::to_f64).unwrap_or(0.0);
                }
            }
        }
        taps
    }

    /// Writes the values of some filters of a block where they belong.
    #[inline(always)]
    fn store(
        &self,
        values: &[[Values; MOST_PATCH]; MOST_PATCH],
        [within, filters, width]: [usize; 3],
        [number, count]: [usize; 2],
        packed: &mut [A],
    ) {
        let patch = self.tiling.patch();
        for point in 0..patch * patch {
            let values = values[point / patch][point % patch].iter().take(filters);
            let places = &mut packed[(point * count + number) * width + within..];
            places.iter_mut().zip(values).for_each(|(place, &value)| *place = A::from_f64(value));
        }
    }
}

/// Adds some numbers times a factor.
#[inline(always)]
fn add(sums: &mut Values, factor: f64, values: &Values) {
    for at in 0..TOGETHER {
        sums[at] += factor * values[at];
    }
}
