//! The layers that are drawn.

use ndarray::{Array, ArrayD, IxDyn};
use proptest::prelude::*;

use crate::Element;
use crate::conv::{Algorithm, Conv};
use crate::window::{Padding, PaddingMode};

/// A layer, drawn small enough for the reference and odd enough for the kernels.
#[derive(Debug, Clone)]
pub(super) struct Case<const N: usize> {
    pub(super) images: usize,
    pub(super) groups: usize,
    pub(super) channels: usize,
    pub(super) filters: usize,
    pub(super) size: [usize; N],
    pub(super) input: [usize; N],
    pub(super) stride: [usize; N],
    pub(super) dilation: [usize; N],
    pub(super) padding: [(usize, usize); N],
    pub(super) mode: PaddingMode,
    pub(super) bias: bool,
    pub(super) relu: bool,
    /// Whether every filter is a column times a row.
    pub(super) separable: bool,
    pub(super) seed: u64,
}

pub(super) fn cases<const N: usize>() -> impl Strategy<Value = Case<N>> {
    let axis = || (1..=5_usize, 0..=20_usize, 1..=3_usize, 1..=2_usize, (0..=3_usize, 0..=3_usize));
    let axes = proptest::collection::vec(axis(), N);
    // Many filters read their pixels otherwise than few.
    let filters = prop_oneof![3 => 1..=40_usize / N, 1 => 32..=40_usize];
    let counts = (1..=2_usize, 1..=3_usize, 1..=5_usize, filters);
    let mode = prop_oneof![
        3 => Just(PaddingMode::Zeros),
        1 => Just(PaddingMode::Reflect),
        1 => Just(PaddingMode::Symmetric),
        1 => Just(PaddingMode::Replicate),
        1 => Just(PaddingMode::Circular),
    ];
    (axes, counts, mode, any::<[bool; 2]>(), any::<u64>()).prop_map(|(axes, counts, mode, [bias, relu], seed)| {
        let (images, groups, channels, filters) = counts;
        let size: [usize; N] = std::array::from_fn(|axis| axes[axis].0);
        let dilation: [usize; N] = std::array::from_fn(|axis| axes[axis].3);
        // At least as long as the window and as the padding of every mode asks.
        let input = std::array::from_fn(|axis| (size[axis] - 1) * dilation[axis] + 4 + axes[axis].1 / N);
        let stride = std::array::from_fn(|axis| axes[axis].2);
        let padding = std::array::from_fn(|axis| axes[axis].4);
        Case {
            images,
            groups,
            channels,
            filters,
            size,
            input,
            stride,
            dilation,
            padding,
            mode,
            bias,
            relu,
            separable: false,
            seed,
        }
    })
}

/// Layers of windows of 3×3, which have an algorithm of their own.
pub(super) fn three_by_three() -> impl Strategy<Value = Case<2>> {
    let counts = (1..=4_usize, 1..=2_usize, prop_oneof![1..=4_usize, 5..=30_usize], 1..=48_usize);
    // Several blocks of tiles, several registers of them in a row.
    let size = prop_oneof![3 => (1..=20_usize, 1..=20_usize), 1 => (1..=6_usize, 60..=90_usize)];
    (cases::<2>(), counts, size).prop_map(|(case, counts, (rows, columns))| {
        let (images, groups, channels, filters) = counts;
        let input = [rows.max(2 * case.dilation[0] + 1), columns.max(2 * case.dilation[1] + 1)];
        // Every mode of padding can do two pixels.
        let padding = case.padding.map(|(before, after)| (before.min(2), after.min(2)));
        Case { images, groups, channels, filters, size: [3; 2], input, stride: [1; 2], padding, ..case }
    })
}

/// Layers of so few channels that rows of pixels are read where they lie: of one group, with rows of several registers.
pub(super) fn few_channels() -> impl Strategy<Value = Case<2>> {
    let counts = (1..=2_usize, 1..=3_usize, 1..=40_usize);
    (cases::<2>(), counts, (4..=30_usize, 4..=90_usize)).prop_map(
        |(case, (images, channels, filters), (rows, columns))| {
            let least = |axis: usize| (case.size[axis] - 1) * case.dilation[axis] + 1 + case.stride[axis];
            let input = [rows.max(least(0)), columns.max(least(1))];
            Case { images, groups: 1, channels, filters, input, ..case }
        },
    )
}

