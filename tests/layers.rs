//! The layers around convolution give what PyTorch gives: see `tests/cases/layers.py`. In `f32` and `f64`, by `forward` and by a plan,
//! from inputs in order and not, into outputs in order and not.
//!
//! Edge cases: slopes for each channel and for all; every rank of a batch norm; negative axes; scales that are not whole, sizes that
//! shrink; borders wider than the map; parameters and shapes that do not fit; axes without pixels; sizes near 2⁶³.

use featuremap::{
    Activation, BatchNorm, BatchNorm1d, BatchNorm2d, Dropout, Error, Float, Interpolation, LocalResponseNorm,
    LogSoftmax, Module, Operator, PRelu, Pad, Pad1d, Pad2d, PadMode, Softmax, Tensor, TensorView, TensorViewMut,
    Upsample, Upsample2d,
};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;

fn numbers<T: Float>(value: &Value) -> Vec<T> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).map(T::from_f64).collect()
}

fn shape(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .map(|length| usize::try_from(length).unwrap())
        .collect()
}

struct Case(Value);

impl Case {
    fn number(&self, name: &str) -> f64 {
        self.0["parameters"][name].as_f64().unwrap()
    }

    fn tensor<T: Float>(&self, name: &str) -> Tensor<T> {
        let numbers = numbers(&self.0["parameters"][name]);
        Tensor::from_vec(&[numbers.len()], numbers).unwrap()
    }

    fn batch_norm<T: Float, const N: usize>(&self) -> BatchNorm<T, N> {
        let norm = BatchNorm::new(self.tensor("mean"), self.tensor("variance"));
        norm.weight(self.tensor("weight")).bias(self.tensor("bias"))
    }

    fn upsample<const N: usize>(&self, mode: &str) -> Upsample<N> {
        let size = shape(&self.0["parameters"]["size"]);
        let upsample = match <[usize; N]>::try_from(size) {
            Ok(size) => Upsample::to(size),
            Err(_) => Upsample::by_factors([self.number("factor"); N]),
        };
        upsample.interpolation(match mode {
            "nearest" => Interpolation::Nearest,
            "linear" => Interpolation::Linear,
            "corners" => Interpolation::LinearWithAlignedCorners,
            other => panic!("{other}"),
        })
    }

    fn pad<const N: usize>(&self, mode: &str) -> Pad<N> {
        let sides = shape(&self.0["parameters"]["sides"]);
        let sides: [_; N] = std::array::from_fn(|axis| (sides[2 * axis], sides[2 * axis + 1]));
        Pad::new(sides).mode(match mode {
            "constant" => PadMode::Constant(0.75),
            "reflect" => PadMode::Reflect,
            "replicate" => PadMode::Replicate,
            "circular" => PadMode::Circular,
            "symmetric" => PadMode::Symmetric,
            other => panic!("{other}"),
        })
    }

    fn module<T: Float>(&self) -> Box<dyn Module<T>> {
        let layer = self.0["layer"].as_str().unwrap();
        let axis = || isize::try_from(self.0["parameters"]["axis"].as_i64().unwrap()).unwrap();
        if let Some((layer, mode)) = layer.split_once('_') {
            match layer {
                "upsample1" => return Box::new(self.upsample::<1>(mode)),
                "upsample2" => return Box::new(self.upsample::<2>(mode)),
                "upsample3" => return Box::new(self.upsample::<3>(mode)),
                "pad1" => return Box::new(self.pad::<1>(mode)),
                "pad2" => return Box::new(self.pad::<2>(mode)),
                "pad3" => return Box::new(self.pad::<3>(mode)),
                _ => {}
            }
        }
        let activation = match layer {
            "prelu" => return Box::new(PRelu::new(self.tensor("weight"))),
            "batch_norm1" => return Box::new(self.batch_norm::<T, 1>()),
            "batch_norm2" => return Box::new(self.batch_norm::<T, 2>()),
            "batch_norm3" => return Box::new(self.batch_norm::<T, 3>()),
            "softmax" => return Box::new(Softmax::over(axis())),
            "log_softmax" => return Box::new(LogSoftmax::over(axis())),
            "lrn" => {
                let size = self.0["parameters"]["size"].as_u64().unwrap();
                let norm = LocalResponseNorm::new(usize::try_from(size).unwrap()).alpha(self.number("alpha"));
                return Box::new(norm.beta(self.number("beta")).k(self.number("k")));
            }
            "relu" => Activation::Relu,
            "relu6" => Activation::RELU6,
            "clamp" => Activation::Clamp { low: -1.5, high: 2.25 },
            "leaky_relu" => Activation::LEAKY_RELU,
            "elu" => Activation::ELU,
            "sigmoid" => Activation::Sigmoid,
            "hard_sigmoid" => Activation::HARD_SIGMOID,
            "tanh" => Activation::Tanh,
            "silu" => Activation::Silu,
            "hard_swish" => Activation::HardSwish,
            "gelu" => Activation::Gelu,
            "gelu_tanh" => Activation::GeluTanh,
            "softplus" => Activation::SOFTPLUS,
            "softplus_3_2" => Activation::Softplus { beta: 3.0, threshold: 2.0 },
            other => panic!("no such layer: {other}"),
        };
        Box::new(activation)
    }

