//! Where the taps of a window lie, by rules written down once more: in numbers that cannot overflow, from PyTorch's documentation.

use featuremap::{Padding, PaddingMode, Window};

use super::random::Random;

/// The parameters of a window, on as many axes as there are numbers.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) size: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) dilation: Vec<usize>,
    pub(crate) padding: Pad,
    pub(crate) ceil: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Pad {
    Valid,
    Same,
    SameLower,
    Sides(Vec<(usize, usize)>),
}

/// The numbers as an array of `N`.
pub(crate) fn array<A: Copy, const N: usize>(numbers: &[A]) -> [A; N] {
    std::array::from_fn(|axis| numbers[axis])
}

impl Spec {
    /// A window whose sizes are reasonable, or not.
    pub(crate) fn draw(random: &mut Random, axes: usize, hostile: bool) -> Self {
        if hostile {
            let mut list = |axes| random.list(axes, Random::hostile);
            let (size, stride, dilation) = (list(axes), list(axes), list(axes));
            let (before, after) = (list(axes), list(axes));
            let padding = Pad::draw(random, before.into_iter().zip(after).collect());
            return Self { size, stride, dilation, padding, ceil: random.once_in(2) };
        }
        let largest = if axes > 3 { 2 } else { 3 };
        let mut size = random.list(axes, |random| random.from(1, largest));
        let mut stride = random.list(axes, |random| if random.once_in(2) { 1 } else { random.from(1, 3) });
        let mut dilation = random.list(axes, |random| if random.once_in(4) { random.from(1, 3) } else { 1 });
        if axes == 2 && random.once_in(2) {
            let taps = random.pick(&[1, 2, 3, 3, 3, 5, 6, 7, 8]);
            let step = if taps > 3 { random.from(1, 2) } else { random.pick(&[1, 1, 2]) };
            (size, stride) = (vec![taps; 2], vec![step; 2]);
            let one = if random.once_in(5) { 2 } else { 1 };
            dilation = vec![one; 2];
        } else if random.once_in(6) {
            size[axes - 1] = random.from(1, 15);
        }
        let sides = size.iter().zip(&dilation).map(|(&taps, &dilation)| {
            let most = (taps - 1) * dilation / 2 + usize::from(random.once_in(8));
            (random.from(0, most), random.from(0, most))
        });
        let sides = sides.collect();
        Self { size, stride, dilation, padding: Pad::draw(random, sides), ceil: random.once_in(2) }
    }

    pub(crate) fn window<const N: usize>(&self) -> Window<N> {
        let window = Window::new(array::<_, N>(&self.size)).stride(array::<_, N>(&self.stride));
        window.dilation(array::<_, N>(&self.dilation)).padding(self.padding.padding::<N>()).ceil_mode(self.ceil)
    }

    pub(crate) fn lay_out(&self, lengths: &[usize]) -> Option<Vec<Along>> {
        (0..lengths.len()).map(|axis| Along::new(self, axis, lengths[axis])).collect()
    }

    pub(crate) fn extent(&self, axis: usize) -> i128 {
        (self.dilation[axis] as i128).saturating_mul(self.size[axis] as i128 - 1).saturating_add(1)
    }
}

impl Pad {
    fn draw(random: &mut Random, sides: Vec<(usize, usize)>) -> Self {
        match random.below(8) {
            0 => Self::Valid,
            1 => Self::Same,
            2 => Self::SameLower,
            _ => Self::Sides(sides),
        }
    }

    pub(crate) fn padding<const N: usize>(&self) -> Padding<N> {
        match self {
            Self::Valid => Padding::Valid,
            Self::Same => Padding::Same,
            Self::SameLower => Padding::SameLower,
            Self::Sides(sides) => array::<_, N>(sides).into(),
        }
    }

    pub(crate) fn sides(&self, axis: usize) -> (usize, usize) {
        if let Self::Sides(sides) = self { sides[axis] } else { (0, 0) }
    }
}

/// The largest number that the crate counts with along an axis.
pub(crate) const LARGEST: i128 = isize::MAX as i128 / 8;

/// A window laid over an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Along {
    pub(crate) length: usize,
    pub(crate) size: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) outputs: usize,
}

fn index(number: i128) -> usize {
    usize::try_from(number).expect("what is small enough is no longer negative")
}

impl Along {
    /// `None` where it does not fit.
    fn new(spec: &Spec, axis: usize, length: usize) -> Option<Self> {
        let (size, stride, dilation) = (spec.size[axis], spec.stride[axis], spec.dilation[axis]);
        if [size, stride, dilation, length].contains(&0) {
            return None;
        }
        let (pixels, step, extent) = (length as i128, stride as i128, spec.extent(axis));
        let (mut before, mut after) = spec.padding.sides(axis);
        if [extent, pixels, before as i128, after as i128].iter().any(|&number| number > LARGEST) {
            return None;
        }
        let outputs = match &spec.padding {
            Pad::Same | Pad::SameLower => {
                let outputs = (pixels + step - 1) / step;
                let total = index(((outputs - 1) * step + extent - pixels).max(0));
                before = if matches!(spec.padding, Pad::Same) { total / 2 } else { total.div_ceil(2) };
                after = total - before;
                outputs
            }
            _ => {
                // As `pooling_output_shape_pad_lr` of PyTorch.
                let up = if spec.ceil { step - 1 } else { 0 };
                let room = pixels + before as i128 + after as i128 - extent + up;
                let outputs = room.div_euclid(step) + 1;
                if spec.ceil && (outputs - 1) * step >= pixels + before as i128 { outputs - 1 } else { outputs }
            }
        };
        (outputs >= 1).then(|| Self { length, size, stride, dilation, before, after, outputs: index(outputs) })
    }

