//! Modules of a user's own that say what is not so: nothing that they say may make a network panic, or take memory for it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use featuremap::{
    Activation, Band, Bands, Elementwise, Error, Fusible, Lowering, Module, Operator, Plan, Pooling, Quads, Result,
    RunPlan, TensorView, TensorViewMut,
};

use super::random::Random;

/// Lies about one thing or more, each time otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Liar {
    lies: u64,
    /// It is what follows from this that it says next.
    next: std::sync::Arc<AtomicU64>,
}

/// What it may lie about, as bits.
const SHAPE: u64 = 1;
const PLAN: u64 = 2;
const BAND: u64 = 4;
const RESHAPES: u64 = 8;
const ELEMENTWISE: u64 = 16;
const QUADS: u64 = 32;
const RUN: u64 = 64;
const COUNTS: u64 = 128;
const RELU: u64 = 256;

impl Liar {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let lies = random.bits() & random.bits() & 511;
        Self { lies, next: std::sync::Arc::new(random.bits().into()) }
    }

    fn lies(&self, about: u64) -> Option<Random> {
        let seed = self.next.fetch_add(0x1234_5678_9abc_def1, Ordering::Relaxed);
        (self.lies & about != 0).then(|| Random::new(seed))
    }

    fn other(random: &mut Random, shape: &[usize]) -> Vec<usize> {
        let mut other = shape.to_vec();
        match random.below(8) {
            0 => other.push(2),
            1 => drop(other.pop()),
            2 => other.reverse(),
            3 => other.fill(0),
            4 => other.fill(usize::MAX),
            _ => {
                if let Some(length) = other.last_mut() {
                    *length = random.below(7);
                }
            }
        }
        other
    }

    fn range(random: &mut Random) -> Range<usize> {
        let start = if random.once_in(3) { random.hostile() } else { random.below(5) };
        match random.below(6) {
            0 => start..start.wrapping_sub(2),
            1 => start..random.hostile(),
            _ => start..start.saturating_add(random.below(6)),
        }
    }
}

impl Operator for Liar {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let Some(mut random) = self.lies(SHAPE) else { return Ok(input.to_vec()) };
        match random.below(9) {
            0 => Err(Error::EmptyAxis { axis: usize::MAX }),
            1..5 => Ok(Self::other(&mut random, input)),
            _ => Ok(input.to_vec()),
        }
    }

    fn multiply_adds(&self, _: &[usize]) -> u64 {
        self.lies(COUNTS).map_or(0, |mut random| random.bits())
    }
}

/// Leaves the output as it is, or fails.
#[derive(Clone)]
struct Nothing(bool);

impl RunPlan<f32> for Nothing {
    fn run(&mut self, _: TensorView<'_, f32>, _: TensorViewMut<'_, f32>) -> Result<()> {
        if self.0 { Ok(()) } else { Err(Error::Outdated) }
    }

    fn algorithm(&self) -> String {
        "none".into()
    }

    fn workspace_bytes(&self) -> usize {
        usize::from(self.0)
    }
}

impl Module<f32> for Liar {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        if let Some(mut random) = self.lies(RUN) {
            return if random.once_in(2) { Ok(()) } else { Err(Error::Outdated) };
        }
        if input.shape() == output.shape() {
            output.as_array_mut_assign(&input);
        }
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        match self.lies(PLAN) {
            Some(mut random) => {
                let (input, output) = (Self::other(&mut random, input_shape), Self::other(&mut random, input_shape));
                let input = if random.once_in(2) { input_shape.to_vec() } else { input };
                Ok(Plan::new(&input, &output, Nothing(random.once_in(2))))
            }
            None => Plan::of(self.clone(), input_shape),
        }
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        if self.lies(ELEMENTWISE).is_some_and(|mut random| random.once_in(2)) {
            let negate = |mut map: TensorViewMut<'_, f32>| map.map_in_place(|value| *value = -*value);
            return Lowering::Elementwise(Elementwise::new(negate));
        }
        if self.lies(RESHAPES).is_some_and(|mut random| random.once_in(2)) {
            return Lowering::Reshape;
        }
        match self.lies(RELU).map(|mut random| random.below(4)) {
            Some(0) => Lowering::Opaque,
            Some(1) => Lowering::Pooling(self),
            Some(2) => Lowering::Fusible(self),
            _ => Lowering::Bands(self),
        }
    }

    fn parameter_count(&self) -> usize {
        self.lies(COUNTS).map_or(0, |mut random| random.hostile())
    }
}

impl Fusible<f32> for Liar {
    fn with_activation(&self, _: Activation) -> Option<Box<dyn Fusible<f32> + '_>> {
        self.lies(RELU).map(|_| Box::new(self.clone()) as Box<dyn Fusible<f32>>)
    }

    fn plan_pooled(&self, input_shape: &[usize], _: Quads) -> Option<Plan> {
        let mut random = self.lies(QUADS)?;
        let output = Self::other(&mut random, input_shape);
        Some(Plan::new(input_shape, &output, Nothing(true)))
    }

    fn bands(&self) -> Option<&dyn Bands<f32>> {
        self.lies(BAND).map(|_| self as &dyn Bands<f32>)
    }
}

impl Pooling<f32> for Liar {
    fn quads(&self, _: &[usize]) -> Option<Quads> {
        self.lies(QUADS).map(|mut random| if random.once_in(2) { Quads::Max } else { Quads::Min })
    }
}

impl Bands<f32> for Liar {
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        let Some(mut random) = self.lies(BAND) else {
            let axis = input_shape.len().checked_sub(2)?;
            let rows = rows.start..rows.end.min(input_shape[axis]);
            return Some(Band::new(axis, rows.clone(), rows));
        };
        if random.once_in(2) {
            let axis = input_shape.len().checked_sub(2)?;
            return Some(Band { before: random.below(3), ..Band::new(axis, Self::range(&mut random), rows) });
        }
        let mut axis = || if random.once_in(3) { random.hostile() } else { random.below(4) };
        let (input_axis, output_axis) = (axis(), axis());
        let (input, output) = (Self::range(&mut random), Self::range(&mut random));
        let (before, after) = (random.hostile(), random.hostile());
        Some(Band { input_axis, input, output_axis, output, before, after })
    }
}

/// What is copied.
trait Assign {
    fn as_array_mut_assign(&mut self, input: &TensorView<'_, f32>);
}

impl Assign for TensorViewMut<'_, f32> {
    fn as_array_mut_assign(&mut self, input: &TensorView<'_, f32>) {
        self.view_mut().into_array_view_mut().assign(&input.clone().into_array_view());
    }
}
