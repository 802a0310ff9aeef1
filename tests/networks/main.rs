//! Networks that people have give what PyTorch gives: see `tests/cases/networks.py`.

mod models;

use featuremap::{Module, Operator, Tensor};
use models::{fill, mobilenet_v2, resnet18, squeezenet, unet, wave};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|length| usize::try_from(length.as_u64().unwrap()).unwrap()).collect()
}

#[test]
fn networks_give_what_pytorch_gives() {
    let cases: Value = serde_json::from_str(include_str!("../cases/networks.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let name = case["network"].as_str().unwrap();
        let mut network = match name {
            "resnet18" => resnet18(8, 10),
            "mobilenet_v2" => mobilenet_v2(2, 10),
            "squeezenet" => squeezenet(8, 10),
            "unet" => unet(4, 3),
            other => panic!("no such network: {other}"),
        };
        assert_eq!(network.parameter_count() as u64, case["parameters"].as_u64().unwrap(), "{name}");
        fill(&mut network);
        let shape = numbers(&case["input_shape"]);
        #[allow(clippy::cast_possible_truncation)]
        let pixels = (0..shape.iter().product()).map(|place: usize| wave(place + 12345) as f32).collect();
        let input = Tensor::from_vec(&shape, pixels).unwrap();
        assert_eq!(network.output_shape(&shape).unwrap(), numbers(&case["output_shape"]), "{name}");

        let mut outputs = Vec::new();
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            outputs.push(pool.install(|| {
                let mut plan = network.plan(&shape).unwrap();
                let mut output = Tensor::zeros(plan.output_shape()).unwrap();
                plan.run(&input, &mut output).unwrap();
                output
            }));
        }
        assert_eq!(outputs[0], outputs[1], "{name}");
        let output = &outputs[0];
        // Errors are measured by the size of what is computed.
        let size = case["norm"].as_f64().unwrap() / (output.len() as f64).sqrt();
        let step = usize::try_from(case["step"].as_u64().unwrap()).unwrap();
        let expected = case["output"].as_array().unwrap();
        assert_eq!(expected.len(), output.iter().step_by(step).count(), "{name}");
        for (found, expected) in output.iter().step_by(step).zip(expected) {
            let expected = expected.as_f64().unwrap();
            assert!((f64::from(*found) - expected).abs() < 2e-5 * size, "{name}: {found} for {expected}, of {size}");
        }
        let summary = network.summary(&shape).unwrap();
        assert!(
            !summary.layers.iter().any(|layer| layer.kind == "BatchNorm2d" && layer.algorithm != "fused"),
            "{summary}"
        );
    }
}
