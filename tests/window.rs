//! The window core against a window that tries every position.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Output size**: rounded down and up, with no padding, padding of unequal sides and both kinds of `Same`; a window
//!   larger than the padded input is an error, or rounding up where it is larger by a stride; one window too far out is
//!   taken back; all small windows by PyTorch's rule; `Same` gives `ceil(n / stride)` outputs and puts the odd pixel
//!   after, or before.
//! - **Both readings** of an axis: by output and by tap name the same pixel for every output and tap, and no more; an
//!   output or tap that does not exist reads nothing; a window that `ceil_mode` lets reach beyond the padding.
//! - **Rows of taps**: every pixel that an output reads, once, taps in row-major order.
//! - **Coverage**: pixels under many windows, one, or none (where the stride jumps over them).
//! - **Runs**: of steps 1, 2 and more; empty; of one member; ending on the last pixel; scratch memory that is too
//!   large, too small, or full of something else.
//! - **The iterator over windows**: exact length, from both ends in any interleaving, skipping, beyond the end, divided
//!   at every place (0 and the end too) with both parts read from both ends, cloned.
//! - **One window**: position, start in the padding, pixels, taps with `None` on padding, `get` beyond the window,
//!   indices; windows on padding alone.
//! - **The iterator over pixels** (and over taps): exact length, both ends, folded after it was begun from either end.
//! - **Any strides**: stepped, reversed, transposed planes give the same windows as their copies.
//! - A plane of the wrong rank.

mod common;

use std::collections::VecDeque;

use common::{
    Memory, Naive, Stored, WindowCase, any_windows, flat, memories, numbers, odometer, on_each_rank, places, windows,
};
use featuremap::window::WindowView;
use featuremap::{Error, Geometry, Padding, Run, Tensor, TensorView, Window, Windows};
use ndarray::{Array1, ArrayD, IxDyn};
use proptest::prelude::*;

on_each_rank! {
    output_size_is_the_number_of_windows_that_fit: check_output_size(case in any_windows);
    both_readings_agree: check_readings(case in windows);
    row_taps_cover_every_pixel_once: check_row_taps(case in windows);
    coverage_counts_windows: check_coverage(case in windows);
    iterator_goes_through_the_outputs: check_order(case in windows);
    iterator_runs_from_both_ends: check_both_ends(case in windows, from_front in coins);
    iterator_skips: check_skips(case in windows, skips in skips);
    iterator_splits_anywhere: check_splits(case in windows, from_front in coins);
    windows_show_their_pixels: check_views(case in windows, memory in memories);
    pixels_run_from_both_ends: check_pixels(case in windows, from_front in coins, memory in memories);
}

/// From which end to take the next item; used over and over.
fn coins<const N: usize>() -> impl Strategy<Value = Vec<bool>> {
    proptest::collection::vec(any::<bool>(), 1..12)
}

/// How many windows to skip, and from which end.
fn skips<const N: usize>() -> impl Strategy<Value = Vec<(bool, usize)>> {
    proptest::collection::vec((any::<bool>(), prop_oneof![4 => 0..5_usize, 1 => Just(usize::MAX)]), 1..12)
}

fn check_output_size<const N: usize>(case: &WindowCase<N>) {
    match (case.window().output_size(case.input), case.naive()) {
        (Ok(size), Some(naive)) => assert_eq!(size, naive.output_size()),
        (Err(Error::WindowTooLarge { axis, length, extent, .. }), None) => {
            assert_eq!(length, case.input[axis]);
            assert_eq!(extent, case.dilation[axis] * (case.size[axis] - 1) + 1);
            let alone = WindowCase {
                input: [length],
                size: [case.size[axis]],
                stride: [case.stride[axis]],
                dilation: [case.dilation[axis]],
                padding: match case.padding {
                    Padding::Explicit(sides) => Padding::Explicit([sides[axis]]),
                    _ => Padding::Valid,
                },
                ceil: case.ceil,
            };
            assert!(alone.naive().is_none(), "axis {axis} does fit");
        }
        (found, naive) => panic!("{found:?} where {naive:?} was counted"),
    }
}

