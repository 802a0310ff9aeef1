//! Every way to compute a module, held against the definition and against each other.

use std::sync::atomic::{AtomicUsize, Ordering};

use featuremap::{Error, Module, Plan, Tensor, TensorView, TensorViewMut};
use ndarray::{ArrayD, Axis, IxDyn, arr0};

use super::ALLOCATOR;
use super::definition::{Expected, Way, agree};
use super::facts::Facts;
use super::layout::elements;
use super::memory::{Held, ballast, seen};
use super::random::{Kind, Number, Random, numbers};

/// What is known of an output before anything is computed.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    Shape(Vec<usize>),
    Wrong,
    /// Not worth finding out.
    Unknown,
}

/// An output by its place and how it is computed, if it is known.
pub(crate) type Definition<'a, U> = &'a dyn Fn(usize, Way) -> Option<Expected<U>>;

/// A module with an input, and what is known of both.
pub(crate) struct Subject<'a, T: Number, U: Number> {
    pub(crate) module: &'a dyn Module<T, U>,
    pub(crate) input: &'a Input<T>,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Option<&'a Facts>,
    pub(crate) definition: Definition<'a, U>,
    /// Products and the like for an output, by which it is found out how many a test has time for.
    pub(crate) terms: usize,
    /// Whether of two zeros any may come out, and whether results are the same each time.
    pub(crate) zeros: bool,
    pub(crate) honest: bool,
    /// Bytes of all that a call may reasonably hold, but for input and output.
    pub(crate) bytes: u128,
}

/// An input, and how it is seen.
pub(crate) struct Input<T> {
    pub(crate) array: ArrayD<T>,
    /// The same with some axes of length 1, which are repeated.
    narrow: ArrayD<T>,
    held: Held<T>,
}

impl<T: Number> Input<T> {
    pub(crate) fn draw(random: &mut Random, kind: Kind, shape: &[usize]) -> Self {
        let repeats = random.once_in(6);
        let narrow: Vec<_> =
            shape.iter().map(|&length| if repeats && random.once_in(2) { length.min(1) } else { length }).collect();
        let narrow = numbers::<T>(random, kind, &narrow);
        let array = narrow.broadcast(shape).expect("axes of length 1 are repeated").to_owned();
        let array = array.as_standard_layout().into_owned();
        let filler = T::draw(random, Kind::Odd);
        let held = Held::copy(random, &array, filler);
        Self { array, narrow, held }
    }

    fn seen(&self, random: &mut Random) -> TensorView<'_, T> {
        match random.below(4) {
            0 => seen(random, self.array.view()),
            1 => seen(random, self.narrow.broadcast(self.array.shape()).expect("as it was made")),
            _ => seen(random, self.held.view()),
        }
    }
}

/// What a test has time for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Elements of an output that is computed, and terms that are added up by the definition.
    pub(crate) elements: u128,
    pub(crate) terms: usize,
}

/// So many bytes are no memory that exists: more than an address space has.
pub(crate) fn is_impossible(elements: u128) -> bool {
    elements > (isize::MAX.cast_unsigned() as u128).min(1 << 47)
}

/// Calls `f` and sees to it that it takes no more memory than so much.
pub(crate) fn within<R>(bytes: u128, f: impl FnOnce() -> R) -> R {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = f();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(taken as u128 <= bytes, "{taken} bytes taken, where {bytes} should do");
    result
}

/// What a call may take: some buffers for every thread, and so many copies of what it reads and writes.
fn proportion<T: Number, U: Number>(subject: &Subject<'_, T, U>, count: u128) -> u128 {
    let input = subject.input.array.len() as u128 * size_of::<T>() as u128;
    (16 << 20) + 40 * (input + count * size_of::<U>() as u128 + subject.bytes)
}

/// What became of cases.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Modules that were computed, with so many outputs held against the definition, and those that had an error.
    pub(crate) computed: AtomicUsize,
    pub(crate) outputs: AtomicUsize,
    pub(crate) refused: AtomicUsize,
}

