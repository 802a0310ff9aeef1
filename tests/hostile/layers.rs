//! Convolutions with any parameters, and transposed ones.

use featuremap::conv::Algorithm;
use featuremap::{Conv, ConvTranspose, Error, PaddingMode};
use ndarray::ArrayD;

use super::check::{Input, Stage, Subject, Verdict};
use super::definition::Convolution;
use super::facts::Facts;
use super::layout::{Along, LARGEST, Pad, Spec, all_countable, array, countable, volume};
use super::random::{Kind, Number, Random, numbers};

/// Calls a function of a number of axes that is known when compiling.
macro_rules! on_axes {
    ($function:ident, $stage:expr, $random:expr; $axes:expr, $($count:literal)+) => {
        match $axes {
            $($count => $function::<$count>($stage, $random),)+
            axes => unreachable!("{axes} axes"),
        }
    };
}
pub(crate) use on_axes;

/// Whether an error says truly that an input of this shape has no maps over so many axes.
pub(crate) fn are_no_maps(error: &Error, shape: &[usize], axes: usize) -> bool {
    match error {
        Error::Rank { found, .. } => !(axes..axes + 3).contains(&shape.len()) && found == shape,
        Error::EmptyAxis { axis } => shape[shape.len() - axes + axis] == 0,
        _ => false,
    }
}

/// The shape of an input that a layer over so many axes may take, or not.
pub(crate) fn input_shape(random: &mut Random, stage: &Stage, axes: usize, channels: usize) -> Vec<usize> {
    let most = match axes {
        1 => 70,
        2 => 24,
        3 => 9,
        _ => 4,
    };
    let large = stage.budget.elements > 100_000 && random.once_in(8);
    let most = if large && axes < 4 { most * 3 } else { most };
    let mut shape = random.list(axes, |random| match random.below(40) {
        0 => 0,
        1..9 => random.from(1, 3),
        _ => random.from(1, most),
    });
    match random.below(12) {
        0..5 => {
            shape.insert(0, channels);
            let images = random.pick(&[0, 1, 1, 1, 2, 3]);
            shape.insert(0, images);
        }
        5..10 => shape.insert(0, channels),
        _ => {}
    }
    // Another rank than it should have.
    if random.once_in(25) {
        shape = random.list(8, |random| random.from(0, 2));
        shape.truncate(random.below(9));
    }
    shape
}

/// The shape of an input that need not exist.
fn ghost_shape(random: &mut Random, axes: usize, channels: usize) -> Vec<usize> {
    let mut shape = random.list(axes, Random::hostile);
    if random.once_in(3) {
        shape.insert(0, channels);
        shape.insert(0, random.clone().below(3));
    }
    shape
}

/// A bank of filters and its groups, that fit the channels of an input or not.
struct Bank<T: Number<Sum: Number>> {
    filters: ArrayD<T>,
    bias: Option<ArrayD<T::Sum>>,
    groups: usize,
    channels: usize,
}

impl<T: Number<Sum: Number>> Bank<T> {
    /// A convolution with these filters, that may not be computed in every way.
    fn conv<const N: usize>(&self, random: &mut Random, spec: &Spec) -> Conv<T, N> {
        let mut conv = Conv::<T, N>::new(self.filters.clone())
            .stride(array::<_, N>(&spec.stride))
            .dilation(array::<_, N>(&spec.dilation))
            .padding(spec.padding.padding::<N>())
            .groups(self.groups);
        if let Some(bias) = &self.bias {
            conv = conv.bias(bias.clone());
        }
        for algorithm in Algorithm::ALL {
            if random.once_in(10) {
                conv = conv.without(algorithm);
            }
        }
        conv
    }
}

/// Filters, and channels of each.
fn counts(filters: &[usize], axes: usize) -> (usize, usize) {
    match filters.len() - axes.min(filters.len()) {
        2 => (filters[0], filters[1]),
        1 => (1, filters[0]),
        _ => (1, 1),
    }
}

