//! Poolings over windows and over boxes, by every reduction, with indices and back.

use featuremap::{
    AdaptivePool, Average, Error, GlobalPool, L2, Lp, Max, MaxUnpool, Min, Module, Pool, Reduction, Selection, Tensor,
};
use ndarray::ArrayD;

use super::check::{Definition, Input, Stage, Subject, Verdict, is_impossible, within};
use super::facts::Facts;
use super::layers::input_shape;
use super::layout::{Along, Spec, all_countable, array, countable, elements};
use super::own::Own;
use super::pooling::{Places, Pooling, Reducing};
use super::random::{Kind, Number, Random, numbers};

/// A pooling and its input, as it was drawn.
struct Case<T> {
    spec: Spec,
    input: Input<T>,
    facts: Facts,
    reducing: Reducing,
    /// The axes, and the shape that comes out.
    found: Option<(Places, Vec<usize>)>,
}

fn draw<T: Number, const N: usize>(stage: &Stage, random: &mut Random, reducing: Reducing) -> Case<T> {
    let hostile = random.once_in(3);
    let mut spec = Spec::draw(random, N, hostile);
    if random.once_in(4) && !hostile && N == 2 {
        spec.size = random.list(2, |random| random.from(1, 9));
    }
    if random.once_in(3) {
        spec.stride.clone_from(&spec.size);
    }
    let channels = if random.once_in(20) { 0 } else { random.from(1, 5) };
    let shape = input_shape(random, stage, N, channels);
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let facts = Facts::new(N, &spec, &shape);
    let fits = facts.ranks.0.contains(&shape.len());
    let along = if fits { spec.lay_out(&shape[shape.len() - N..]) } else { None };
    let found = along.filter(|axes| all_countable(axes)).and_then(|axes| {
        let mut output = shape[..shape.len() - N].to_vec();
        output.extend(axes.iter().map(|axis| axis.outputs));
        // Outputs that nobody computes are not looked at; there may be many.
        let all_have_pixels = axes
            .iter()
            .all(|axis| [0, axis.outputs - 1].iter().chain(&middle(axis)).all(|&output| axis.has_pixel(output)));
        (all_have_pixels && countable(&output, 1)).then_some((Places::Windows(axes), output))
    });
    Case { spec, input, facts, reducing, found }
}

/// The outputs whose windows may fall between pixels.
fn middle(axis: &Along) -> Vec<usize> {
    if axis.outputs <= 4096 { (0..axis.outputs).collect() } else { Vec::new() }
}

fn floats(random: &mut Random) -> Reducing {
    match random.below(7) {
        0 | 1 => Reducing::Max,
        2 => Reducing::Min,
        3 | 4 => Reducing::Average { padding: random.once_in(2) },
        5 => Reducing::L2,
        _ => Reducing::Lp(random.pick(&[0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 0.0, -1.0, f64::NAN, f64::INFINITY])),
    }
}

fn integers(random: &mut Random) -> Reducing {
    if random.once_in(2) { Reducing::Max } else { Reducing::Min }
}

fn own(random: &mut Random) -> Reducing {
    Reducing::Own(Own::draw(random))
}

/// Calls a macro's code with the reduction as the type that it is: of all pixels, of floats, or of a user's own. Each is compiled for
/// every type of pixels and number of axes; so there are not all of them for all.
macro_rules! as_reduction {
    (integers $reducing:expr, |$reduction:ident| $code:expr) => {
        match $reducing {
            Reducing::Max => { let $reduction = Max; $code }
            Reducing::Min => { let $reduction = Min; $code }
            other => unreachable!("{other:?}"),
        }
    };
    (floats $reducing:expr, |$reduction:ident| $code:expr) => {
        match $reducing {
            Reducing::Average { padding } => { let $reduction = Average { count_include_pad: padding }; $code }
            Reducing::L2 => { let $reduction = L2; $code }
            Reducing::Lp(order) => { let $reduction = Lp(order); $code }
            other => as_reduction!(integers other, |$reduction| $code),
        }
    };
    (own $reducing:expr, |$reduction:ident| $code:expr) => {
        match $reducing {
            Reducing::Own(Own::Count($reduction)) => $code,
            Reducing::Own(Own::Bytes($reduction)) => $code,
            Reducing::Own(Own::Big($reduction)) => $code,
            Reducing::Own(Own::Highest($reduction)) => $code,
            Reducing::Own(Own::Liar($reduction)) => $code,
            other => unreachable!("{other:?}"),
        }
    };
}

