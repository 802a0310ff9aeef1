//! Functions of each element, alone or with a constant.

use std::sync::Arc;

use super::check_input;
use crate::module::{Module, Operator, check_shape};
use crate::{ChannelScale, Elementwise, Lowering, Plan, Result, Tensor, TensorView, TensorViewMut};

/// A function of each element, that no [`Activation`](crate::Activation) is.
#[derive(Clone)]
pub(in crate::onnx) struct Map {
    name: &'static str,
    function: Arc<dyn Fn(f32) -> f32 + Send + Sync>,
}

impl Map {
    pub(in crate::onnx) fn new(name: &'static str, function: impl Fn(f32) -> f32 + Send + Sync + 'static) -> Self {
        Self { name, function: Arc::new(function) }
    }
}

impl Operator for Map {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn name(&self) -> String {
        self.name.into()
    }
}

impl Module<f32> for Map {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        check_shape(input.shape(), &output)?;
        output.assign_map(&input, |&element| (self.function)(element));
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        let function = self.function.clone();
        Lowering::Elementwise(Elementwise::new(move |mut map| {
            map.map_in_place(|element| *element = function(*element));
        }))
    }
}

/// A factor and an offset for each channel: after a convolution, a part of its weights.
#[derive(Clone)]
pub(in crate::onnx) struct Scaled {
    name: &'static str,
    shape: Vec<usize>,
    scale: ChannelScale<f32>,
}

impl Scaled {
    /// For values of this shape, which must have the channels that the scale has.
    pub(in crate::onnx) fn new(name: &'static str, shape: &[usize], scale: ChannelScale<f32>) -> Self {
        Self { name, shape: shape.to_vec(), scale }
    }
}

impl Operator for Scaled {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.shape, input)?;
        match self.scale.axis(input.len()) {
            Some(axis) if input[axis] == self.scale.len() => Ok(input.to_vec()),
            axis => Err(crate::Error::ChannelCount {
                what: "an operator of an ONNX network",
                expected: self.scale.len(),
                found: axis.map_or(0, |axis| input[axis]),
                axis: axis.unwrap_or(1),
                shape: input.to_vec(),
            }),
        }
    }

    fn name(&self) -> String {
        self.name.into()
    }
}

impl Module<f32> for Scaled {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        output.assign(&input);
        self.scale.apply(output);
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        Lowering::Scale(self.scale.clone())
    }
}

/// A function of each element and one of a constant, which is repeated along axes where it has one element.
#[derive(Clone)]
pub(in crate::onnx) struct WithConstant {
    name: &'static str,
    shape: Vec<usize>,
    constant: Arc<Tensor<f32>>,
    function: fn(f32, f32) -> f32,
}

impl WithConstant {
    /// For values of this shape, to which the constant must be repeatable.
    pub(in crate::onnx) fn new(
        name: &'static str,
        shape: &[usize],
        constant: Tensor<f32>,
        function: fn(f32, f32) -> f32,
    ) -> Result<Self> {
        // Of the same rank, so that both are held alike.
        let mut of_all_axes = vec![1; shape.len().saturating_sub(constant.rank())];
        of_all_axes.extend(constant.shape());
        super::Strided::new(&of_all_axes)?.expanded(shape)?;
        Ok(Self { name, shape: shape.to_vec(), constant: constant.reshape(&of_all_axes)?.into(), function })
    }
}

impl Operator for WithConstant {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.shape, input)?;
        Ok(input.to_vec())
    }

    fn name(&self) -> String {
        self.name.into()
    }
}

impl Module<f32> for WithConstant {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        output.assign(&input);
        output.combine(&self.constant.view(), |element, &constant| *element = (self.function)(*element, constant));
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}

/// A function of each element of the first half of a row and the one at the same place of the second, as a tensor of this shape.
#[derive(Clone)]
pub(in crate::onnx) struct Halves {
    name: &'static str,
    count: usize,
    shape: Vec<usize>,
    function: fn(f32, f32) -> f32,
}

impl Halves {
    /// The row has twice as many elements as the shape.
    pub(in crate::onnx) fn new(
        name: &'static str,
        count: usize,
        shape: &[usize],
        function: fn(f32, f32) -> f32,
    ) -> Self {
        Self { name, count, shape: shape.to_vec(), function }
    }
}

impl Operator for Halves {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&[2 * self.count], input)?;
        Ok(self.shape.clone())
    }

    fn name(&self) -> String {
        self.name.into()
    }
}

impl Module<f32> for Halves {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        let row = input.contiguous()?;
        let (ones, others) = row.split_at(row.len() / 2);
        output.write_with(&mut |output| {
            for (place, (&one, &other)) in output.iter_mut().zip(ones.iter().zip(others)) {
                *place = (self.function)(one, other);
            }
            Ok(())
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}
