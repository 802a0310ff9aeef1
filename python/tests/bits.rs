//! Writes what the crate itself computes of numbers that anyone can make, for `test_bits.py` to compare with.

use std::io::{BufWriter, Result, Write, stdout};

use featuremap::{
    AvgPool2d, BatchNorm2d, Conv1d, Conv2d, ConvTranspose2d, L2Pool2d, MaxPool2d, Module, Relu, Sequential, Tensor,
};

/// Numbers between −½ and ½ that look like none in particular.
fn numbers(shape: &[usize]) -> Tensor<f32> {
    let count = shape.iter().product::<usize>();
    #[allow(clippy::cast_possible_truncation, reason = "rounding is the point")]
    let number = |at: usize| ((at as u64 * 2_654_435_761 % 4_294_967_296) as f64 / 4_294_967_296.0 - 0.5) as f32;
    Tensor::from_vec(shape, (0..count).map(number).collect()).expect("as many as the shape has")
}

fn main() -> Result<()> {
    let (batch, plane, signal) = (numbers(&[2, 16, 40, 44]), numbers(&[300, 310]), numbers(&[4, 1000]));
    let conv = || Conv2d::new(numbers(&[32, 16, 3, 3])).bias(numbers(&[32])).padding(1);
    let network = Sequential::new().push(conv()).push(Relu).push(MaxPool2d::new(2));
    let norm = BatchNorm2d::new(numbers(&[16]), numbers(&[16]).map(|x| x + 1.0));
    let outputs = [
        conv().forward(&batch),
        Conv2d::new(numbers(&[15, 15])).padding(7).forward(&plane),
        Conv1d::new(numbers(&[8, 4, 5])).stride(2).forward(&signal),
        ConvTranspose2d::new(numbers(&[16, 8, 3, 3])).stride(2).forward(&batch),
        AvgPool2d::new(9).stride(1).padding(4).forward(&plane),
        L2Pool2d::new(3).forward(&batch),
        norm.forward(&batch),
        network.plan(batch.shape()).and_then(|mut plan| {
            let mut output = Tensor::zeros(plan.output_shape())?;
            plan.run(&batch, &mut output).map(|()| output)
        }),
    ];
    let mut stdout = BufWriter::new(stdout());
    for output in outputs {
        for number in &output.expect("all parameters fit") {
            stdout.write_all(&number.to_le_bytes())?;
        }
    }
    stdout.flush()
}