proptest! {
    #[test]
    fn same_gives_length_over_stride(length in 1..40_usize, size in 1..8_usize, stride in 1..8_usize) {
        let rounded_up = (0..length).step_by(stride).count();
        for padding in [Padding::Same, Padding::SameLower] {
            for ceil in [false, true] {
                let window = Window::new([size]).stride(stride).padding(padding).ceil_mode(ceil);
                prop_assert_eq!(window.output_size([length]).unwrap(), [rounded_up]);
            }
        }
        let sides = |padding| {
            let geometry = Window::new([size]).stride(stride).padding(padding).geometry([length]).unwrap();
            (geometry.axes()[0].before(), geometry.axes()[0].after())
        };
        let (before, after) = sides(Padding::Same);
        prop_assert!(after == before || after == before + 1, "the odd pixel goes after");
        prop_assert_eq!(sides(Padding::SameLower), (after, before));
        let missing = ((rounded_up - 1) * stride + size).saturating_sub(length);
        prop_assert_eq!(before + after, missing, "not a pixel more than needed");
    }
}

#[test]
fn rounding_up_takes_back_a_window_that_starts_on_the_padding_after() {
    // Starts at 0, 2 and, rounded up, 4, which is the first place after the input.
    let window = Window::new([2]).stride(2).padding([(0, 1)]).ceil_mode(true);
    assert_eq!(window.output_size([4]).unwrap(), [2]);
    // One pixel more, and the third window starts on it.
    assert_eq!(window.output_size([5]).unwrap(), [3]);
}

/// `pooling_output_shape_pad_lr` of PyTorch (`ATen/native/Pool.h`), whose division rounds towards −∞; no output is an error.
fn outputs_in_pytorch(length: i64, [size, stride, dilation]: [i64; 3], [before, after]: [i64; 2], ceil: bool) -> i64 {
    let room = length + before + after - dilation * (size - 1) - 1;
    let outputs = (room + if ceil { stride - 1 } else { 0 }).div_euclid(stride) + 1;
    if ceil && (outputs - 1) * stride >= length + before { outputs - 1 } else { outputs }
}

#[test]
fn output_sizes_are_those_of_pytorch_on_both_sides_of_every_limit() {
    let (mut fit, mut larger) = (0, 0);
    let sizes = |sizes: [usize; 3]| sizes.map(|size| i64::try_from(size).unwrap());
    for place in odometer(&[9, 7, 6, 3, 4, 4, 2]) {
        let (length, size, stride, dilation) = (place[0] + 1, place[1] + 1, place[2] + 1, place[3] + 1);
        let ([before, after], ceil) = ([place[4], place[5]], place[6] == 1);
        let [signed_length, signed_before, signed_after] = sizes([length, before, after]);
        let padding = [signed_before, signed_after];
        let expected = outputs_in_pytorch(signed_length, sizes([size, stride, dilation]), padding, ceil);
        let window = Window::new([size]).stride(stride).dilation(dilation).padding([(before, after)]).ceil_mode(ceil);
        let extent = dilation * (size - 1) + 1;
        match window.output_size([length]) {
            Ok([outputs]) => {
                assert_eq!(i64::try_from(outputs).unwrap(), expected, "{window:?} over {length}");
                fit += 1;
                larger += usize::from(extent > length + before + after);
            }
            Err(error) => {
                assert!(matches!(error, Error::WindowTooLarge { extent: named, .. } if named == extent), "{error}");
                assert!(expected < 1, "{window:?} over {length} has {expected} outputs");
            }
        }
    }
    assert!(fit > 20_000 && larger > 1_000, "{fit} windows fit, of which {larger} are larger than their input");
}

