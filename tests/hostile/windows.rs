//! The window core: its sizes, its two readings, and its iterators, asked for places that do not exist, too.

use featuremap::{Error, MaxUnpool, Tensor, TensorView, Window};
use ndarray::ArrayD;

use super::check::{Input, Stage, is_impossible, within};
use super::layout::{Along, Spec, all_countable, array, elements};
use super::random::{Kind, Number, Random};

pub(crate) fn check_window<const N: usize>(stage: &Stage, random: &mut Random) {
    let hostile = random.once_in(2);
    let spec = Spec::draw(random, N, hostile);
    let lengths = random.list(N, |random| if hostile { random.hostile() } else { random.from(1, 6) });
    let index = random.hostile();
    let window = spec.window::<N>();
    let lengths: [usize; N] = array(&lengths);
    let geometry = window.geometry(lengths);
    assert_eq!(geometry.as_ref().map(featuremap::Geometry::output_size), window.output_size(lengths).as_ref().copied());
    let along = spec.lay_out(&lengths).filter(|axes| all_countable(axes));
    assert_eq!(geometry.is_ok(), along.is_some(), "{geometry:?} for {spec:?} over {lengths:?}");
    if let (Ok(geometry), Some(along)) = (&geometry, &along) {
        for (axis, along) in geometry.axes().iter().zip(along) {
            check_axis(axis, along, index);
        }
        let outputs = geometry.outputs() as u128;
        if outputs <= stage.budget.elements {
            assert!(geometry.row_taps(index).take(9).all(|tap| tap.tap < geometry.taps()));
            if elements(&lengths) <= stage.budget.elements || is_impossible(elements(&lengths)) {
                check_coverage(geometry, along);
            }
        }
    }
    check_iterators(random, &spec, index, &window);
}

fn check_axis(axis: &featuremap::Axis, along: &Along, index: usize) {
    let same = (axis.length(), axis.before(), axis.after(), axis.outputs(), axis.stride(), axis.size());
    assert_eq!(same, (along.length, along.before, along.after, along.outputs, along.stride, along.size));
    for place in [0, index, axis.size() - 1, axis.outputs() - 1, usize::MAX] {
        let (by_tap, by_output) = (axis.by_tap(place), axis.by_output(place));
        assert!(by_tap.range.end <= axis.outputs() && by_output.range.end <= axis.size());
        assert!(axis.taps_within_padding(place) <= axis.size());
        assert!(axis.position(place, index) >= -axis.before().cast_signed());
        if place < axis.size() {
            for output in by_tap.range.clone().take(5) {
                let pixel = by_tap.input + (output - by_tap.range.start) * by_tap.step;
                assert_eq!(pixel as i128, along.position(output, place));
            }
        }
        if place < axis.outputs() {
            assert_eq!(axis.taps_within_padding(place), along.within_padding(place));
            assert_eq!(!by_output.range.is_empty(), along.has_pixel(place));
            if along.length < 1000 {
                assert_eq!(by_output.range.len(), along.pixels(place).len());
            }
        }
    }
}

fn check_coverage<const N: usize>(geometry: &featuremap::Geometry<N>, along: &[Along]) {
    match geometry.coverage() {
        Ok(coverage) => {
            assert_eq!(coverage.shape(), geometry.input_size());
            let place: Vec<usize> = geometry.input_size().iter().map(|length| length / 2).collect();
            let covered = along.iter().zip(&place).map(|(axis, &pixel)| {
                if axis.outputs > 1000 || axis.length > 1000 {
                    return None;
                }
                Some((0..axis.outputs).filter(|&output| axis.pixels(output).contains(&pixel)).count())
            });
            if let Some(expected) = covered.product::<Option<usize>>() {
                assert_eq!(coverage.get(&place), Some(&expected));
            }
        }
        Err(error) => assert!(matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. })),
    }
}

