//! Uses every module type of the crate once: what such a program costs to compile, again and again, while it is being written.

use featuremap::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
    AvgPool1d, AvgPool2d, AvgPool3d, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d,
    Flatten, GlobalAvgPool, GlobalAvgPool1d, GlobalAvgPool3d, GlobalL2Pool, GlobalL2Pool1d, GlobalL2Pool3d,
    GlobalMaxPool, GlobalMaxPool1d, GlobalMaxPool3d, GlobalMinPool, GlobalMinPool1d, GlobalMinPool3d, L2Pool1d,
    L2Pool2d, L2Pool3d, Linear, LpPool1d, LpPool2d, LpPool3d, MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool1d,
    MaxUnpool2d, MaxUnpool3d, MinPool1d, MinPool2d, MinPool3d, Module, Relu, Result, Sequential, Tensor,
};
use ndarray::{Array, Array2, ArrayD, IxDyn};

fn weights(rank: usize) -> ArrayD<f32> {
    let mut shape = vec![3; rank];
    shape[..2].copy_from_slice(&[4, 4]);
    ArrayD::from_elem(IxDyn(&shape), 0.1)
}

fn show(input: &Tensor, module: &dyn Module<f32>) -> Result<()> {
    let output = Module::forward(&module, input)?;
    let planned = module.plan(input.shape())?;
    println!("{} {:?} {}", module.name(), output.shape(), planned.algorithm());
    Ok(())
}

fn main() -> Result<()> {
    let of = |shape: &[usize]| Tensor::from(Array::from_elem(IxDyn(shape), 1_f32));
    let (signal, image, volume) = (of(&[2, 4, 12]), of(&[2, 4, 12, 12]), of(&[2, 4, 12, 12, 12]));

    show(&signal, &Conv1d::new(weights(3)).padding(1))?;
    show(&image, &Conv2d::new(weights(4)).padding(1))?;
    show(&volume, &Conv3d::new(weights(5)).padding(1))?;
    show(&signal, &ConvTranspose1d::new(weights(3)))?;
    show(&image, &ConvTranspose2d::new(weights(4)))?;
    show(&volume, &ConvTranspose3d::new(weights(5)))?;

    let signals: [&dyn Module<f32>; 11] = [
        &MaxPool1d::new(2),
        &MinPool1d::new(2),
        &AvgPool1d::new(2),
        &L2Pool1d::new(2),
        &LpPool1d::new(2),
        &AdaptiveAvgPool1d::new(2),
        &AdaptiveMaxPool1d::new(2),
        &GlobalMaxPool1d::default(),
        &GlobalMinPool1d::default(),
        &GlobalAvgPool1d::default(),
        &GlobalL2Pool1d::default(),
    ];
    let images: [&dyn Module<f32>; 13] = [
        &MaxPool2d::new(2),
        &MinPool2d::new(2),
        &AvgPool2d::new(2),
        &L2Pool2d::new(2),
        &LpPool2d::new(2),
        &AdaptiveAvgPool2d::new(2),
        &AdaptiveMaxPool2d::new(2),
        &GlobalMaxPool::default(),
        &GlobalMinPool::default(),
        &GlobalAvgPool::default(),
        &GlobalL2Pool::default(),
        &Relu,
        &Flatten::default(),
    ];
    let volumes: [&dyn Module<f32>; 11] = [
        &MaxPool3d::new(2),
        &MinPool3d::new(2),
        &AvgPool3d::new(2),
        &L2Pool3d::new(2),
        &LpPool3d::new(2),
        &AdaptiveAvgPool3d::new(2),
        &AdaptiveMaxPool3d::new(2),
        &GlobalMaxPool3d::default(),
        &GlobalMinPool3d::default(),
        &GlobalAvgPool3d::default(),
        &GlobalL2Pool3d::default(),
    ];
    for (input, modules) in [(&signal, &signals[..]), (&image, &images[..]), (&volume, &volumes[..])] {
        for &module in modules {
            show(input, module)?;
        }
    }

    let (values, indices) = MaxPool1d::new(2).forward_with_indices(&signal)?;
    println!("{:?}", MaxUnpool1d::new(2).forward(&values, &indices)?.shape());
    let (values, indices) = MaxPool2d::new(2).forward_with_indices(&image)?;
    println!("{:?}", MaxUnpool2d::new(2).forward(&values, &indices)?.shape());
    let (values, indices) = MaxPool3d::new(2).forward_with_indices(&volume)?;
    println!("{:?}", MaxUnpool3d::new(2).forward(&values, &indices)?.shape());

    let model = Sequential::<f32>::new()
        .push(Conv2d::new(weights(4)).padding(1))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Flatten::default())
        .push(Linear::new(Array2::ones((10, 4 * 6 * 6))));
    println!("{}", model.summary(&[2, 4, 12, 12])?);
    println!("{}", model.forward(&image)?);
    Ok(())
}