fn check_readings<const N: usize>(case: &WindowCase<N>) {
    let naive = case.fitting();
    let geometry = case.window().geometry(case.input).unwrap();
    assert_eq!(geometry.input_size(), case.input);
    assert_eq!(geometry.output_size(), naive.output_size());
    assert_eq!(geometry.outputs(), places(naive.output_size()).len());
    assert_eq!(geometry.pixels(), places(case.input).len());
    assert_eq!(geometry.taps(), places(case.size).len());

    for (axis, naive) in geometry.axes().iter().zip(naive.axes) {
        assert_eq!((axis.length(), axis.size()), (naive.length, naive.size));
        assert_eq!((axis.stride(), axis.dilation()), (naive.stride, naive.dilation));
        assert_eq!((axis.before(), axis.after(), axis.outputs()), (naive.before, naive.after, naive.outputs));
        for output in 0..naive.outputs {
            assert_eq!(axis.taps_within_padding(output), naive.taps_within_padding(output), "output {output}");
            for tap in 0..naive.size {
                let pixel = naive.pixel(output, tap);
                assert_eq!(axis.position(output, tap), naive.position(output, tap));
                assert_eq!(member(&axis.by_output(output), tap), pixel, "output {output}, tap {tap}");
                assert_eq!(member(&axis.by_tap(tap), output), pixel, "output {output}, tap {tap}");
            }
            assert!(axis.by_output(output).range.end <= naive.size);
        }
        assert!((0..naive.size).all(|tap| axis.by_tap(tap).range.end <= naive.outputs));
        assert!(axis.by_output(naive.outputs).range.is_empty(), "there is no such output");
        assert!(axis.by_tap(naive.size).range.is_empty(), "there is no such tap");
        assert!(axis.by_output(usize::MAX).range.is_empty() && axis.by_tap(usize::MAX).range.is_empty());
    }
}

/// The pixel that a member of a run reads.
fn member(run: &Run, member: usize) -> Option<usize> {
    run.range.contains(&member).then(|| run.input + (member - run.range.start) * run.step)
}

fn check_row_taps<const N: usize>(case: &WindowCase<N>) {
    let naive = case.fitting();
    let geometry = case.window().geometry(case.input).unwrap();
    let mut rows = naive.output_size();
    rows[N - 1] = 1;
    assert_eq!(geometry.rows(), places(rows).len());
    assert_eq!(geometry.row_length(), naive.output_size()[N - 1]);

    let mut found = Vec::new();
    for row in 0..geometry.rows() {
        let mut last_tap = None;
        for tap in geometry.row_taps(row) {
            assert!(last_tap < Some(tap.tap), "tap {} after {last_tap:?}", tap.tap);
            last_tap = Some(tap.tap);
            assert!(tap.run.range.end <= geometry.row_length());
            for output in tap.run.range.clone() {
                let pixel = member(&tap.run, output).unwrap();
                found.push((row * geometry.row_length() + output, tap.tap, pixel));
            }
        }
    }
    found.sort_unstable();
    assert_eq!(found, triples(&naive));
}

/// All that read a pixel: the output, the tap and the pixel, each counted flat.
fn triples<const N: usize>(naive: &Naive<N>) -> Vec<(usize, usize, usize)> {
    let mut triples = Vec::new();
    for output in places(naive.output_size()) {
        for tap in places(naive.size()) {
            if let Some(pixel) = naive.pixel(output, tap) {
                let (output, tap) = (flat(output, naive.output_size()), flat(tap, naive.size()));
                triples.push((output, tap, flat(pixel, naive.input_size())));
            }
        }
    }
    triples
}

fn check_coverage<const N: usize>(case: &WindowCase<N>) {
    let naive = case.fitting();
    let mut counts = ArrayD::<usize>::zeros(IxDyn(&case.input));
    for output in places(naive.output_size()) {
        for pixel in naive.pixels(output) {
            counts[pixel.as_slice()] += 1;
        }
    }
    let coverage = case.window().geometry(case.input).unwrap().coverage().unwrap();
    assert_eq!(coverage, Tensor::from(counts));
}

/// Runs that fit into a row of members and a plane, and the lengths of both. Often neither has a member too many.
fn runs() -> impl Strategy<Value = (Run, usize, usize)> {
    (0..5_usize, 0..20_usize, 0..5_usize, 1..6_usize, 0..3_usize, 0..3_usize).prop_map(
        |(start, count, input, step, more_members, more_pixels)| {
            let run = Run { range: start..start + count, input, step };
            let pixels = input + count.saturating_sub(1) * step + usize::from(count > 0);
            (run, start + count + more_members, pixels + more_pixels)
        },
    )
}