    fn check<T: Float + std::fmt::Debug>(&self, tolerance: f64) {
        let name = &self.0["layer"];
        let module = self.module::<T>();
        let input =
            ArrayD::from_shape_vec(IxDyn(&shape(&self.0["input_shape"])), numbers::<T>(&self.0["input"])).unwrap();
        let (expected, output_shape) = (numbers::<f64>(&self.0["output"]), shape(&self.0["shape"]));
        assert_eq!(module.output_shape(input.shape()).unwrap(), output_shape, "{name}");
        // Sums of products are as exact as their terms, functions of one number as their results.
        let sums = ["upsample", "batch_norm"].iter().any(|layer| name.as_str().unwrap().starts_with(layer));
        let floor = if sums { 1.0 } else { 0.05 };
        let close = |found: &mut dyn Iterator<Item = T>, how: &str| {
            for (at, expected) in expected.iter().enumerate() {
                let found = found.next().unwrap().to_f64().unwrap();
                let error = (found - expected).abs();
                assert!(
                    error <= tolerance * expected.abs().max(floor),
                    "{name} {how}, at {at}: {found} for {expected}"
                );
            }
        };
        close(&mut module.forward_view(TensorView::from(&input)).unwrap().iter().copied(), "forward");

        let mut plan = module.plan(input.shape()).unwrap();
        let mut output = Tensor::zeros(&output_shape).unwrap();
        plan.run(&input.mapv(|x| x + x), &mut output).unwrap();
        plan.clone().run(&input, &mut output).unwrap();
        close(&mut output.iter().copied(), "planned");
        // From and into memory that lies in another order.
        let turned = input.view().reversed_axes().as_standard_layout().into_owned();
        let reversed: Vec<usize> = output_shape.iter().rev().copied().collect();
        let mut output = ArrayD::from_elem(IxDyn(&reversed), T::HIGHEST);
        plan.run(turned.view().reversed_axes(), TensorViewMut::from(&mut output.view_mut().reversed_axes())).unwrap();
        close(&mut output.view().reversed_axes().iter().copied(), "turned");
    }
}

#[test]
fn layers_give_what_pytorch_gives() {
    let cases: Value = serde_json::from_str(include_str!("cases/layers.json")).unwrap();
    let cases = cases.as_array().unwrap();
    assert!(cases.len() > 80, "{}", cases.len());
    for case in cases {
        let case = Case(case.clone());
        case.check::<f64>(1e-9);
        case.check::<f32>(2e-6);
    }
}

#[test]
fn dropout_is_nothing() {
    let input = ndarray::array![[1.5_f32, f32::NEG_INFINITY]];
    assert_eq!(Dropout.forward(&input).unwrap(), Tensor::from(&input));
    assert_eq!(Module::<f32>::plan(&Dropout, &[1, 2]).unwrap().output_shape(), [1, 2]);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let error = |module: &dyn Module<f32>, shape: &[usize]| {
        let error = module.output_shape(shape).expect_err("it does not fit");
        assert!(module.plan(shape).is_err());
        error.to_string()
    };
    let ones = |length| Tensor::from_vec(&[length], vec![1.0_f32; length]).unwrap();
    let norm = BatchNorm2d::new(ones(3), ones(3));
    assert_eq!(
        error(&norm, &[1, 4, 2, 2]),
        "a batch norm has numbers for 3 channels; found 4 on axis 1 of [1, 4, 2, 2]"
    );
    assert!(
        error(&norm, &[3, 4]).starts_with("the input of a 2-D batch norm must be of rank 3 [channel, spatial] or 4")
    );
    let norm = BatchNorm1d::new(ones(3), ones(4));
    assert_eq!(error(&norm, &[2, 3]), "each parameter of a batch norm must have shape [3]; found [4]");
    assert_eq!(error(&PRelu::new(ones(2)), &[1, 3]), "a PReLU has numbers for 2 channels; found 3 on axis 1 of [1, 3]");
    for axis in [2, -3, isize::MAX, isize::MIN] {
        let found = error(&Softmax::over(axis), &[2, 3]);
        assert_eq!(found, format!("axis {axis} is none of a tensor of rank 2 with shape [2, 3]"));
    }
    assert!(error(&LocalResponseNorm::new(0), &[1, 2, 3]).ends_with("must be at least 1; found 0"));
    assert!(
        error(&LocalResponseNorm::new(3), &[2, 3]).starts_with("the input of a local response norm must be of rank 3")
    );
    let reflect = Pad1d::new([(3, 0)]).mode(PadMode::Reflect);
    assert!(
        error(&reflect, &[3]).starts_with("reflect padding of 3 before and 0 after does not fit spatial axis 0 of 3")
    );
    assert!(error(&Pad1d::new([(usize::MAX, 1)]), &[3]).starts_with("a padded axis is too large"));
    assert!(error(&Pad2d::new([(1 << 62, 0), (1 << 62, 0)]), &[3, 3]).contains("too large"));
    assert_eq!(error(&Pad1d::new([(1, 1)]).mode(PadMode::Replicate), &[0]), "spatial axis 0 of the input is empty");
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let found = error(&Upsample2d::by_factors([1.0, factor]), &[3, 3]);
        assert!(found.starts_with("the factor of an upsampling must be positive and finite; found"), "{found}");
    }
    assert!(error(&Upsample2d::by_factors([1e300, 1.0]), &[3, 3]).contains("too large"));
    assert!(error(&Upsample2d::by(1 << 40), &[3, 3]).contains("too large"));
    assert_eq!(
        error(&Upsample2d::to([0, 3]), &[3, 3]),
        "the size of an upsampled map is 0 on spatial axis 0: it must be at least 1"
    );
}

