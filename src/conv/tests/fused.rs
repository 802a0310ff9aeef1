//! Activations that are applied before sums are stored, against those that are applied afterwards: to the bit.

use ndarray::{Array1, Array4};

use super::cases::{Case, numbers};
use crate::conv::{Conv, Conv2d};
use crate::{Activation, Element, Float, Fusible, Linear, MaxPool2d, MinPool2d, Module, Quads, Sequential, Tensor};

fn bits(numbers: &Tensor<f32>) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

impl<const N: usize> Case<N> {
    /// That each algorithm applies an activation at each level as the layer of its own does. Some inputs have a pixel so large that tiles of
    /// Winograd's are computed again.
    pub(super) fn check_fused(&self) {
        // Other than 0 and 1, so that one of the two is not the other.
        let leaky = Activation::LeakyRelu { slope: 0.3 };
        let activation = if self.seed.is_multiple_of(2) { leaky } else { Activation::HardSwish };
        let float = f32::from_f64;
        // Sums on all pieces of the functions.
        let mut input = numbers(&self.input_shape(), self.seed).mapv(|number| float(3.0 * number));
        if self.seed.is_multiple_of(3) {
            let middle = input.len() / 2;
            input.as_slice_mut().expect("a fresh array is in order")[middle] = float(1e25);
        }
        let conv: Conv<f32, N> = self.conv(float, float).relu(false);
        let mut expected = Vec::new();
        self.each_way(&conv, &(&input).into(), |_, sums| {
            expected.push(activation.forward(sums).expect("it fits"));
        });
        let mut expected = expected.iter();
        let fused = conv.activated(activation).expect("it can be fused");
        self.each_way(&fused, &(&input).into(), |algorithm, found| {
            let expected = expected.next().expect("there are as many ways");
            assert_eq!(bits(found), bits(expected), "{algorithm}");
        });
        assert!(expected.next().is_none());
    }
}

/// What a network computes and what its layers compute one after the other.
fn assert_fused(network: &Sequential, layers: &[&dyn Module<f32>], input: &Tensor<f32>) {
    let mut expected = input.clone();
    for layer in layers {
        expected = layer.forward(&expected).expect("it fits");
    }
    assert_eq!(bits(&network.forward(input).expect("it fits")), bits(&expected));
}

/// A convolution whose results are pooled in registers, if anything lets them.
fn conv() -> Conv2d {
    let filters = numbers(&[24, 16, 3, 3], 5).mapv(f32::from_f64);
    Conv2d::new(filters).bias(Array1::from_elem(24, -1.5)).padding(1)
}

#[test]
fn what_does_not_keep_the_order_comes_before_a_pooling() {
    let (conv, shape, swish) = (conv(), [1, 16, 24, 24], Activation::HardSwish);
    let input = Tensor::from(numbers(&shape, 7).mapv(f32::from_f64));
    for quads in [Quads::Max, Quads::Min] {
        let pools = |activation| {
            let activated = conv.with_activation(activation).expect("it is fused");
            activated.plan_pooled(&shape, quads).is_some()
        };
        let leaky = |slope| pools(Activation::LeakyRelu { slope });
        let pooled = pools(Activation::Relu);
        assert_eq!([pools(swish), leaky(0.1), leaky(0.0), leaky(-0.1)], [false, pooled, false, false]);
    }
    let (max, min) = (MaxPool2d::new(2), MinPool2d::new(2));
    for activation in [swish, Activation::LEAKY_RELU, Activation::LeakyRelu { slope: -0.5 }] {
        let network = || Sequential::new().push(conv.clone()).push(activation);
        assert_fused(&network().push(max), &[&conv, &activation, &max], &input);
        assert_fused(&network().push(min), &[&conv, &activation, &min], &input);
    }
}

#[test]
fn what_is_not_one_activation_stays_two() {
    let (conv, swish, relu6) = (conv(), Activation::HardSwish, Activation::RELU6);
    let input = Tensor::from(numbers(&[1, 16, 9, 9], 9).mapv(f32::from_f64));
    for [first, then] in [[swish, relu6], [relu6, swish], [swish, swish]] {
        let network = Sequential::new().push(conv.clone()).push(first).push(then);
        assert_fused(&network, &[&conv, &first, &then], &input);
    }
}

#[test]
fn a_dense_layer_has_a_hard_swish() {
    let weights = numbers(&[37, 19], 3).mapv(f32::from_f64);
    let layer = Linear::new(weights);
    for rows in [1, 6, 40] {
        let input = Tensor::from(numbers(&[rows, 19], 4).mapv(|pixel| f32::from_f64(3.0 * pixel)));
        let network = Sequential::new().push(layer.clone()).push(Activation::HardSwish);
        let fused = network.summary(&[rows, 19]).expect("it fits").to_string();
        assert!(fused.contains("fused"), "{fused}");
        assert_fused(&network, &[&layer, &Activation::HardSwish], &input);
    }
}

/// Integers have no other activations, and `f64` would have all kernels twice.
#[test]
fn what_is_not_f32_has_clamps_alone() {
    fn fuses<T: Element>(filter: T) -> [bool; 3] {
        let conv = Conv::<T, 2>::new(Array4::from_elem((2, 1, 2, 2), filter));
        [Activation::HardSwish, Activation::LEAKY_RELU, Activation::RELU6]
            .map(|activation| conv.with_activation(activation).is_some())
    }
    assert_eq!(fuses(-1_i32), [false, false, true]);
    assert_eq!(fuses(-1.0_f64), [false, false, true]);
    assert_eq!(fuses(-1.0_f32), [true; 3]);
}