fn draw_bank<T: Number<Sum: Number>>(random: &mut Random, spec: &mut Spec, hostile: bool, transposed: bool) -> Bank<T> {
    let axes = spec.size.len();
    let few = if axes > 3 { 2 } else { 5 };
    let mut groups = if random.once_in(3) { random.from(1, 4) } else { 1 };
    let many = axes == 2 && random.once_in(4);
    let mut inputs = if many { random.from(8, 40) } else { random.from(1, few) };
    let outputs = if many { random.from(4, 40) } else { random.from(1, few) } * groups;
    if random.once_in(6) && axes < 4 {
        // Each channel alone.
        inputs = 1;
    }
    if many {
        groups = 1;
    }
    let outputs = outputs.next_multiple_of(groups);
    // Sizes are those of the filters, which exist.
    if hostile {
        spec.size.iter_mut().for_each(|size| *size = if *size > 3 { random.below(4) } else { *size });
    }
    let mut shape = if transposed { vec![inputs * groups, outputs / groups] } else { vec![outputs, inputs] };
    shape.extend(&spec.size);
    let (mut outputs, mut channels) = (outputs, inputs * groups);
    match random.below(10) {
        0 => {
            (outputs, channels, groups) = (1, 1, 1);
            shape.drain(..2);
        }
        1 if !transposed => {
            (outputs, groups) = (1, 1);
            channels = inputs;
            shape.remove(0);
        }
        2 if hostile => {
            let axis = random.below(shape.len());
            shape[axis] = random.below(3);
            groups = random.pick(&[0, 1, 2, 3, usize::MAX]);
        }
        3 if hostile => {
            // Without elements, the other axes may be giant.
            shape = random.list(shape.len(), Random::hostile);
            if volume(&shape) > (isize::MAX / 8).cast_unsigned() as u128 {
                shape.fill(1);
            }
            shape[axes.min(1)] = 0;
        }
        _ => {}
    }
    if shape.len() >= axes {
        spec.size = shape[shape.len() - axes..].to_vec();
    }
    let kind = if random.once_in(3) { Kind::draw(random) } else { Kind::Plain };
    let mut filters = numbers::<T>(random, kind, &shape);
    if random.once_in(6) && axes == 2 && !filters.is_empty() {
        separate(random, &mut filters);
    }
    let outputs = if random.once_in(30) { random.below(9) } else { outputs };
    let bias = random.once_in(2).then(|| numbers::<T::Sum>(random, Kind::Plain, &[outputs]));
    Bank { filters, bias, groups, channels }
}

/// Makes every filter a column times a row, in small whole numbers.
fn separate<T: Number<Sum: Number>>(random: &mut Random, filters: &mut ArrayD<T>) {
    let (columns, rows) = (random.list(64, |random| random.below(3)), random.list(64, |random| random.below(3)));
    for (place, weight) in filters.indexed_iter_mut() {
        let place = ndarray::Dimension::slice(&place);
        if let [.., row, column] = place {
            *weight = T::of_count(columns[row % 64] * rows[column % 64]);
        }
    }
}

fn mode(random: &mut Random) -> PaddingMode {
    use PaddingMode::{Circular, Reflect, Replicate, Symmetric, Zeros};
    random.pick(&[Zeros, Zeros, Zeros, Zeros, Reflect, Symmetric, Replicate, Circular])
}

/// Input channels and shapes as the table at `Conv` has them.
struct Maps {
    channels: usize,
    has_channels: bool,
    spatial: Vec<usize>,
}

impl Maps {
    fn read(shape: &[usize], axes: usize) -> Option<Self> {
        let spatial = shape.len().checked_sub(axes).map(|before| shape[before..].to_vec())?;
        match shape.len() - axes {
            0 => Some(Self { channels: 1, has_channels: false, spatial }),
            1 => Some(Self { channels: shape[0], has_channels: true, spatial }),
            2 => Some(Self { channels: shape[1], has_channels: true, spatial }),
            _ => None,
        }
    }
}

/// The axes that a convolution runs over, and the shape that comes out.
fn convolved(facts: &Facts, mode: PaddingMode, bytes: usize) -> Option<(Vec<Along>, Vec<usize>)> {
    let (axes, filters) = (facts.axes, &facts.filters);
    let maps = Maps::read(&facts.input, axes)?;
    let bank = Maps::read(filters, axes)?;
    let (outputs, inputs) = (if filters.len() == axes + 2 { filters[0] } else { 1 }, bank.channels);
    let fits = facts.groups > 0 && outputs % facts.groups == 0 && inputs.checked_mul(facts.groups)? == maps.channels;
    let has_bias = facts.bias.as_ref().is_none_or(|bias| *bias == [outputs]);
    let along = facts.spec.lay_out(&maps.spatial)?;
    if !fits || !has_bias || !all_countable(&along) || !along.iter().all(|axis| axis.suits(mode)) {
        return None;
    }
    let mut shape = facts.input[..facts.input.len() - axes].to_vec();
    shape.pop();
    if maps.has_channels || filters.len() == axes + 2 {
        shape.push(outputs);
    }
    shape.extend(along.iter().map(|axis| axis.outputs));
    countable(&shape, bytes).then_some((along, shape))
}