macro_rules! checks {
    ($pool:ident $boxes:ident $kind:ident; $($number:tt)*) => {
        pub(crate) fn $pool<T: $($number)*, const N: usize>(stage: &Stage, random: &mut Random) {
            let reducing = $kind(random);
            let case = draw::<T, N>(stage, random, reducing);
            as_reduction!($kind reducing, |reduction| case.check(stage, random, &pool::<_, N>(reduction, &case.spec)));
            match reducing {
                Reducing::Max => case.check_indices(stage, random, &pool::<_, N>(Max, &case.spec)),
                Reducing::Min => case.check_indices(stage, random, &pool::<_, N>(Min, &case.spec)),
                _ => {}
            }
        }

        pub(crate) fn $boxes<T: $($number)*, const N: usize>(stage: &Stage, random: &mut Random) {
            let reducing = $kind(random);
            let (case, output_size) = draw_boxes::<T, N>(stage, random, reducing);
            match output_size {
                Some(size) => as_reduction!(
                    $kind reducing, |reduction| case.check(stage, random, &AdaptivePool::<_, N>::with(reduction, size))
                ),
                None => as_reduction!(
                    $kind reducing, |reduction| case.check(stage, random, &GlobalPool::<_, N>::with(reduction))
                ),
            }
        }
    };
}

checks!(check_pool check_boxes floats; Number + featuremap::Float);
checks!(check_whole_pool check_whole_boxes integers; Number);
checks!(check_own_pool check_own_boxes own; Number);

fn pool<R, const N: usize>(reduction: R, spec: &Spec) -> Pool<R, N> {
    Pool::with(reduction, array::<_, N>(&spec.size))
        .stride(array::<_, N>(&spec.stride))
        .dilation(array::<_, N>(&spec.dilation))
        .padding(spec.padding.padding::<N>())
        .ceil_mode(spec.ceil)
}

fn draw_boxes<T: Number, const N: usize>(
    stage: &Stage,
    random: &mut Random,
    reducing: Reducing,
) -> (Case<T>, Option<[usize; N]>) {
    let mut case = draw::<T, N>(stage, random, reducing);
    let adaptive = random.once_in(2);
    let hostile = random.once_in(3);
    let size = random.list(N, |random| match (adaptive, hostile) {
        (false, _) => 1,
        (_, true) => random.hostile(),
        _ => random.from(1, 9),
    });
    case.facts.output_size.clone_from(&size);
    let shape = &case.facts.input;
    case.found = case.facts.ranks.0.contains(&shape.len()).then(|| shape.split_at(shape.len() - N)).and_then(
        |(before, lengths)| {
            let output: Vec<_> = before.iter().chain(&size).copied().collect();
            let fits = !lengths.contains(&0) && !size.contains(&0) && countable(&output, 1);
            fits.then(|| (Places::Boxes(lengths.iter().copied().zip(size.iter().copied()).collect()), output))
        },
    );
    let size = array::<_, N>(&size);
    (case, adaptive.then_some(size))
}

impl<T: Number> Case<T> {
    fn pixels(&self) -> &[T] {
        self.input.array.as_slice().expect("it is in order")
    }

    fn check<M: Module<T>>(&self, stage: &Stage, random: &mut Random, module: &M) {
        let mut facts = self.facts.clone();
        if let Reducing::Lp(order) = self.reducing {
            facts.order = order;
        }
        let places = self.found.as_ref().map(|(places, _)| match places {
            Places::Windows(axes) => Places::Windows(axes.clone()),
            Places::Boxes(axes) => Places::Boxes(axes.clone()),
        });
        let terms = elements(&self.facts.input).try_into().unwrap_or(usize::MAX);
        let verdict = match &self.found {
            Some((Places::Windows(axes), _)) if axes.iter().any(|axis| axis.outputs > 4096) => Verdict::Unknown,
            Some((_, shape)) => Verdict::Shape(shape.clone()),
            None => Verdict::Wrong,
        };
        let pooling = places.map(|places| Pooling { places, reducing: self.reducing, input: self.pixels() });
        let definition: Definition<'_, T> = &|place, _| pooling.as_ref().and_then(|pooling| pooling.at(place));
        let own = matches!(self.reducing, Reducing::Own(_));
        let subject = Subject {
            module,
            input: &self.input,
            verdict,
            facts: Some(&facts),
            definition,
            terms,
            zeros: self.reducing.picks() || own,
            honest: !matches!(self.reducing, Reducing::Own(Own::Liar(_))),
            // An accumulator may be large.
            bytes: if own { 1000 * elements(&self.facts.input) } else { 0 },
        };
        stage.check(random, &subject);
    }

