//! Every algorithm on every layer of `benches/peers/layers.json`, one thread, f32 (and f64 in the last column).
//!
//! The results of all algorithms are checked against each other before anything is timed. After Criterion's own figures comes
//! a table, from medians of runs taken in turns: the rate of the algorithm that the crate chooses, as GFLOP/s of the
//! definition and as a share of the FMA peak that a loop in registers reaches in the same turns; and the time of each
//! algorithm as a multiple of the best.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use fearless_simd::{Level, Simd, SimdBase, SimdFloat, dispatch};
use featuremap::conv::Algorithm;
use featuremap::{Conv2d, Float, Module, Plan, Tensor};
use ndarray::{Array, Array1, Array4, Dimension, ShapeBuilder};
use serde_json::Value;

const ROUNDS: usize = 15;

/// A layer planned for one algorithm.
struct Way<T: Float> {
    plan: Plan<T>,
    input: Array4<T>,
    output: Tensor<T>,
}

impl<T: Float> Way<T> {
    /// By the algorithm that the crate chooses, or by this one if it can.
    fn new(layer: &Value, algorithm: Option<Algorithm>) -> Option<Self> {
        let number = |key| number(layer, key);
        let [images, channels, filters, size, groups] = ["n", "c", "o", "k", "g"].map(number);
        let shape = [images, channels, number("h"), number("w")];
        let mut conv = Conv2d::new(numbers((filters, channels / groups, size, size)))
            .bias(numbers::<T, _>(filters) as Array1<T>)
            .stride(number("s"))
            .padding(number("p"))
            .dilation(number("d"))
            .groups(groups);
        if let Some(algorithm) = algorithm {
            let others = Algorithm::ALL.into_iter().filter(|&other| other != algorithm && other != Algorithm::Taps);
            conv = others.fold(conv, Conv2d::without);
        }
        let plan = conv.plan(&shape).expect("the layer fits");
        if algorithm.is_some_and(|algorithm| plan.algorithm() != algorithm.to_string()) {
            return None;
        }
        let output = Tensor::zeros(plan.output_shape()).expect("there is memory for it");
        Some(Self { plan, input: numbers(shape), output })
    }

    fn run(&mut self) {
        self.plan.run(black_box(&self.input), &mut self.output).expect("the shapes fit");
    }

    fn time(&mut self) -> Duration {
        let start = Instant::now();
        self.run();
        start.elapsed()
    }
}

/// Numbers in no order, from −1 to 1.
fn numbers<T: Float, D: Dimension>(shape: impl ShapeBuilder<Dim = D>) -> Array<T, D> {
    let mut state = 1_u64;
    Array::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        T::from_f64((state >> 40) as f64 / f64::from(1_u32 << 23) - 1.0)
    })
}

fn number(layer: &Value, key: &str) -> usize {
    let number = layer[key].as_u64().expect("every layer has this number");
    number.try_into().expect("every number is small")
}

/// Multiply-adds of the definition.
fn products(layer: &Value, outputs: usize) -> usize {
    let number = |key| number(layer, key);
    outputs * number("c") / number("g") * number("k") * number("k")
}

/// Multiply-adds that wait for nothing but the one before in the same register, of f32: how many, and the time they took.
fn peak() -> (usize, Duration) {
    const SUMS: usize = 12;
    const STEPS: usize = 100_000;
    fn multiply_add<S: Simd>(simd: S) -> usize {
        simd.vectorize(
            #[inline(always)]
            || {
                // Unknown to the compiler, and such that the sums stay near one.
                let factor = S::f32s::splat(simd, black_box(0.5));
                let mut sums = [factor; SUMS];
                for _ in 0..STEPS {
                    for sum in &mut sums {
                        *sum = sum.mul_add(factor, factor);
                    }
                }
                black_box(sums);
                SUMS * STEPS * S::f32s::LEN
            },
        )
    }
    let start = Instant::now();
    let products = dispatch!(Level::new(), simd => multiply_add(simd));
    (products, start.elapsed())
}