/// Layers without padding whose few filters read pixels from the input itself: windows of one pixel, half of them, with more channels than
/// are summed in one part, now and then.
pub(super) fn bare() -> impl Strategy<Value = Case<2>> {
    let images = prop_oneof![3 => Just(1), 1 => 2..=9_usize];
    let counts = (images, prop_oneof![7 => 1..=40_usize, 1 => 510..=520_usize], 1..=40_usize);
    let axes = (any::<bool>(), 1..=16_usize, 1..=16_usize);
    (cases::<2>(), counts, axes).prop_map(|(case, (images, channels, filters), (point, rows, columns))| {
        let size = if point || channels > 40 { [1; 2] } else { case.size };
        let least = |axis: usize| (size[axis] - 1) * case.dilation[axis] + 1;
        let input = [rows.max(least(0)), columns.max(least(1))];
        let (padding, stride) = ([(0, 0); 2], [if point { 1 } else { case.stride[0] }, 1]);
        Case { images, channels, filters, size, input, stride, padding, ..case }
    })
}

/// Layers with a stride of two, whose windows have an algorithm of their own.
pub(super) fn strided() -> impl Strategy<Value = Case<2>> {
    let sizes = (3..=4_usize, any::<[bool; 2]>(), 1..=7_usize);
    (three_by_three(), sizes).prop_map(|(case, (taps, uneven, channels))| {
        let size = uneven.map(|uneven| 2 * taps - usize::from(uneven));
        let input = [case.input[0].max(size[0]), case.input[1].max(size[1])];
        // Many channels are summed otherwise than few.
        let channels = if case.seed.is_multiple_of(2) { channels } else { case.channels };
        Case { size, input, channels, stride: [2; 2], dilation: [1; 2], ..case }
    })
}

/// Layers whose pixels are read in their order, or where they lie, by tiles of every second pixel: rows of 7 or 14 outputs, or of
/// twice as many, for about two registers of filters.
pub(super) fn every_second() -> impl Strategy<Value = Case<2>> {
    let outputs = prop_oneof![Just(7), Just(14), Just(28)];
    (cases::<2>(), outputs, 9..=40_usize, any::<[bool; 3]>()).prop_map(
        |(case, outputs, filters, [padded, longer, three])| {
            let padding = if padded { [(case.padding[0].0, 1), (1, 0)] } else { [(0, 0); 2] };
            // Tiles of three columns know a pixel of padding.
            let size = [case.size[0], if three { 3 } else { case.size[1] }];
            let window = (size[1] - 1) * case.dilation[1] + 1;
            let columns = 2 * (outputs - 1) + window + usize::from(longer) - usize::from(padded);
            let (input, stride) = ([case.input[0], columns], [case.stride[0], 2]);
            Case { filters, size, input, stride, padding, mode: PaddingMode::Zeros, ..case }
        },
    )
}

/// Layers of one group whose windows reach as far as their maps, or farther, so that many taps lie on padding.
pub(super) fn mostly_padding() -> impl Strategy<Value = Case<2>> {
    let axis = || (2..=4_usize, 1..=9_usize, 1..=6_usize, 0..=1_usize);
    let counts = (1..=9_usize, 1..=5_usize, 1..=40_usize);
    (cases::<2>(), counts, [axis(), axis()]).prop_map(|(case, (images, channels, filters), axes)| {
        let [size, input, dilation] = [0, 1, 2].map(|part| axes.map(|axis| [axis.0, axis.1, axis.2][part]));
        let padding = axes.map(|(size, _, dilation, less)| {
            let all = (size - 1) * dilation;
            (all / 2, all - all / 2 - less)
        });
        let mode = PaddingMode::Zeros;
        Case { images, groups: 1, channels, filters, size, input, dilation, padding, mode, ..case }
    })
}