/// What the generator runs with.
pub(crate) struct Stage {
    pub(crate) budget: Budget,
    pub(crate) tally: Tally,
    #[cfg(feature = "rayon")]
    pub(crate) pools: Vec<rayon::ThreadPool>,
}

impl Stage {
    pub(crate) fn check<T: Number, U: Number>(&self, random: &mut Random, subject: &Subject<'_, T, U>) {
        let (module, input) = (subject.module, &subject.input.array);
        let shape = within(1 << 20, || module.output_shape(input.shape()));
        match (&subject.verdict, &shape) {
            (Verdict::Shape(expected), Ok(found)) => assert_eq!(found, expected),
            (Verdict::Shape(expected), Err(error)) => panic!("{error}, where {expected:?} comes out"),
            (Verdict::Wrong, Ok(found)) => panic!("{found:?} comes out of what is wrong"),
            _ => {}
        }
        // Nothing has an output without axes but what has such an input.
        if !input.shape().is_empty() {
            let mut wrong = arr0(U::ZERO);
            let error = within(1 << 20, || module.forward_into(input.into(), (&mut wrong).into())).unwrap_err();
            match &shape {
                // A number that is NaN is not equal to itself.
                Err(expected) => assert_eq!(error.to_string(), expected.to_string()),
                Ok(_) => assert!(
                    matches!(error, Error::Shape { .. } | Error::TooLarge { .. } | Error::NormOrder { .. }),
                    "{error}"
                ),
            }
        }
        match shape {
            Err(error) => {
                self.tally.refused.fetch_add(1, Ordering::Relaxed);
                subject.facts.iter().for_each(|facts| facts.check(&error));
                let of_forward = within(1 << 20, || module.forward_view(input.into()));
                let of_plan = within(1 << 20, || module.plan(input.shape()));
                for other in [of_forward.unwrap_err(), of_plan.unwrap_err()] {
                    assert_eq!(other.to_string(), error.to_string());
                }
            }
            Ok(shape) => self.check_outputs(random, subject, &shape),
        }
    }

    /// The shape rule alone, of an input that need not exist.
    pub(crate) fn check_rule<T: Number, U: Number>(&self, module: &dyn Module<T, U>, verdict: &Verdict, facts: &Facts) {
        let shape = within(1 << 20, || module.output_shape(&facts.input));
        match (verdict, shape) {
            (Verdict::Shape(expected), Ok(found)) => {
                assert_eq!(&found, expected);
                let (all, outputs) = (elements(&found).max(elements(&facts.input)), elements(&found));
                // A plan has room for its output, and lists in proportion to its rows.
                if is_impossible(outputs) || outputs < self.budget.elements {
                    let planned = within(1 << 26, || module.plan(&facts.input));
                    assert!(planned.is_ok_and(|plan| plan.output_shape() == found) || is_impossible(all));
                }
            }
            (Verdict::Wrong, Err(error)) => facts.check(&error),
            (Verdict::Unknown, _) => {}
            (expected, found) => panic!("{found:?}, where {expected:?} comes out of {facts:?}"),
        }
    }

