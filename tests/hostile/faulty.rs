//! Modules with one fault each: all of them are found, or nothing that the generator says means anything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use featuremap::{Error, Module, Operator, Plan, Result, TensorView, TensorViewMut};

use super::check::{Input, Stage, Subject, Verdict};
use super::definition::{Expected, Terms, agree};
use super::facts::Facts;
use super::layout::{Pad, Spec};
use super::random::{Kind, Random};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// One output is another.
    Value,
    /// Every call gives other bits.
    Bits,
    /// It takes memory out of proportion.
    Memory,
    Panics,
    /// Its error is not so.
    Error,
    /// It promises another shape than it should.
    Shape,
}

const ALL: [Fault; 7] =
    [Fault::None, Fault::Value, Fault::Bits, Fault::Memory, Fault::Panics, Fault::Error, Fault::Shape];

/// Gives its input, with a fault.
#[derive(Debug, Clone)]
struct Faulty(Fault, Arc<AtomicUsize>);

impl Operator for Faulty {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        match self.0 {
            Fault::Error => Err(Error::EmptyAxis { axis: 1 }),
            Fault::Shape => Ok(input.iter().rev().copied().collect()),
            _ => Ok(input.to_vec()),
        }
    }
}

impl Module<f32> for Faulty {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        let mut place = self.1.fetch_add(usize::from(self.0 == Fault::Bits), Ordering::Relaxed) + 7;
        let mut elements = input.iter().copied().collect::<Vec<_>>().into_iter();
        match self.0 {
            Fault::Memory => drop(vec![1_u8; 100 << 20]),
            Fault::Panics => panic!("as it was to"),
            Fault::None => place = usize::MAX,
            _ => {}
        }
        // In row-major order, as `map_in_place` need not be.
        for (at, value) in output.view_mut().into_array_view_mut().iter_mut().enumerate() {
            *value = elements.next().expect("as many") + if at == place { 1.0 } else { 0.0 };
        }
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}

pub(crate) fn all_are_found(stage: &Stage) {
    let random = &mut Random::new(5);
    let shape = [3, 8];
    let input = Input::<f32>::draw(random, Kind::Plain, &shape);
    let elements = input.array.as_slice().expect("it is in order");
    let spec = Spec { size: vec![1; 2], stride: vec![1; 2], dilation: vec![1; 2], padding: Pad::Valid, ceil: false };
    let facts = Facts::new(2, &spec, &shape);
    let definition = &|place: usize, _| Some(Expected::Exactly(elements[place]));
    for fault in ALL {
        let module = &Faulty(fault, Arc::default());
        let verdict = if fault == Fault::Error { Verdict::Unknown } else { Verdict::Shape(shape.to_vec()) };
        // What is known to give other bits is not found by the definition.
        let anything = &|_: usize, _| None;
        let definition: super::check::Definition<'_, f32> = if fault == Fault::Bits { anything } else { definition };
        let (input, facts, terms, zeros, honest, bytes) = (&input, Some(&facts), 1, false, true, 0);
        let subject = Subject { module, input, verdict, facts, definition, terms, zeros, honest, bytes };
        let is_found = catch_unwind(AssertUnwindSafe(|| stage.check(random, &subject))).is_err();
        assert_eq!(is_found, fault != Fault::None, "{fault:?}");
    }
    // 0.75 · 0.5 + 0.25 · 2, and how far off it may be.
    let mut terms = Terms::default();
    terms.add(0.75, 0.5);
    terms.add(0.25, 2.0);
    let expected = Expected::Near { terms, divisor: 1.0, relu: false };
    assert!(agree(0.875_f32, &expected, false) && agree(0.875_f32.next_up(), &expected, false));
    for wrong in [0.875_01_f32, 0.874_99, -0.875, f32::NAN, f32::INFINITY] {
        assert!(!agree(wrong, &expected, false), "{wrong}");
    }
}
