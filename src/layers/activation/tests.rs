use super::*;

#[test]
fn any_number_of_workers_and_any_order_give_the_same_bits() {
    let all = [
        Activation::Relu,
        Activation::RELU6,
        Activation::LEAKY_RELU,
        Activation::ELU,
        Activation::Sigmoid,
        Activation::HARD_SIGMOID,
        Activation::Tanh,
        Activation::Silu,
        Activation::HardSwish,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::SOFTPLUS,
    ];
    let input: Vec<f32> = (0..5000).map(|place| ((place * 37 % 1001) as f32 - 500.0) / 60.0).collect();
    let bits = |elements: &[f32]| elements.iter().map(|element| element.to_bits()).collect::<Vec<_>>();
    for activation in all {
        let mut expected = input.clone();
        activate(activation, 1, &mut expected);
        assert_ne!(bits(&expected), bits(&input), "{activation:?}");
        for workers in 2..4 {
            let mut found = input.clone();
            activate(activation, workers, &mut found);
            assert_eq!(bits(&found), bits(&expected), "{activation:?} by {workers}");
        }
        let mut turned = ndarray::Array2::from_shape_vec((50, 100), input.clone()).expect("as many").reversed_axes();
        activation.apply(&mut turned);
        let found: Vec<f32> = turned.t().iter().copied().collect();
        // One by one, the last digits may be those of instructions without vectors.
        for (found, expected) in found.iter().zip(&expected) {
            approx::assert_relative_eq!(found, expected, max_relative = 1e-6, epsilon = 1e-12);
        }
        let mut odd = [f32::NAN];
        activation.apply(&mut ndarray::arr1(&odd));
        activate(activation, 1, &mut odd);
        assert!(odd[0].is_nan(), "{activation:?}");
    }
}