#[test]
fn any_rank_and_any_size_is_an_output_or_an_error() {
    let ones = |length| Tensor::from_vec(&[length], vec![1.0_f32; length]).unwrap();
    let modules: [Box<dyn Module<f32>>; 10] = [
        Box::new(Activation::Gelu),
        Box::new(PRelu::new(ones(2))),
        Box::new(BatchNorm1d::new(ones(2), ones(2))),
        Box::new(BatchNorm2d::new(ones(0), ones(0))),
        Box::new(Softmax::over(1)),
        Box::new(LogSoftmax::over(-2)),
        Box::new(LocalResponseNorm::new(usize::MAX)),
        Box::new(Pad2d::new([(1, 1), (0, 2)]).mode(PadMode::Symmetric)),
        Box::new(Upsample2d::by(2)),
        Box::new(Upsample2d::to([3, 5]).interpolation(Interpolation::Linear)),
    ];
    for module in &modules {
        let mut fitting = 0;
        for rank in 0..9 {
            for lengths in
                [[2, 2], [0, 2], [2, 0], [1, 2], [usize::MAX / 2, 2], [1 << 62, 1 << 62], [1 << 40, 1], [0, 1 << 62]]
            {
                let shape: Vec<usize> = (0..rank).map(|axis| lengths[axis % 2]).collect();
                let planned = module.plan(&shape);
                let Ok(mut plan) = planned else { continue };
                if shape.iter().any(|&length| length > 9) {
                    continue;
                }
                fitting += 1;
                let mut output = Tensor::zeros(plan.output_shape()).unwrap();
                let input = Tensor::<f32>::zeros(&shape).unwrap();
                plan.run(&input, &mut output).unwrap();
                assert_eq!(module.forward_view(input.view()).unwrap(), output, "{} of {shape:?}", module.name());
            }
        }
        assert!(fitting > 0, "{}", module.name());
    }
    // What is planned for shapes takes no memory in proportion to them.
    let vast: [Box<dyn Module<f32>>; 4] = [
        Box::new(Pad1d::new([(1, 1)])),
        Box::new(Pad1d::new([(1 << 50, 1)]).mode(PadMode::Symmetric)),
        Box::new(Upsample::<1>::by(1 << 20)),
        Box::new(Upsample::<1>::to(1 << 55).interpolation(Interpolation::Linear)),
    ];
    for module in &vast {
        for shape in [[0, 1 << 40], [1, 1 << 40], [0, 1 << 59]] {
            if let Ok(mut plan) = module.plan(&shape)
                && shape[0] == 0
            {
                let (input, mut output) = (Tensor::zeros(&shape).unwrap(), Tensor::zeros(plan.output_shape()).unwrap());
                plan.run(&input, &mut output).unwrap();
            }
        }
        assert!(module.plan(&[0, 1 << 40]).is_ok(), "{}", module.name());
    }
    let linear = Upsample::<4>::by(2).interpolation(Interpolation::Linear);
    assert!(
        Operator::output_shape(&linear, &[2, 2, 2, 2]).unwrap_err().to_string().ends_with("must be at most 3; found 4")
    );
    assert!(matches!(Upsample2d::by(2).output_shape(&[0, 3]), Err(Error::Zero { .. })));
}