fn check_iterators<const N: usize>(random: &mut Random, spec: &Spec, index: usize, window: &Window<N>) {
    let rank = if random.once_in(10) { random.below(8) } else { N };
    let shape = random.list(rank, |random| if random.once_in(20) { 0 } else { random.from(1, 5) });
    let input = Input::<i32>::draw(random, Kind::Plain, &shape);
    let mut windows = match window.over(&input.array) {
        Ok(windows) => windows,
        Err(error) => return assert!(error.to_string().len() > 20, "{error}"),
    };
    let along = spec.lay_out(&shape).expect("it was laid out");
    let count = windows.len();
    assert_eq!(count, along.iter().map(|axis| axis.outputs).product::<usize>());
    let (head, tail) = windows.clone().split_at(index);
    assert_eq!(head.len() + tail.len(), count);
    assert_eq!(windows.clone().nth(index).is_some(), index < count);
    assert_eq!(windows.clone().nth_back(index).is_some(), index < count);
    let taps = spec.size.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
    for window in [windows.next(), windows.next_back()].into_iter().flatten() {
        let pixels: usize = along.iter().zip(window.position()).map(|(axis, at)| axis.pixels(at).len()).product();
        assert_eq!((window.len(), window.iter().count()), (pixels, pixels));
        assert!(window.len() <= window.len_with_padding());
        assert_eq!(window.iter().next_back().is_some(), !window.is_empty());
        assert_eq!(Some(window.taps().len()), taps);
        assert!(window.get([index; N]).is_none() || spec.size.iter().all(|&taps| index < taps));
        assert!(window.start().iter().all(|&start| start < isize::MAX));
    }
}

/// Tensors of any shape, from elements that are as many or not.
pub(crate) fn check_tensors<T: Number>(stage: &Stage, random: &mut Random) {
    let rank = random.below(9);
    let shape = random.list(rank, Random::hostile);
    let count = elements(&shape);
    if count <= stage.budget.elements || is_impossible(count) {
        match within(2 * (count.min(1 << 20) * size_of::<T>() as u128) + (1 << 16), || Tensor::<T>::zeros(&shape)) {
            Ok(tensor) => assert_eq!((tensor.shape(), tensor.len() as u128), (&shape[..], count)),
            Err(error) => assert!(matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. }), "{error}"),
        }
    }
    let length = random.below(9);
    let numbers: Vec<T> = (0..length).map(|_| T::draw(random, Kind::Some)).collect();
    let fits = count == length as u128;
    let view = TensorView::from_slice(&shape, &numbers);
    assert!(fits || view.is_err(), "{length} elements as {shape:?}");
    let tensor = Tensor::from_vec(&shape, numbers.clone());
    assert!(fits || tensor.is_err());
    for error in [view.err(), tensor.err()].into_iter().flatten() {
        assert!(matches!(&error, Error::Shape { expected, .. } if *expected == shape), "{error}");
    }
    let whole = Tensor::from(ArrayD::from_shape_vec(vec![length], numbers).expect("one axis"));
    match whole.reshape(&shape) {
        Ok(reshaped) => assert_eq!(reshaped.shape(), shape),
        Err(error) => assert!(error.to_string().len() > 20),
    }
    let index = random.list(random.clone().below(9), Random::hostile);
    let some = Tensor::<T>::zeros(&[2, 3]).expect("six");
    assert_eq!(some.get(&index).is_some(), index.len() == 2 && index[0] < 2 && index[1] < 3);
    let unpool = MaxUnpool::<1>::new(random.hostile()).stride(random.hostile()).padding(random.hostile());
    let values = Tensor::<T>::zeros(&[2]).expect("two");
    let indices = Tensor::<i64>::zeros(&[2]).expect("two");
    // What memory holds is given.
    if let Err(error) = unpool.output_size([random.below(3)]).forward(&values, &indices) {
        assert!(error.to_string().len() > 20);
    }
}
