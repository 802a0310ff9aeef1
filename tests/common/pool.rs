//! Random poolings, and what they give by collecting the pixels of every window.

use featuremap::{Element, Padding, Pool, Tensor};
use ndarray::ArrayD;
use proptest::prelude::*;

use super::{Draw, Memory, WindowCase, memories, numbers, odometer, places, windows};

/// The parameters of a pooling and of its input, `[batch, channel, …]` or fewer axes.
#[derive(Debug, Clone)]
pub(crate) struct PoolCase<const N: usize> {
    pub(crate) window: WindowCase<N>,
    /// Batch and channels, channels alone, or neither.
    pub(crate) outer: Vec<usize>,
    pub(crate) memory: Memory,
    pub(crate) seed: u64,
}

impl<const N: usize> PoolCase<N> {
    pub(crate) fn pool<R>(&self, reduction: R) -> Pool<R, N> {
        Pool::with(reduction, self.window.size)
            .stride(self.window.stride)
            .padding(self.window.padding)
            .dilation(self.window.dilation)
            .ceil_mode(self.window.ceil)
    }

    pub(crate) fn input_shape(&self) -> Vec<usize> {
        self.outer.iter().copied().chain(self.window.input).collect()
    }

    pub(crate) fn output_shape(&self) -> Vec<usize> {
        self.outer.iter().copied().chain(self.window.fitting().output_size()).collect()
    }

    pub(crate) fn input<T: Draw>(&self) -> ArrayD<T> {
        numbers(self.seed, &self.input_shape())
    }

    /// `reduce` of the pixels under every window, each with its index in its plane, and of the number of taps that
    /// lie on pixels or on padding.
    pub(crate) fn by_collecting<T: Element, U>(
        &self,
        input: &ArrayD<T>,
        reduce: impl Fn(&[(usize, T)], usize) -> U,
    ) -> Tensor<U> {
        let naive = self.window.fitting();
        let mut results = Vec::new();
        for outer in odometer(&self.outer) {
            for output in places(naive.output_size()) {
                let pixels: Vec<(usize, T)> = naive
                    .pixels(output)
                    .into_iter()
                    .map(|pixel| {
                        let place: Vec<usize> = outer.iter().copied().chain(pixel).collect();
                        (super::flat(pixel, self.window.input), input[place.as_slice()])
                    })
                    .collect();
                let within = (0..N).map(|axis| naive.axes[axis].taps_within_padding(output[axis])).product();
                results.push(reduce(&pixels, within));
            }
        }
        Tensor::from_vec(&self.output_shape(), results).expect("one result for each output")
    }
}

/// Poolings without a window on padding alone: where there would be one, there is no padding.
pub(crate) fn poolings<const N: usize>() -> impl Strategy<Value = PoolCase<N>> {
    let outer = proptest::collection::vec(1..3_usize, 0..3);
    (windows(), outer, memories::<N>(), any::<u64>()).prop_map(|(mut window, outer, memory, seed)| {
        if window.fitting().has_an_empty_window() {
            window.padding = Padding::Valid;
            for axis in 0..N {
                window.input[axis] = window.input[axis].max(window.dilation[axis] * (window.size[axis] - 1) + 1);
            }
        }
        PoolCase { window, outer, memory, seed }
    })
}