    /// Which pixel was picked, and back to its place.
    fn check_indices<R, const N: usize>(&self, stage: &Stage, random: &mut Random, pool: &Pool<R, N>)
    where
        R: Selection<T> + Reduction<T>,
    {
        let Some((Places::Windows(axes), shape)) = &self.found else {
            let error = pool.forward_with_indices(&self.input.array).unwrap_err();
            return self.facts.check(&error);
        };
        let count = elements(shape);
        if count > stage.budget.elements && !is_impossible(count * 8) || axes.iter().any(|axis| axis.outputs > 4096) {
            return;
        }
        let most = (16 << 20) + 40 * 8 * (count.min(1 << 20) + self.input.array.len() as u128);
        let (values, indices) = match within(most, || pool.forward_with_indices(&self.input.array)) {
            Ok(found) => found,
            Err(error) => return self.facts.check(&error),
        };
        let pooling = Pooling { places: Places::Windows(axes.clone()), reducing: self.reducing, input: self.pixels() };
        let all = pool.forward(&self.input.array).expect("as with indices");
        assert!(all.iter().zip(&values).all(|(one, other)| one.same(*other, true)), "values beside indices are others");
        let affordable = (stage.budget.terms / self.input.array.len().max(1)).max(4);
        for _ in 0..values.len().min(affordable) {
            let place = random.below(values.len());
            let index = indices.iter().nth(place).copied();
            assert_eq!(index, i64::try_from(pooling.index_at(place)).ok(), "index at {place} of {shape:?}");
        }
        self.check_unpooling::<N>(stage, random, &values, &indices, axes);
    }

    fn check_unpooling<const N: usize>(
        &self,
        stage: &Stage,
        random: &mut Random,
        values: &Tensor<T>,
        indices: &Tensor<i64>,
        axes: &[Along],
    ) {
        let size: Vec<usize> = axes.iter().map(|axis| axis.length).collect();
        let unpool = MaxUnpool::<N>::new(array::<_, N>(&self.spec.size)).output_size(array::<_, N>(&size));
        let map = unpool.forward(values, indices).expect("every index lies inside");
        let (pooled, whole): (usize, usize) = (axes.iter().map(|axis| axis.outputs).product(), size.iter().product());
        let mut expected = vec![T::ZERO; map.len()];
        for (place, (value, index)) in values.iter().zip(indices).enumerate() {
            expected[place / pooled * whole + usize::try_from(*index).expect("it is a place")] = *value;
        }
        assert!(map.iter().zip(&expected).all(|(one, other)| one.same(*other, false)), "unpooled otherwise");
        // Any sizes, and indices that lead nowhere.
        let unpool = MaxUnpool::<N>::new(array::<_, N>(&self.spec.size))
            .stride(array::<_, N>(&self.spec.stride))
            .padding(self.spec.padding.padding::<N>());
        let hostile = random.list(N, Random::hostile);
        let before = &values.shape()[..values.rank() - N];
        let of_window = (0..N).map(|axis| {
            let reach = (axes[axis].outputs - 1).saturating_mul(self.spec.stride[axis]);
            reach
                .saturating_add(self.spec.size[axis].saturating_mul(2))
                .max(axes[axis].outputs.saturating_mul(self.spec.stride[axis]))
        });
        let of_window: Vec<usize> = of_window.collect();
        let wrong: ArrayD<i64> = numbers(random, Kind::Some, values.shape());
        let of_sizes = unpool.output_size(array::<_, N>(&hostile));
        // The size that the window gives is one at most: padding is taken off.
        for (unpool, size, is_known) in [(unpool, &of_window, false), (of_sizes, &hostile, true)] {
            let count = elements(&[before, size].concat());
            if count > stage.budget.elements && !(is_known && is_impossible(count)) {
                continue;
            }
            let tried = within(1 << 24, || unpool.forward(values, &wrong));
            match tried {
                Ok(map) => assert_eq!(map.rank(), values.rank()),
                Err(Error::IndexOutOfRange { index, position, pixels }) => {
                    assert_eq!(wrong.iter().nth(position), Some(&index));
                    assert!(usize::try_from(index).is_err() || usize::try_from(index).is_ok_and(|at| at >= pixels));
                }
                Err(error) => assert!(error.to_string().len() > 20),
            }
        }
    }
}