proptest! {
    #[test]
    fn runs_pair_members_with_pixels((run, members, pixels) in runs(), scratch_length in 0..30_usize) {
        let plane: Vec<usize> = (0..pixels).map(|pixel| 1000 + pixel).collect();
        let mut paired = vec![0; members];
        run.pair(&mut paired, &plane, |member, pixel| *member += pixel);
        let naive: Vec<usize> = (0..members).map(|of| member(&run, of).map_or(0, |pixel| plane[pixel])).collect();
        prop_assert_eq!(&paired, &naive);

        let mut scratch = vec![7; scratch_length];
        prop_assert_eq!(run.pixels(&plane, &mut scratch), &naive[run.range.clone()]);
    }
}

/// A plane whose pixels are their own places, counted flat.
fn numbered<const N: usize>(input: [usize; N]) -> ArrayD<usize> {
    let count = places(input).len();
    Array1::from_iter(0..count).into_shape_with_order(IxDyn(&input)).unwrap()
}

fn over<const N: usize>(case: &WindowCase<N>, plane: &ArrayD<usize>) -> Vec<Vec<usize>> {
    case.window().over(plane).unwrap().map(|window| window.iter().copied().collect()).collect()
}

fn check_order<const N: usize>(case: &WindowCase<N>) {
    let naive = case.fitting();
    let plane = numbered(case.input);
    let windows = case.window().over(&plane).unwrap();
    assert_eq!(windows.geometry(), &case.window().geometry(case.input).unwrap());
    assert_eq!(windows.size_hint(), (windows.len(), Some(windows.len())));
    let positions: Vec<_> = windows.clone().map(|window| window.position()).collect();
    assert_eq!(positions, places(naive.output_size()));
    assert_eq!(positions.len(), windows.len());

    let pixels: Vec<Vec<usize>> = places(naive.output_size())
        .into_iter()
        .map(|output| naive.pixels(output).into_iter().map(|pixel| flat(pixel, case.input)).collect())
        .collect();
    assert_eq!(over(case, &plane), pixels);
}

/// Takes items from both ends, as the coins fall, until none is left; they must be the expected ones. The pixels under
/// each are looked at, for an iterator may know its place and still look elsewhere.
fn drain<const N: usize>(mut windows: Windows<'_, usize, N>, coins: &[bool], naive: &Naive<N>, first: usize) {
    let mut expected: VecDeque<_> = places(naive.output_size()).into_iter().skip(first).take(windows.len()).collect();
    for &from_front in coins.iter().cycle() {
        assert_eq!(windows.len(), expected.len());
        let (window, output) = match from_front {
            true => (windows.next(), expected.pop_front()),
            false => (windows.next_back(), expected.pop_back()),
        };
        assert_eq!(window.as_ref().map(WindowView::position), output);
        let (Some(window), Some(output)) = (window, output) else { break };
        let pixels: Vec<usize> =
            naive.pixels(output).into_iter().map(|pixel| flat(pixel, naive.input_size())).collect();
        assert_eq!(window.iter().copied().collect::<Vec<_>>(), pixels);
    }
    assert!(windows.next().is_none() && windows.next_back().is_none(), "it stays at its end");
}

fn check_both_ends<const N: usize>(case: &WindowCase<N>, coins: &[bool]) {
    let plane = numbered(case.input);
    drain(case.window().over(&plane).unwrap(), coins, &case.fitting(), 0);
}

fn check_skips<const N: usize>(case: &WindowCase<N>, skips: &[(bool, usize)]) {
    let plane = numbered(case.input);
    let mut windows = case.window().over(&plane).unwrap();
    let mut expected: VecDeque<_> = places(case.fitting().output_size()).into_iter().collect();
    for &(from_front, skip) in skips {
        let skipped = skip.min(expected.len());
        let (window, output) = if from_front {
            expected.drain(..skipped);
            (windows.nth(skip), expected.pop_front())
        } else {
            expected.truncate(expected.len() - skipped);
            (windows.nth_back(skip), expected.pop_back())
        };
        assert_eq!(window.map(|window| window.position()), output);
        assert_eq!(windows.len(), expected.len());
    }
    let rest: Vec<_> = windows.map(|window| window.position()).collect();
    assert_eq!(rest, Vec::from(expected));
}