pub(crate) fn check_conv<T: Number<Sum: Number>, const N: usize>(stage: &Stage, random: &mut Random) {
    let hostile = random.once_in(3);
    let mut spec = Spec::draw(random, N, hostile);
    spec.ceil = false;
    let bank = draw_bank::<T>(random, &mut spec, hostile, false);
    let channels = if random.once_in(20) { random.from(0, 6) } else { bank.channels };
    let shape = input_shape(random, stage, N, channels);
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let (mode, relu) = (mode(random), random.once_in(4));

    let mut conv = bank.conv::<N>(random, &spec).padding_mode(mode).relu(relu);
    let mut facts = Facts::new(N, &spec, &shape);
    facts.filters = bank.filters.shape().to_vec();
    facts.groups = bank.groups;
    facts.bias = bank.bias.as_ref().map(|bias| bias.shape().to_vec());
    let found = convolved(&facts, mode, size_of::<T::Sum>());
    let mut filters = bank.filters;
    if random.once_in(5) {
        conv = conv.flipped();
        for axis in filters.ndim().saturating_sub(N)..filters.ndim() {
            filters.invert_axis(ndarray::Axis(axis));
        }
        filters = filters.as_standard_layout().into_owned();
    }
    let mut ghost = facts.clone();
    ghost.input = ghost_shape(random, N, channels);
    let verdict =
        convolved(&ghost, mode, size_of::<T::Sum>()).map_or(Verdict::Wrong, |(_, shape)| Verdict::Shape(shape));
    stage.check_rule(&conv, &verdict, &ghost);
    let (along, verdict) = match found {
        Some((along, shape)) => (along, Verdict::Shape(shape)),
        None => (Vec::new(), Verdict::Wrong),
    };
    let (outputs, inputs) = counts(filters.shape(), N);
    let terms = filters.len() / outputs.max(1);
    // What is read of the padding, where that is written out.
    let read = along.iter().map(|axis| (axis.outputs as u128).saturating_mul(axis.size as u128));
    let read = read.fold(inputs as u128 * bank.groups as u128, u128::saturating_mul);
    let bytes = (filters.len() as u128 + read) * size_of::<T::Sum>() as u128;
    let definition = Convolution {
        axes: along,
        mode,
        relu,
        groups: bank.groups,
        input: input.array.as_slice().expect("it is in order"),
        filters: filters.as_slice().expect("it is in order"),
        bias: bank.bias.as_ref().map(|bias| bias.as_slice().expect("it is in order")),
        outputs,
        inputs,
    };
    let definition = &|place: usize, way| Some(definition.at(place, way));
    let (module, input, facts, zeros, honest) = (&conv, &input, Some(&facts), false, true);
    let subject = Subject { module, input, verdict, facts, definition, terms, zeros, honest, bytes };
    stage.check(random, &subject);
}