    fn check_outputs<T: Number, U: Number>(&self, random: &mut Random, subject: &Subject<'_, T, U>, shape: &[usize]) {
        let (module, input) = (subject.module, &subject.input.array);
        let count = elements(shape);
        if is_impossible(count * size_of::<U>() as u128) {
            let error = within(1 << 20, || module.forward_view(input.into())).unwrap_err();
            assert!(
                matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. } | Error::NormOrder { .. }),
                "{error}"
            );
            subject.facts.iter().for_each(|facts| facts.check(&error));
            return;
        }
        if count > self.budget.elements || subject.bytes > 1 << 28 {
            return;
        }
        let bytes = proportion(subject, count);
        let first = match within(bytes, || module.forward_view(input.into())) {
            Ok(first) => first,
            Err(error) => {
                let refused =
                    matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. } | Error::NormOrder { .. });
                assert!(refused, "{error}");
                subject.facts.iter().for_each(|facts| facts.check(&error));
                let of_plan = within(bytes, || module.plan(input.shape()));
                // `forward` takes memory for the output before all else, where a plan leaves that to its caller. An order of a norm that
                // is NaN is not equal to itself.
                match of_plan {
                    Err(Error::NormOrder { .. })
                        if matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. }) => {}
                    Err(of_plan) => assert_eq!(of_plan.to_string(), error.to_string()),
                    Ok(_) => {}
                }
                return;
            }
        };
        assert_eq!(first.shape(), shape);
        self.tally.computed.fetch_add(1, Ordering::Relaxed);
        let plan = within(bytes, || module.plan(input.shape())).expect("what can be computed can be planned");
        assert_eq!((plan.input_shape(), plan.output_shape()), (input.shape(), shape));
        let way = Way::of(&plan.algorithm());
        self.compare(random, subject, &first, way);
        let ways = Ways { stage: self, subject, shape, bytes };
        ways.forward(random, &first);
        let planned = ways.planned(random, plan);
        self.compare(random, subject, &planned, way);
        ways.banded(random, &planned);
    }

    /// Holds outputs against the definition: all of them, or as many as there is time for.
    fn compare<T: Number, U: Number>(
        &self,
        random: &mut Random,
        subject: &Subject<'_, T, U>,
        found: &Tensor<U>,
        way: Way,
    ) {
        let affordable = (self.budget.terms / if way == Way::Tiles { 8 } else { 1 } / subject.terms.max(1)).max(4);
        let places: Vec<usize> = match found.len() <= affordable {
            true => (0..found.len()).collect(),
            false => (0..affordable).map(|_| random.below(found.len())).collect(),
        };
        let elements = found.as_array().as_slice().expect("a tensor that was computed lies in order");
        for place in places {
            if let Some(expected) = (subject.definition)(place, way) {
                let agrees = agree(elements[place], &expected, true);
                self.tally.outputs.fetch_add(1, Ordering::Relaxed);
                assert!(agrees, "{} at {place} of {:?} for {expected:?}", elements[place], found.shape());
            }
        }
    }
}

/// A way to compute into memory of any order.
type RunInto<'a, T, U> = dyn FnMut(TensorView<'_, T>, TensorViewMut<'_, U>) -> featuremap::Result<()> + 'a;

/// Ways to compute a module, all to the same bits.
struct Ways<'a, T: Number, U: Number> {
    stage: &'a Stage,
    subject: &'a Subject<'a, T, U>,
    shape: &'a [usize],
    bytes: u128,
}