fn check_splits<const N: usize>(case: &WindowCase<N>, coins: &[bool]) {
    let plane = numbered(case.input);
    let naive = case.fitting();
    let windows = case.window().over(&plane).unwrap();
    let count = windows.len();
    // Every place on one axis; with more axes there are many, and about ten tell as much.
    let step = count.div_ceil(if N == 1 { count } else { 10 });
    for index in (0..=count).step_by(step).chain([count, count + 1, usize::MAX]) {
        let (head, tail) = windows.clone().split_at(index);
        assert_eq!((head.len(), tail.len()), (index.min(count), count - index.min(count)));
        drain(head, coins, &naive, 0);
        drain(tail, coins, &naive, index.min(count));
    }
    // A part that was begun from both ends divides like the whole.
    let mut begun = windows;
    begun.next();
    begun.next_back();
    let (head, tail) = begun.split_at(2);
    let taken = head.len();
    drain(head, coins, &naive, 1);
    drain(tail, coins, &naive, 1 + taken);
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "properties hand over all their arguments so")]
fn check_views<const N: usize>(case: &WindowCase<N>, memory: &Memory) {
    let naive = case.fitting();
    let stored = Stored::new(&numbered(case.input), *memory, usize::MAX);
    let windows = case.window().over(stored.view()).unwrap();
    for (window, output) in windows.zip(places(naive.output_size())) {
        assert_eq!(window.position(), output);
        let start: [isize; N] = std::array::from_fn(|axis| naive.axes[axis].position(output[axis], 0));
        assert_eq!(window.start(), start);

        let pixels = naive.pixels(output);
        let values: Vec<usize> = pixels.iter().map(|&pixel| flat(pixel, case.input)).collect();
        assert_eq!(window.iter().copied().collect::<Vec<_>>(), values);
        assert_eq!((&window).into_iter().count(), values.len());
        assert_eq!((window.len(), window.is_empty()), (values.len(), values.is_empty()));
        let within: usize = (0..N).map(|axis| naive.axes[axis].taps_within_padding(output[axis])).product();
        assert_eq!(window.len_with_padding(), within);

        let indexed: Vec<_> = window.indexed().map(|(pixel, &value)| (pixel, value)).collect();
        assert_eq!(indexed, pixels.iter().copied().zip(values).collect::<Vec<_>>());
        assert!(window.indexed().rev().eq(window.indexed().collect::<Vec<_>>().into_iter().rev()));

        let taps: Vec<_> = places(case.size)
            .into_iter()
            .map(|tap| naive.pixel(output, tap).map(|pixel| flat(pixel, case.input)))
            .collect();
        assert_eq!(window.taps().map(Option::<&usize>::copied).collect::<Vec<_>>(), taps);
        let gotten: Vec<_> = places(case.size).into_iter().map(|tap| window.get(tap).copied()).collect();
        assert_eq!(gotten, taps);
        assert_eq!(window.get(case.size), None, "no such tap");
        assert_eq!(window.get([usize::MAX; N]), None, "no such tap");
    }
}