/// The axes of the convolution that is transposed, from the large output to the small input, and the shape that comes out.
fn transposed(facts: &Facts, bytes: usize) -> Option<(Vec<Along>, Vec<usize>)> {
    let (axes, filters, spec) = (facts.axes, &facts.filters, &facts.spec);
    let maps = Maps::read(&facts.input, axes)?;
    let is_bank = filters.len() == axes + 2;
    let (channels, of_group) = match filters.len().checked_sub(axes)? {
        0 => (1, 1),
        2 => (filters[0], filters[1]),
        _ => return None,
    };
    if facts.groups == 0 || channels % facts.groups != 0 || channels != maps.channels {
        return None;
    }
    let outputs = of_group.checked_mul(facts.groups)?;
    let has_bias = facts.bias.as_ref().is_none_or(|bias| *bias == [outputs]);
    let mut along = Vec::new();
    for axis in 0..axes {
        let (size, stride, dilation, small) =
            (spec.size[axis], spec.stride[axis], spec.dilation[axis], maps.spatial[axis]);
        let more = facts.output_padding[axis];
        let extent = spec.extent(axis);
        if [size, stride, dilation, small].contains(&0) || extent > LARGEST || small as i128 > LARGEST {
            return None;
        }
        let whole = (small as i128 - 1).checked_mul(stride as i128)? + extent + more as i128;
        let (mut before, mut after) = spec.padding.sides(axis);
        let mut large = whole - before as i128 - after as i128;
        if let Pad::Same | Pad::SameLower = spec.padding {
            large = small as i128 * stride as i128;
            let total = usize::try_from((whole - large).max(0)).ok()?;
            before = if matches!(spec.padding, Pad::Same) { total / 2 } else { total.div_ceil(2) };
            after = total - before;
        }
        if whole > LARGEST || large < 1 || more > 0 && more >= stride.max(dilation) {
            return None;
        }
        let length = usize::try_from(large).ok()?;
        along.push(Along { length, size, stride, dilation, before, after, outputs: small });
    }
    let mut shape = facts.input[..facts.input.len() - axes].to_vec();
    shape.pop();
    if maps.has_channels || is_bank {
        shape.push(outputs);
    }
    shape.extend(along.iter().map(|axis| axis.length));
    (has_bias && all_countable(&along) && countable(&shape, bytes)).then_some((along, shape))
}

pub(crate) fn check_transposed<T: Number<Sum: Number>, const N: usize>(stage: &Stage, random: &mut Random) {
    let hostile = random.once_in(3);
    let mut spec = Spec::draw(random, N, hostile);
    let bank = draw_bank::<T>(random, &mut spec, hostile, true);
    let channels = if random.once_in(20) { random.from(0, 6) } else { bank.channels };
    let shape = input_shape(random, stage, N, channels);
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let mut conv = ConvTranspose::<T, N>::new(bank.filters.clone())
        .stride(array::<_, N>(&spec.stride))
        .dilation(array::<_, N>(&spec.dilation))
        .padding(spec.padding.padding::<N>())
        .groups(bank.groups);
    if let Some(bias) = &bank.bias {
        conv = conv.bias(bias.clone());
    }
    let mut facts = Facts::new(N, &spec, &shape);
    if random.once_in(3) {
        facts.output_padding = random.list(N, |random| if hostile { random.hostile() } else { random.below(2) });
        conv = conv.output_padding(array::<_, N>(&facts.output_padding));
    }
    facts.filters = bank.filters.shape().to_vec();
    facts.groups = bank.groups;
    facts.ranks.1 = vec![N, N + 2];
    facts.bias = bank.bias.as_ref().map(|bias| bias.shape().to_vec());
    let mut ghost = facts.clone();
    ghost.input = ghost_shape(random, N, channels);
    let verdict = transposed(&ghost, size_of::<T::Sum>()).map_or(Verdict::Wrong, |(_, shape)| Verdict::Shape(shape));
    stage.check_rule(&conv, &verdict, &ghost);
    let (along, verdict) = match transposed(&facts, size_of::<T::Sum>()) {
        Some((along, shape)) => (along, Verdict::Shape(shape)),
        None => (Vec::new(), Verdict::Wrong),
    };
    let (channels, of_group) = match bank.filters.shape() {
        [channels, of_group, ..] if bank.filters.ndim() == N + 2 => (*channels, *of_group),
        _ => (1, 1),
    };
    let (outputs, inputs) = (of_group.saturating_mul(bank.groups), channels / bank.groups.max(1));
    let terms = inputs * along.iter().map(|axis| axis.outputs * axis.size).sum::<usize>();
    let bytes = bank.filters.len() as u128 * size_of::<T::Sum>() as u128;
    let definition = Convolution {
        axes: along,
        mode: PaddingMode::Zeros,
        relu: false,
        groups: bank.groups,
        input: input.array.as_slice().expect("it is in order"),
        filters: bank.filters.as_slice().expect("it is in order"),
        bias: bank.bias.as_ref().map(|bias| bias.as_slice().expect("it is in order")),
        outputs,
        inputs,
    };
    let definition = &|place: usize, way| Some(definition.transposed_at(place, way));
    let facts = Some(&facts);
    let subject =
        Subject { module: &conv, input: &input, verdict, facts, definition, terms, zeros: false, honest: true, bytes };
    stage.check(random, &subject);
}
