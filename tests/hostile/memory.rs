//! Arrays that lie in memory in any order, with gaps, from any place on; and memory that is taken in between.

use featuremap::TensorView;
use ndarray::{ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Axis, IxDyn, RawData, Slice};

use super::random::Random;

/// How an array lies in a larger one.
#[derive(Debug, Clone)]
struct Lie {
    /// Elements before it, from one to the next, and whether they run backwards, for each axis.
    axes: Vec<(usize, usize, bool)>,
    /// The axes from the outermost in memory to the innermost.
    order: Vec<usize>,
    lengths: Vec<usize>,
}

impl Lie {
    fn draw(random: &mut Random, lengths: &[usize]) -> Self {
        let mut room = 3_usize;
        let axes = lengths.iter().map(|_| {
            let step = if room > 0 && random.once_in(3) { random.from(2, 3) } else { 1 };
            room -= usize::from(step > 1);
            (if random.once_in(3) { random.from(1, 2) } else { 0 }, step, random.once_in(4))
        });
        let axes = axes.collect();
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        if random.once_in(2) {
            for last in (1..order.len()).rev() {
                order.swap(last, random.below(last + 1));
            }
        }
        Self { axes, order, lengths: lengths.to_vec() }
    }

    fn stored_shape(&self) -> Vec<usize> {
        let length = |&axis: &usize| {
            let (before, step, _) = self.axes[axis];
            // Of an array without elements, the other axes may be as long as can be counted.
            if self.lengths.contains(&0) { self.lengths[axis] } else { before + self.lengths[axis] * step }
        };
        self.order.iter().map(length).collect()
    }

    fn arrange<S: RawData>(&self, stored: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        let mut inverse = vec![0; self.order.len()];
        for (place, &axis) in self.order.iter().enumerate() {
            inverse[axis] = place;
        }
        let mut array = stored.permuted_axes(inverse);
        for (axis, &(before, step, backwards)) in self.axes.iter().enumerate() {
            if !self.lengths.contains(&0) {
                let slice = Slice::new(before.cast_signed(), None, step.cast_signed());
                array.slice_axis_inplace(Axis(axis), slice);
            }
            if backwards {
                array.invert_axis(Axis(axis));
            }
        }
        array
    }
}

/// An array within a larger one.
#[derive(Debug, Clone)]
pub(crate) struct Held<T> {
    lie: Lie,
    stored: ArrayD<T>,
}

impl<T: Copy> Held<T> {
    /// One of this shape, filled with `filler`, as is what lies between its elements.
    pub(crate) fn blank(random: &mut Random, shape: &[usize], filler: T) -> Self {
        let lie = Lie::draw(random, shape);
        Self { stored: ArrayD::from_elem(lie.stored_shape(), filler), lie }
    }

    pub(crate) fn copy(random: &mut Random, array: &ArrayD<T>, filler: T) -> Self {
        let mut held = Self::blank(random, array.shape(), filler);
        held.view_mut().assign(array);
        held
    }

    pub(crate) fn view(&self) -> ArrayViewD<'_, T> {
        self.lie.arrange(self.stored.view())
    }

    pub(crate) fn view_mut(&mut self) -> ArrayViewMutD<'_, T> {
        self.lie.arrange(self.stored.view_mut())
    }

    /// Whether all that is not its own is as it was.
    pub(crate) fn has_kept(&self, is_filler: impl Fn(&T) -> bool, filler: T) -> bool {
        let mut blanked = self.clone();
        blanked.view_mut().fill(filler);
        blanked.stored.iter().all(is_filler)
    }
}

/// The view of an array of any rank, by an array type of that rank or by the dynamic one.
pub(crate) fn seen<'a, T>(random: &mut Random, array: ArrayViewD<'a, T>) -> TensorView<'a, T> {
    if random.once_in(2) {
        return array.into();
    }
    macro_rules! of_rank {
        ($($rank:literal $dimension:ident),*) => {
            match array.ndim() {
                $($rank => array.into_dimensionality::<ndarray::$dimension>().expect("that is its rank").into(),)*
                _ => array.into(),
            }
        };
    }
    of_rank!(0 Ix0, 1 Ix1, 2 Ix2, 3 Ix3, 4 Ix4, 5 Ix5, 6 Ix6)
}

/// Memory taken and given back in between, so that what is taken next lies elsewhere.
pub(crate) fn ballast(random: &mut Random) -> Vec<Vec<u8>> {
    let mut blocks: Vec<Vec<u8>> = (0..random.from(1, 6))
        .map(|_| {
            let most = random.pick(&[64, 256, 5000]);
            vec![0xff; random.from(1, most)]
        })
        .collect();
    if random.once_in(2) {
        blocks.remove(0);
    }
    blocks
}