/// The items of an iterator from both ends, as the coins fall, put back into order.
fn from_both_ends<I: DoubleEndedIterator + ExactSizeIterator>(mut items: I, coins: &[bool]) -> Vec<I::Item> {
    let (mut head, mut tail) = (Vec::new(), VecDeque::new());
    for &from_front in coins.iter().cycle() {
        let left = items.len();
        match if from_front { items.next() } else { items.next_back() } {
            Some(item) if from_front => head.push(item),
            Some(item) => tail.push_front(item),
            None => break,
        }
        assert_eq!(items.len(), left - 1);
    }
    assert!(items.next().is_none() && items.next_back().is_none(), "it stays at its end");
    head.extend(tail);
    head
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "properties hand over all their arguments so")]
fn check_pixels<const N: usize>(case: &WindowCase<N>, coins: &[bool], memory: &Memory) {
    let stored = Stored::new(&numbered(case.input), *memory, usize::MAX);
    // The corners and a window in the middle are of every kind there is.
    let windows = case.window().over(stored.view()).unwrap();
    let chosen = [0, windows.len() / 2, windows.len() - 1];
    for window in chosen.map(|index| windows.clone().nth(index).unwrap()) {
        let pixels: Vec<&usize> = window.taps().flatten().collect();
        assert_eq!(from_both_ends(window.iter(), coins), pixels);
        assert_eq!(from_both_ends(window.indexed(), coins).len(), pixels.len());
        assert_eq!(from_both_ends(window.taps(), coins), window.taps().collect::<Vec<_>>());

        for taken_from_front in 0..=pixels.len() {
            for taken_from_back in 0..=(pixels.len() - taken_from_front).min(3) {
                let mut begun = window.iter();
                begun.by_ref().take(taken_from_front).for_each(drop);
                begun.by_ref().rev().take(taken_from_back).for_each(drop);
                let folded = begun.fold(Vec::new(), |mut seen, pixel| {
                    seen.push(pixel);
                    seen
                });
                assert_eq!(folded, &pixels[taken_from_front..pixels.len() - taken_from_back]);
            }
        }
    }
}

proptest! {
    /// Values, not places: a user's operation over a strided plane equals that over its copy.
    #[test]
    fn strides_do_not_change_a_median(case in windows::<2>(), memory in memories::<2>(), seed in any::<u64>()) {
        let plane = numbers::<i32>(seed, &case.input);
        let stored = Stored::new(&plane, memory, i32::MAX);
        let medians = |view: TensorView<'_, i32>| -> Vec<Option<i32>> {
            let windows = case.window().over(view).unwrap();
            windows
                .map(|window| {
                    let mut pixels: Vec<i32> = window.iter().copied().collect();
                    pixels.sort_unstable();
                    pixels.get(pixels.len() / 2).copied()
                })
                .collect()
        };
        prop_assert_eq!(medians(stored.view().into()), medians((&plane).into()));
    }
}

#[test]
fn a_window_on_padding_alone_is_empty() {
    let plane = ndarray::array![1, 2];
    let windows: Vec<_> = Window::new([1]).padding([(1, 1)]).over(&plane).unwrap().collect();
    let lengths: Vec<_> = windows.iter().map(|window| (window.len(), window.len_with_padding())).collect();
    assert_eq!(lengths, [(0, 1), (1, 1), (1, 1), (0, 1)]);
    assert!(windows[0].is_empty() && windows[0].iter().next().is_none() && windows[0].indexed().next().is_none());
    assert_eq!(windows[0].taps().collect::<Vec<_>>(), [None]);
}

#[test]
fn a_plane_of_another_rank_is_refused() {
    for shape in [&[][..], &[3], &[3, 3, 3], &[1, 1, 1, 1, 1, 1, 1]] {
        let plane = ArrayD::<f32>::zeros(IxDyn(shape));
        let error = Window::new([1, 1]).over(&plane).unwrap_err();
        assert!(matches!(error, Error::Rank { found, .. } if found == shape));
    }
}

#[test]
fn a_geometry_is_the_same_for_the_same_window() {
    let geometry = |stride| -> Geometry<2> { Window::new([2, 3]).stride(stride).geometry([5, 7]).unwrap() };
    assert_eq!(geometry(1), geometry(1));
    assert_ne!(geometry(1), geometry(2));
    assert_eq!(odometer(&[2, 2]), [[0, 0], [0, 1], [1, 0], [1, 1]], "the oracle counts in row-major order");
}

/// Found by the generator of `tests/hostile`: the way to a second row, which there is none of, overflowed.
#[test]
fn a_window_of_one_row_may_have_any_dilation() {
    let plane = ndarray::array![[1, 2, 3], [4, 5, 6]];
    for dilation in [usize::MAX, usize::MAX / 2, usize::MAX / 3 + 1] {
        let windows = Window::new([1, 2]).dilation([dilation, 1]).over(&plane).unwrap();
        let sums: Vec<i32> = windows.map(|window| window.iter().sum()).collect();
        assert_eq!(sums, [3, 5, 9, 11]);
    }
}