impl<T: Number, U: Number> Ways<'_, T, U> {
    fn assert_same<'b>(&self, found: impl Iterator<Item = &'b U>, expected: impl Iterator<Item = &'b U>, way: &str) {
        if self.subject.honest {
            for (place, (found, expected)) in found.zip(expected).enumerate() {
                let same = found.same(*expected, self.subject.zeros);
                assert!(same, "{found} and not {expected} at {place} of {:?}, {way}", self.shape);
            }
        }
    }

    fn forward(&self, random: &mut Random, first: &Tensor<U>) {
        let (module, input) = (self.subject.module, self.subject.input);
        let held = ballast(random);
        let again = module.forward_view(input.seen(random)).expect("as before");
        self.assert_same(again.iter(), first.iter(), "seen otherwise");
        drop(held);
        self.run_into_any(random, first, "into any memory", &mut |input, output| module.forward_into(input, output));
        #[cfg(feature = "rayon")]
        if random.once_in(2) {
            for pool in &self.stage.pools {
                let other = pool.install(|| module.forward_view((&input.array).into())).expect("as before");
                let way = format!("by {} threads", pool.current_num_threads());
                self.assert_same(other.iter(), first.iter(), &way);
            }
        }
    }

    /// Runs into memory of any order, and sees to it that nothing else is written.
    fn run_into_any(&self, random: &mut Random, expected: &Tensor<U>, way: &str, run: &mut RunInto<'_, T, U>) {
        let filler = U::draw(random, Kind::Odd);
        let mut output = Held::blank(random, self.shape, filler);
        let input = self.subject.input.seen(random);
        run(input, output.view_mut().into()).expect("as before");
        self.assert_same(output.view().iter(), expected.iter(), way);
        assert!(output.has_kept(|other| other.same(filler, false), filler), "more is written, {way}");
    }

    fn planned(&self, random: &mut Random, mut plan: Plan<T, U>) -> Tensor<U> {
        let input = self.subject.input;
        let blank = || ArrayD::from_elem(IxDyn(self.shape), U::ZERO);
        let mut first = blank();
        within(self.bytes, || plan.run(&input.array, &mut first)).expect("it is for this shape");
        let first = Tensor::from(first);
        self.run_into_any(random, &first, "planned", &mut |input, output| plan.run(input, output));

        let mut other = self.shape.to_vec();
        other.push(2);
        // ndarray bounds the product of the axes that are not empty.
        if elements(&other) < 1 << 20 && other.iter().all(|&size| size < 1 << 20) {
            let mut wrong = ArrayD::from_elem(IxDyn(&other), U::ZERO);
            let error = plan.run(&input.array, &mut wrong).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }), "{error}");
            let longer = input.array.view().insert_axis(Axis(0));
            let error = plan.run(longer, &mut blank()).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }), "{error}");
        }
        for _ in 0..random.below(4) {
            let held = ballast(random);
            let mut clone = plan.clone();
            self.run_into_any(random, &first, "by a clone", &mut |input, output| clone.run(input, output));
            drop(held);
            plan = clone;
        }
        #[cfg(feature = "rayon")]
        self.by_threads(random, &plan, &first);
        first
    }

    #[cfg(feature = "rayon")]
    fn by_threads(&self, random: &mut Random, plan: &Plan<T, U>, first: &Tensor<U>) {
        let input = &self.subject.input.array;
        if random.once_in(2) {
            for pool in &self.stage.pools {
                let threads = pool.current_num_threads();
                let mut plan = pool.install(|| self.subject.module.plan(input.shape())).expect("as before");
                let way = format!("planned for {threads} threads, {plan}");
                self.run_into_any(random, first, &way, &mut |input, output| pool.install(|| plan.run(input, output)));
                // In another pool than it was made for.
                self.run_into_any(random, first, &way, &mut |input, output| plan.run(input, output));
            }
        }
        if random.once_in(8) && !self.stage.pools.is_empty() {
            let run = |mut plan: Plan<T, U>| {
                let mut output = ArrayD::from_elem(IxDyn(self.shape), U::ZERO);
                plan.run(input, &mut output).expect("as before");
                output
            };
            let outputs = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..3).map(|_| plan.clone()).map(|plan| scope.spawn(move || run(plan))).collect();
                threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect::<Vec<_>>()
            });
            for output in &outputs {
                self.assert_same(output.iter(), first.iter(), "on a thread of its own");
            }
        }
    }

    /// Some rows of the output alone: to the bit those of the whole.
    fn banded(&self, random: &mut Random, whole: &Tensor<U>) {
        let (module, input) = (self.subject.module, &self.subject.input.array);
        if whole.is_empty() || !self.subject.honest {
            return;
        }
        let start = random.below(9);
        let rows = start..start + random.from(1, 6);
        let Some(module) = module.lowering().bands() else { return };
        let Some(band) = module.band(input.shape(), rows) else { return };
        if band.output.is_empty() {
            return;
        }
        let mut plan = match within(self.bytes, || module.plan_band(input.shape(), &band)) {
            Ok(plan) => plan,
            Err(error) => panic!("{error}, for the module's own {band:?}"),
        };
        let range = |rows: &std::ops::Range<usize>| ndarray::Slice::from(rows.start..rows.end);
        let part = input.slice_axis(Axis(band.input_axis), range(&band.input));
        let expected = whole.as_array().slice_axis(Axis(band.output_axis), range(&band.output));
        let mut output = ArrayD::from_elem(expected.raw_dim(), U::ZERO);
        plan.run(part, &mut output).expect("the band is of this shape");
        self.assert_same(output.iter(), expected.iter(), "in a band");
    }
}
