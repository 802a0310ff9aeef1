//! What a person writes without saying a type, which the compiler has to find by itself.

use featuremap::{Concat, Flatten, Graph, MaxPool2d, Module, Operator, Relu, Residual, Sequential, Tensor};
use ndarray::Array4;

#[test]
fn what_needs_no_type_of_element_asks_for_none() {
    let pool = MaxPool2d::new(2);
    assert_eq!(pool.name(), "MaxPool2d");
    assert_eq!(pool.output_shape(&[1, 3, 8, 8]).unwrap(), [1, 3, 4, 4]);
    assert_eq!((Relu.name(), Flatten::default().multiply_adds(&[3, 4])), ("Relu".into(), 0));
}

#[test]
fn a_plan_takes_its_type_from_what_it_runs_on() {
    let mut plan = MaxPool2d::new(2).plan(&[1, 1, 4, 4]).unwrap();
    let mut maps = Array4::<f64>::zeros((1, 1, 2, 2));
    plan.run(&Array4::<f64>::ones((1, 1, 4, 4)), &mut maps).unwrap();
    assert_eq!(maps.sum().to_bits(), 4.0_f64.to_bits());
}

#[test]
fn networks_are_of_f32_unless_they_say_otherwise() {
    let model = Sequential::new().push(Relu).push(MaxPool2d::new(2)).push(Flatten::default());
    assert_eq!(model.output_shape(&[1, 3, 8, 8]).unwrap(), [1, 48]);
    let model = Sequential::new().push(Residual::new(Sequential::new().push(Relu))).push(Concat::new());
    assert!(model.plan(&[1, 3]).is_err());
    let found = Sequential::<i32>::default().push(Relu).forward(&ndarray::array![-1, 2]).unwrap();
    assert_eq!(found, Tensor::from(ndarray::array![0, 2]));
    let mut graph = Graph::new();
    graph.module("relu", &Relu, graph.input());
    assert_eq!(graph.plan(&[2]).unwrap().output_shape(), [2]);
}
