//! The window core against loops written by hand: a 3×3 sum over a 1080p plane at stride 1 and 2.
//!
//! - "by tap" (`Geometry::fold`), the reading of fast kernels, against loops with the window's size a literal;
//! - "by output" (the window iterator), the reading of convenience, against loops whose size is known only at run
//!   time.
//!
//! All four sums are checked to be equal before anything is timed. After Criterion's own figures the ratios are printed,
//! from medians of runs taken in turns, which a drifting clock cannot tilt.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use featuremap::{Geometry, Window};
use ndarray::{Array2, ArrayView2};

const HEIGHT: usize = 1080;
const WIDTH: usize = 1920;
const ROUNDS: usize = 41;

/// A way to compute the sums: its name, and the loops.
type Way = (&'static str, fn(&Case, &mut [f32]));

const WAYS: [Way; 4] = [
    ("by tap", by_tap),
    ("by output (iterator)", by_output),
    ("literal loops", literal_loops),
    ("run-time loops", run_time_loops),
];

struct Case {
    plane: Vec<f32>,
    window: Window<2>,
    geometry: Geometry<2>,
    stride: usize,
}

impl Case {
    fn new(stride: usize) -> Self {
        // Small whole numbers: their sums are exact in any order.
        let plane = (0..HEIGHT * WIDTH).map(|pixel| (pixel * 7 % 11) as f32).collect();
        let window = Window::new([3, 3]).stride(stride);
        let geometry = window.geometry([HEIGHT, WIDTH]).expect("the window fits");
        Self { plane, window, geometry, stride }
    }
}

fn by_tap(case: &Case, sums: &mut [f32]) {
    case.geometry.fold(&case.plane, sums, 0.0, |sum, pixel, _| sum + pixel).expect("the slices have the right sizes");
}

fn by_output(case: &Case, sums: &mut [f32]) {
    let plane = ArrayView2::from_shape((HEIGHT, WIDTH), &case.plane).expect("the plane has this shape");
    let windows = case.window.over(plane).expect("the window fits");
    for (sum, window) in sums.iter_mut().zip(windows) {
        *sum = window.iter().sum();
    }
}

fn literal_loops(case: &Case, sums: &mut [f32]) {
    let size = black_box([HEIGHT, WIDTH]);
    match case.stride {
        1 => literal_loops_at::<1>(&case.plane, size, sums),
        2 => literal_loops_at::<2>(&case.plane, size, sums),
        other => unreachable!("no literal loop for stride {other}"),
    }
}

fn literal_loops_at<const STRIDE: usize>(plane: &[f32], [height, width]: [usize; 2], sums: &mut [f32]) {
    let (rows, columns) = ((height - 3) / STRIDE + 1, (width - 3) / STRIDE + 1);
    for y in 0..rows {
        for x in 0..columns {
            let mut sum = 0.0;
            for i in 0..3 {
                for j in 0..3 {
                    sum += plane[(y * STRIDE + i) * width + x * STRIDE + j];
                }
            }
            sums[y * columns + x] = sum;
        }
    }
}

fn run_time_loops(case: &Case, sums: &mut [f32]) {
    let [height, width] = black_box([HEIGHT, WIDTH]);
    let ([size_y, size_x], stride) = black_box((case.window.size(), case.stride));
    let (rows, columns) = ((height - size_y) / stride + 1, (width - size_x) / stride + 1);
    for y in 0..rows {
        for x in 0..columns {
            let mut sum = 0.0;
            for i in 0..size_y {
                for j in 0..size_x {
                    sum += case.plane[(y * stride + i) * width + x * stride + j];
                }
            }
            sums[y * columns + x] = sum;
        }
    }
}

fn check(case: &Case, sums: &mut [f32]) {
    literal_loops(case, sums);
    let expected = Array2::from_shape_vec(case.geometry.output_size(), sums.to_vec()).expect("as many sums as outputs");
    for (name, way) in WAYS {
        sums.fill(f32::NAN);
        way(case, sums);
        assert!(expected.iter().eq(sums.iter()), "{name} at stride {} gives other sums", case.stride);
    }
}

/// Medians of runs taken in turns, one for each way.
fn medians_in_turns(case: &Case, sums: &mut [f32]) -> [Duration; 4] {
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for ((_, way), times) in WAYS.iter().zip(&mut times) {
            let start = Instant::now();
            way(black_box(case), black_box(sums));
            times.push(start.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2]
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let timing = std::env::args().any(|argument| argument == "--bench");
    for stride in [1, 2] {
        let case = Case::new(stride);
        let mut sums = vec![0.0; case.geometry.outputs()];
        check(&case, &mut sums);
        let mut group = criterion.benchmark_group(format!("3x3 sum over 1080p, stride {stride}"));
        for (name, way) in WAYS {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| way(black_box(&case), black_box(&mut sums)));
            });
        }
        group.finish();
        if timing {
            let medians = medians_in_turns(&case, &mut sums);
            let [tap, output, literal, run_time] = medians.map(|median| median.as_secs_f64() * 1e3);
            println!("stride {stride}: by tap {tap:.2} ms = {:.2} × literal loops ({literal:.2} ms)", tap / literal);
            println!(
                "stride {stride}: iterator {output:.2} ms = {:.2} × run-time loops ({run_time:.2} ms)\n",
                output / run_time
            );
        }
    }
    criterion.final_summary();
}
