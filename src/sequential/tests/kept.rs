//! Networks that are called again and again: plans are kept, and never those of other weights, layers, shapes or threads.

use ndarray::{Array2, Array4};

use super::{one_by_one, waves};
use crate::parallel::in_a_pool;
use crate::sequential::Sequential;
use crate::{Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, Module, Relu, Tensor, TensorViewMut};

fn network() -> Sequential {
    let filters =
        |outputs, inputs| Array4::from_shape_fn((outputs, inputs, 3, 3), |at| (at.0 + at.2 * at.3) as f32 - 1.5);
    Sequential::new()
        .push(Conv2d::new(filters(4, 2)).padding(1))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Conv2d::new(filters(3, 4)))
        .push(GlobalAvgPool)
        .push(Flatten::default())
        .push(Linear::new(Array2::from_shape_fn((2, 3), |at| at.0 as f32 - at.1 as f32)))
}

#[test]
fn every_call_has_the_layers_shape_weights_and_threads_of_now() {
    let mut model = network();
    let mut seen = Vec::new();
    for round in 0..4 {
        // More shapes than are kept, and the first of them again.
        for shape in
            [[1, 2, 9, 8], [3, 2, 12, 7], [2, 2, 8, 8], [1, 2, 20, 20], [1, 2, 10, 11], [0, 2, 9, 8], [1, 2, 9, 8]]
        {
            let input = waves(&shape);
            let expected = one_by_one(&model, &input).expect("it fits");
            for threads in [1, 2, 1, 3] {
                let found = in_a_pool(threads, || model.forward(&input)).expect("it fits");
                assert_eq!(found, expected, "{shape:?}, round {round}, {threads} threads");
            }
            seen.push(expected);
        }
        let clone = model.clone();
        match round {
            0 | 3 => model.parameters_mut()[0].1.map_in_place(|weight| *weight += 0.5),
            1 => model = model.push(Linear::new(Array2::eye(2) * 2.0)),
            _ => model.extend([Linear::new(Array2::eye(2) * 3.0)]),
        }
        let input = waves(&[1, 2, 9, 8]);
        assert_eq!(clone.forward(&input).as_ref(), Ok(&seen[seen.len() - 1]));
        assert_ne!(model.forward(&input).as_ref(), Ok(&seen[seen.len() - 1]));
    }
    let error = model.forward(waves(&[1, 3, 9, 8])).expect_err("it has too many channels");
    let mut wrong = Tensor::zeros(&[1, 3]).expect("it is small");
    assert_eq!(model.plan(&[1, 3, 9, 8]).expect_err("it has too many channels"), error);
    for input in [waves(&[1, 2, 9, 8]), waves(&[1, 2, 9, 8])] {
        model.forward_into((&input).into(), TensorViewMut::from(&mut wrong)).expect_err("the output has another shape");
    }
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "there are no threads to share it")]
fn several_threads_share_a_network() {
    let model = network();
    let inputs = [waves(&[1, 2, 9, 8]), waves(&[2, 2, 10, 10])];
    let expected = inputs.each_ref().map(|input| one_by_one(&model, input).expect("it fits"));
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (model, inputs, expected) = (&model, &inputs, &expected);
            scope.spawn(move || {
                for call in 0..20 {
                    let which = (thread + call) % 2;
                    assert_eq!(model.forward(&inputs[which]).as_ref(), Ok(&expected[which]));
                }
            });
        }
    });
}