    /// The pixel under a tap of an output, which may be none.
    pub(crate) fn position(&self, output: usize, tap: usize) -> i128 {
        output as i128 * self.stride as i128 + tap as i128 * self.dilation as i128 - self.before as i128
    }

    /// The pixels under a window, in order.
    pub(crate) fn pixels(&self, output: usize) -> Vec<usize> {
        let start = self.position(output, 0);
        let under = |&pixel: &usize| {
            let (tap, left) = (
                (pixel as i128 - start).div_euclid(self.dilation as i128),
                (pixel as i128 - start).rem_euclid(self.dilation as i128),
            );
            left == 0 && (0..self.size as i128).contains(&tap)
        };
        (0..self.length).filter(under).collect()
    }

    /// Whether the window of an output has a pixel, however many it has.
    pub(crate) fn has_pixel(&self, output: usize) -> bool {
        let start = self.position(output, 0);
        let first = (-start).max(0).div_euclid(self.dilation as i128)
            + i128::from(start < 0 && start.rem_euclid(self.dilation as i128) != 0);
        first < self.size as i128 && start + first * (self.dilation as i128) < self.length as i128
    }

    /// Taps on pixels or on padding.
    pub(crate) fn within_padding(&self, output: usize) -> usize {
        let end = self.length as i128 + self.after as i128;
        let room = (end - self.position(output, 0)).max(0);
        let dilation = self.dilation as i128;
        index(((room + dilation - 1) / dilation).min(self.size as i128))
    }

    /// The pixel that a padding mode puts at a position; `None` for a zero.
    pub(crate) fn source(&self, mode: PaddingMode, position: i128) -> Option<usize> {
        let end = self.length as i128;
        let inside = (0..end).contains(&position);
        match mode {
            _ if inside => Some(index(position)),
            PaddingMode::Replicate => Some(if position < 0 { 0 } else { self.length - 1 }),
            PaddingMode::Circular => Some(index(position.rem_euclid(end))),
            PaddingMode::Symmetric => {
                // Forwards and backwards in turns.
                let (turn, place) = (position.div_euclid(end), position.rem_euclid(end));
                Some(index(if turn.rem_euclid(2) == 0 { place } else { end - 1 - place }))
            }
            PaddingMode::Reflect => Some(index(if position < 0 { -position } else { 2 * (end - 1) - position })),
            _ => None,
        }
    }

    /// Whether a padding mode has enough pixels.
    pub(crate) fn suits(&self, mode: PaddingMode) -> bool {
        let padding = self.before.max(self.after);
        match mode {
            PaddingMode::Reflect => padding < self.length,
            PaddingMode::Symmetric | PaddingMode::Circular => padding <= self.length,
            _ => true,
        }
    }
}

/// The product of all that is not 0.
pub(crate) fn volume(sizes: &[usize]) -> u128 {
    sizes.iter().filter(|&&size| size > 0).fold(1, |all: u128, &size| all.saturating_mul(size as u128))
}

pub(crate) fn elements(shape: &[usize]) -> u128 {
    if shape.contains(&0) { 0 } else { volume(shape) }
}

/// Whether an error may call these sizes too large.
pub(crate) fn are_too_large(sizes: &[usize]) -> bool {
    volume(sizes).saturating_mul(8) > LARGEST.cast_unsigned() || sizes.iter().any(|&size| size as i128 * 8 > LARGEST)
}

/// Whether the bytes of a tensor can be counted.
pub(crate) fn countable(shape: &[usize], bytes: usize) -> bool {
    volume(shape).saturating_mul(bytes as u128) <= isize::MAX.cast_unsigned() as u128
}

/// Whether what is counted of a window over all axes is a number.
pub(crate) fn all_countable(axes: &[Along]) -> bool {
    let fits = |of: fn(&Along) -> usize| {
        axes.iter().fold(1_u128, |all, axis| all.saturating_mul(of(axis) as u128)) <= usize::MAX as u128
    };
    fits(|axis| axis.size) && fits(|axis| axis.length) && fits(|axis| axis.outputs)
}

/// Calls `f` with the flat index of every place that is on one of the lists of each axis, in row-major order, or with none where one of
/// them is `None`, and with its number.
pub(crate) fn walk(axes: &[(usize, Vec<Option<usize>>)], f: &mut dyn FnMut(Option<usize>, usize)) {
    fn along(
        axes: &[(usize, Vec<Option<usize>>)],
        flat: Option<usize>,
        number: usize,
        f: &mut dyn FnMut(Option<usize>, usize),
    ) {
        let Some(((length, places), rest)) = axes.split_first() else { return f(flat, number) };
        for (at, place) in places.iter().enumerate() {
            let flat = flat.zip(*place).map(|(flat, place)| flat * length + place);
            along(rest, flat, number * places.len() + at, f);
        }
    }
    along(axes, Some(0), 0, f);
}

/// The place of a number in row-major order.
pub(crate) fn unravel(mut flat: usize, sizes: impl DoubleEndedIterator<Item = usize>) -> Vec<usize> {
    let mut places: Vec<usize> = sizes
        .rev()
        .map(|size| {
            let place = flat % size;
            flat /= size;
            place
        })
        .collect();
    places.reverse();
    places
}