/// Depthwise layers: half of them with the square windows of most networks, which have tiles of their own.
pub(super) fn depthwise() -> impl Strategy<Value = Case<2>> {
    let square = proptest::option::of(prop_oneof![Just(3), Just(5), Just(7)]);
    (cases::<2>(), 1..=2_usize, (1..=90_usize, 1..=90_usize), square).prop_map(
        |(mut case, filters, (rows, columns), square)| {
            if let Some(size) = square {
                case = Case { size: [size; 2], stride: [1; 2], dilation: [1; 2], ..case };
            }
            let least = |axis: usize| (case.size[axis] - 1) * case.dilation[axis] + 4;
            let input = [rows.max(least(0)), columns.max(least(1))];
            Case { channels: 1, filters, input, separable: case.seed.is_multiple_of(2), ..case }
        },
    )
}

/// The same with so many channels that they fill registers, whole and in part.
pub(super) fn many_groups<const N: usize>() -> impl Strategy<Value = Case<N>> {
    (cases::<N>(), 2..=40_usize).prop_map(|(case, groups)| Case {
        groups,
        channels: 1,
        filters: 1,
        mode: PaddingMode::Zeros,
        ..case
    })
}

/// Numbers in no order, from −1 to 1, others for each seed.
pub(super) fn numbers(shape: &[usize], seed: u64) -> ArrayD<f64> {
    // Odd, and the lowest bit of the seed counts: pixels that are the weights make sums of squares, which all round alike.
    let mut state = seed.wrapping_mul(2) | 1;
    Array::from_shape_simple_fn(IxDyn(shape), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
    })
}

impl<const N: usize> Case<N> {
    pub(super) fn input_shape(&self) -> Vec<usize> {
        [&[self.images, self.groups * self.channels], &self.input[..]].concat()
    }

    pub(super) fn conv<T: Element>(&self, pixel: impl Fn(f64) -> T, sum: impl Fn(f64) -> T::Sum) -> Conv<T, N> {
        let filters = self.groups * self.filters;
        let mut weights = numbers(&[&[filters, self.channels], &self.size[..]].concat(), self.seed ^ 1);
        if self.separable {
            let (column, row) = (numbers(&[16], self.seed ^ 3), numbers(&[16], self.seed ^ 4));
            for (at, weight) in weights.indexed_iter_mut() {
                *weight = column[at[2]] * row[at[N + 1]] * (at[0] + 1) as f64;
            }
        }
        let conv = Conv::new(weights.mapv(pixel))
            .stride(self.stride)
            .dilation(self.dilation)
            .padding(Padding::Explicit(self.padding))
            .padding_mode(self.mode)
            .groups(self.groups)
            .relu(self.relu);
        match self.bias {
            true => conv.bias(numbers(&[filters], self.seed ^ 2).mapv(sum)),
            false => conv,
        }
    }
}

/// A layer with nothing special, for others to differ from.
pub(super) fn plain() -> Case<2> {
    Case {
        images: 2,
        groups: 1,
        channels: 7,
        filters: 9,
        size: [3, 3],
        input: [13, 11],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [(1, 1); 2],
        mode: PaddingMode::Zeros,
        bias: true,
        relu: false,
        separable: false,
        seed: 11,
    }
}

/// A layer that an algorithm computes; none for the one that all others are held against.
pub(super) fn case_of(algorithm: Algorithm) -> Option<Case<2>> {
    let plain = plain();
    let of_planes = Case { groups: 5, channels: 1, filters: 2, ..plain.clone() };
    match algorithm {
        Algorithm::Taps => None,
        Algorithm::Pixels | Algorithm::Channels | Algorithm::Winograd | Algorithm::Winograd2x2 => Some(plain),
        Algorithm::Rows => Some(of_planes),
        Algorithm::Separable => Some(Case { separable: true, ..of_planes }),
        Algorithm::Zones => Some(Case { input: [5, 6], dilation: [4, 4], padding: [(4, 4); 2], ..plain }),
    }
}