/// The largest difference between the results of two algorithms, as a share of the largest number.
fn difference<T: Float>(one: &Tensor<T>, other: &Tensor<T>) -> f64 {
    let number = |number: &T| number.to_f64().expect("every float has an f64");
    let largest = one.iter().map(|one| number(one).abs()).fold(0.0, f64::max);
    one.iter().zip(other).map(|(one, other)| (number(one) - number(other)).abs()).fold(0.0, f64::max) / largest
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    // One thread: two would be timed together with the waking of the second.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("this is the first use of the pool");
    let layers = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/layers.json");
    let layers = std::fs::read_to_string(layers).expect("the layers are in the repository");
    let layers: Value = serde_json::from_str(&layers).expect("the layers are JSON");
    let layers = layers.as_array().expect("the layers are a list").iter().filter(|layer| layer["op"] == "conv");
    let testing = std::env::args().any(|argument| argument == "--test");
    let rounds = if testing { 1 } else { ROUNDS };

    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    let algorithms: Vec<_> = Algorithm::ALL.into_iter().filter(|&algorithm| algorithm != Algorithm::Taps).collect();
    let mut table = Vec::new();
    for layer in layers {
        let name = layer["id"].as_str().expect("every layer has a name");
        let mut chosen = Way::<f32>::new(layer, None).expect("the crate chooses something");
        let mut double = Way::<f64>::new(layer, None).expect("the crate chooses something");
        let mut ways: Vec<_> = algorithms.iter().map(|&algorithm| Way::<f32>::new(layer, Some(algorithm))).collect();
        chosen.run();
        for way in ways.iter_mut().flatten() {
            way.run();
            let found = difference(&chosen.output, &way.output);
            assert!(found < 1e-4, "{name}: {} and {} differ by {found}", chosen.plan.algorithm(), way.plan.algorithm());
        }
        let flops = 2 * products(layer, chosen.output.len());

        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(flops as u64));
        for way in ways.iter_mut().flatten() {
            let id = BenchmarkId::from_parameter(way.plan.algorithm());
            group.bench_function(id, |bencher| bencher.iter(|| way.run()));
        }
        group.finish();

        let (peak, times) = times_in_turns(rounds, &mut chosen, &mut double, &mut ways);
        let mut medians = times.into_iter().map(|times| (!times.is_empty()).then(|| median(times)));
        let (chosen_time, double_time) =
            (medians.next().flatten().unwrap_or(0.0), medians.next().flatten().unwrap_or(0.0));
        let of_ways: Vec<_> = medians.collect();
        let best = of_ways.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let rate = flops as f64 / chosen_time;
        let columns: Vec<_> =
            of_ways.iter().map(|time| time.map_or("–".into(), |time| format!("{:.2}", time / best))).collect();
        table.push(format!(
            "| {name} | {} | {:.3} | {:.0} | {:.0} % | {} | {:.2} |",
            chosen.plan.algorithm(),
            chosen_time * 1e3,
            rate / 1e9,
            rate / peak * 100.0,
            columns.join(" | "),
            chosen_time / double_time
        ));
    }
    if testing {
        return;
    }
    print(&algorithms, &table);
}

/// What the machine can do, and the times of the algorithm that is chosen, of the same in `f64`, and of all ways, in turns.
fn times_in_turns(
    rounds: usize,
    chosen: &mut Way<f32>,
    double: &mut Way<f64>,
    ways: &mut [Option<Way<f32>>],
) -> (f64, Vec<Vec<Duration>>) {
    let mut peaks = Vec::new();
    let mut times = vec![Vec::new(); 2 + ways.len()];
    for _ in 0..rounds {
        let (products, time) = peak();
        peaks.push(time / u32::try_from(products / 1_000_000).expect("a few millions"));
        times[0].push(chosen.time());
        times[1].push(double.time());
        for (way, times) in ways.iter_mut().zip(&mut times[2..]) {
            times.extend(way.as_mut().map(Way::time));
        }
    }
    (2e6 / median(peaks), times)
}

fn print(algorithms: &[Algorithm], table: &[String]) {
    let names: Vec<_> = algorithms.iter().map(Algorithm::to_string).collect();
    println!("\n| layer | chosen | ms | GFLOP/s | of the FMA peak | {} | rate of f64 ÷ f32 |", names.join(" | "));
    println!("| --- | --- | ---: | ---: | ---: | {}---: |", "---: | ".repeat(names.len()));
    for row in table {
        println!("{row}");
    }
    println!(
        "\nSIMD level: {:?}. A column with the name of an algorithm is its time divided by that of the best.",
        Level::new()
    );
}
