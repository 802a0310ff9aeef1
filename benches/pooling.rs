//! Pooling and ReLU on every such layer of `benches/peers/layers.json`, f32, and some in f64 and u8: how near they come to the speed
//! of memory.
//!
//! Results are checked against the definition before anything is timed. After Criterion's own figures comes a table, from medians
//! of runs taken in turns: the time, the bytes of the input over the time as a share of what a sum over the same input reaches in
//! the same turns, and how many times as fast two threads are. Then the bars: a window of 13×13 beside one of 3×3, bytes beside
//! floats, channels that lie side by side beside planes, and a reduction that this crate does not know, the range, beside the maximum.

use std::any::Any;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use fearless_simd::{Level, Simd, SimdBase, dispatch};
use featuremap::pool::reference;
use featuremap::{
    Average, AvgPool2d, Element, GlobalAvgPool, GlobalMaxPool, GlobalPool, L2Pool2d, Max, MaxPool2d, Module, Plan,
    Pool, Reduction, Relu, Tensor,
};
use ndarray::Array4;
use serde_json::Value;

use range::Range;

#[path = "../tests/common/range.rs"]
mod range;

const ROUNDS: usize = 41;

/// A planned layer with its input and output, and the same for two threads.
struct Case<T: Element> {
    name: String,
    plans: [Plan<T>; 2],
    input: Array4<T>,
    output: Tensor<T>,
}

impl<T: Element> Case<T> {
    fn new(
        name: &str,
        module: impl Module<T>,
        input: Array4<T>,
        pools: &[rayon::ThreadPool; 2],
        expected: Option<Tensor<T>>,
    ) -> Self {
        let planned = |pool: &rayon::ThreadPool| pool.install(|| module.plan(input.shape())).expect("the layer fits");
        let plans = pools.each_ref().map(planned);
        let output = Tensor::zeros(plans[0].output_shape()).expect("there is memory for it");
        let mut case = Self { name: name.into(), plans, input, output };
        if let Some(expected) = expected {
            for threads in 0..2 {
                case.run(threads);
                let close = |one: &T, other: &T| {
                    let [one, other] = [one, other].map(|number| number.to_string().parse::<f64>().expect("a number"));
                    (one - other).abs() <= 1e-5 * other.abs().max(1.0)
                };
                assert!(case.output.iter().zip(&expected).all(|(one, other)| close(one, other)), "{name}");
            }
        }
        case
    }

    fn run(&mut self, threads: usize) {
        self.plans[threads].run(black_box(&self.input), &mut self.output).expect("the shapes fit");
    }
}

/// What all cases can do, whatever they are made of.
trait Timed {
    fn name(&self) -> &str;
    fn bytes(&self) -> usize;
    /// From outside the pool of threads for one, within it for two.
    fn time(&mut self, threads: usize, pools: &[rayon::ThreadPool; 2]) -> Duration;
    /// A sum over the same input, or over as many bytes of floats: what reading alone takes.
    fn time_of_sum(&self, floats: &[f32]) -> Duration;
    fn once(&mut self);
}

impl<T: Element> Timed for Case<T> {
    fn name(&self) -> &str {
        &self.name
    }

    fn bytes(&self) -> usize {
        self.input.len() * size_of::<T>()
    }

    fn time(&mut self, threads: usize, pools: &[rayon::ThreadPool; 2]) -> Duration {
        pools[threads].install(|| {
            let start = Instant::now();
            self.run(threads);
            start.elapsed()
        })
    }

    fn time_of_sum(&self, floats: &[f32]) -> Duration {
        // The same input where it is of floats, so that it is as near or far as for the pooling.
        let same = (&self.input as &dyn Any).downcast_ref::<Array4<f32>>().and_then(|input| input.as_slice());
        let floats = same.unwrap_or(&floats[..self.bytes() / 4]);
        let start = Instant::now();
        black_box(sum(black_box(floats)));
        start.elapsed()
    }

    fn once(&mut self) {
        self.run(0);
    }
}

/// A sum in eight registers, none of which waits for another.
fn sum(floats: &[f32]) -> f32 {
    fn in_registers<S: Simd>(simd: S, floats: &[f32]) -> f32 {
        simd.vectorize(
            #[inline(always)]
            || {
                let lanes = S::f32s::LEN;
                let mut sums = [S::f32s::splat(simd, 0.0); 8];
                for floats in floats.chunks_exact(8 * lanes) {
                    for register in 0..8 {
                        sums[register] += S::f32s::from_slice(simd, &floats[register * lanes..][..lanes]);
                    }
                }
                let mut whole = sums[0];
                for register in 1..8 {
                    whole += sums[register];
                }
                whole.reduce_sum()
            },
        )
    }
    dispatch!(Level::new(), simd => in_registers(simd, floats))
}

/// Numbers in no order, from −1 to 1.
fn numbers(shape: [usize; 4]) -> Array4<f32> {
    let mut state = 1_u64;
    Array4::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    })
}

fn number(layer: &Value, key: &str) -> usize {
    let number = layer[key].as_u64().expect("every layer has this number");
    number.try_into().expect("every number is small")
}

/// A pooling beside its definition.
fn pooled<T: Element, R: Reduction<T>>(
    name: &str,
    pool: Pool<R, 2>,
    input: Array4<T>,
    pools: &[rayon::ThreadPool; 2],
) -> Box<dyn Timed> {
    let expected = reference::forward(&pool, &input).expect("the layer fits");
    Box::new(Case::new(name, pool, input, pools, Some(expected)))
}

/// The range of whole maps.
fn global_range(name: &str, input: Array4<f32>, pools: &[rayon::ThreadPool; 2]) -> Box<dyn Timed> {
    let whole = [input.shape()[2], input.shape()[3]];
    let expected = reference::forward(&Pool::<_, 2>::with(Range, whole), &input).expect("the layer fits");
    Box::new(Case::new(name, GlobalPool::<_, 2>::with(Range), input, pools, Some(expected)))
}

/// The layer of a line of `layers.json`; none for convolutions.
fn case(layer: &Value, pools: &[rayon::ThreadPool; 2]) -> Option<Box<dyn Timed>> {
    let name = layer["id"].as_str().expect("every layer has a name");
    let [images, channels, rows, columns, size, stride, padding] =
        ["n", "c", "h", "w", "k", "s", "p"].map(|key| number(layer, key));
    let input = numbers([images, channels, rows, columns]);
    let whole = [rows, columns];
    Some(match layer["op"].as_str().expect("every layer has an operation") {
        "max" => pooled(name, MaxPool2d::new(size).stride(stride).padding(padding), input, pools),
        "avg" => pooled(name, AvgPool2d::new(size).stride(stride).padding(padding), input, pools),
        "l2" => pooled(name, L2Pool2d::new(size).stride(stride).padding(padding), input, pools),
        "gavg" => {
            let expected = reference::forward(&Pool::<Average, 2>::new(whole), &input).expect("the layer fits");
            Box::new(Case::new(name, GlobalAvgPool::default(), input, pools, Some(expected)))
        }
        "gmax" => {
            let expected = reference::forward(&Pool::<Max, 2>::new(whole), &input).expect("the layer fits");
            Box::new(Case::new(name, GlobalMaxPool::default(), input, pools, Some(expected)))
        }
        "relu" => {
            let expected = Tensor::from(input.mapv(|pixel| if pixel < 0.0 { 0.0 } else { pixel }));
            Box::new(Case::new(name, Relu, input, pools, Some(expected)))
        }
        _ => return None,
    })
}

/// Channels that lie side by side, as those of pictures do, seen as planes.
fn channels_last(pools: &[rayon::ThreadPool; 2]) -> [Box<dyn Timed>; 3] {
    let last = |channels: usize, side: usize| numbers([1, side, side, channels]).permuted_axes([0, 3, 1, 2]);
    let (large, small) = (last(64, 224), last(2048, 7));
    let rectified = Tensor::from(large.mapv(|pixel| if pixel < 0.0 { 0.0 } else { pixel }));
    let means = reference::forward(&Pool::<Average, 2>::new(7), &small).expect("the layer fits");
    [
        pooled("max_2x2s2_64_224, channels last", MaxPool2d::new(2), large.clone(), pools),
        Box::new(Case::new("relu_64_224, channels last", Relu, large, pools, Some(rectified))),
        Box::new(Case::new("gavg_2048_7, channels last", GlobalAvgPool::default(), small, pools, Some(means))),
    ]
}

/// What `layers.json` has not: other pixels, another window, a reduction of one's own.
fn more(pools: &[rayon::ThreadPool; 2]) -> Vec<Box<dyn Timed>> {
    let (small, middle, large) = (numbers([1, 256, 20, 20]), numbers([1, 64, 112, 112]), numbers([1, 64, 224, 224]));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "pixels are scaled to what a byte holds"
    )]
    let bytes = |input: &Array4<f32>| input.mapv(|pixel| (pixel * 127.0 + 128.0) as u8);
    let three = || MaxPool2d::new(3).padding(1);
    let range = || Pool::<_, 2>::with(Range, 3).padding(1);
    vec![
        pooled("max_3x3s1_256_20", three().stride(1), small.clone(), pools),
        pooled("range_13x13s1_256_20", Pool::<_, 2>::with(Range, 13).padding(6).stride(1), small, pools),
        pooled("max_3x3s1_64_112, u8", three().stride(1), bytes(&middle), pools),
        pooled("max_2x2s2_64_224, u8", MaxPool2d::new(2), bytes(&large), pools),
        pooled("max_2x2s2_64_224, f64", MaxPool2d::new(2), large.mapv(f64::from), pools),
        pooled("range_3x3s1_64_112", range().stride(1), middle.clone(), pools),
        pooled("range_3x3s2_64_112", range().stride(2), middle.clone(), pools),
        pooled("range_2x2s2_64_224", Pool::<_, 2>::with(Range, 2), large.clone(), pools),
        global_range("range_64_224", large, pools),
        pooled("avg_3x3s1_64_112, u8", AvgPool2d::new(3).padding(1).stride(1), bytes(&middle), pools),
        pooled("max_2x2s2_100_8_28", MaxPool2d::new(2), numbers([100, 8, 28, 28]), pools),
        pooled("max_2x2s2_100_16_14", MaxPool2d::new(2), numbers([100, 16, 14, 14]), pools),
    ]
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    let pools = [1, 2]
        .map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started"));
    let layers = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/layers.json");
    let layers = std::fs::read_to_string(layers).expect("the layers are in the repository");
    let layers: Value = serde_json::from_str(&layers).expect("the layers are JSON");
    let layers = layers.as_array().expect("the layers are a list");
    let testing = std::env::args().any(|argument| argument == "--test");
    let rounds = if testing { 1 } else { ROUNDS };
    let floats = numbers([1, 64, 224, 448]).into_raw_vec_and_offset().0;

    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(150))
        .configure_from_args();
    let mut group = criterion.benchmark_group("pooling");
    let (mut table, mut medians) = (Vec::new(), Vec::new());
    for mut case in
        layers.iter().filter_map(|layer| case(layer, &pools)).chain(more(&pools)).chain(channels_last(&pools))
    {
        group.throughput(Throughput::Bytes(case.bytes() as u64));
        group.bench_function(BenchmarkId::from_parameter(case.name()), |bencher| bencher.iter(|| case.once()));

        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            times[0].push(case.time(0, &pools));
            times[1].push(case.time_of_sum(&floats));
            times[2].push(case.time(1, &pools));
        }
        let [one, sum, two] = times.each_mut().map(|times| median(times));
        table.push(format!(
            "| {} | {:.4} | {:.1} | {:.0} % | {:.4} | {:.2} |",
            case.name(),
            one * 1e3,
            case.bytes() as f64 / one / 1e9,
            sum / one * 100.0,
            two * 1e3,
            one / two
        ));
        medians.push((case.name().to_string(), one));
    }
    group.finish();
    if testing {
        return;
    }
    println!("\n| layer | ms | GB/s read | of the sum's | ms on two threads | two ÷ one |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for row in &table {
        println!("{row}");
    }
    print_ratios(&medians);
}

/// What the bars are about: the times of some layers by those of others.
fn print_ratios(medians: &[(String, f64)]) {
    let time = |name: &str| medians.iter().find(|(other, _)| other == name).map_or(f64::NAN, |(_, time)| *time);
    println!("\n13×13 over 3×3: {:.2} times as long", time("max_13x13s1_256_20") / time("max_3x3s1_256_20"));
    for name in ["max_3x3s1_64_112", "max_2x2s2_64_224"] {
        println!("{name}: u8 {:.2} times as fast as f32", time(name) / time(&format!("{name}, u8")));
    }
    for name in ["max_2x2s2_64_224", "relu_64_224", "gavg_2048_7"] {
        let last = time(&format!("{name}, channels last"));
        println!("{name}: channels side by side take {:.2} times as long as planes", last / time(name));
    }
    for (max, range) in [
        ("max_3x3s1_64_112", "range_3x3s1_64_112"),
        ("max_3x3s2_64_112", "range_3x3s2_64_112"),
        ("max_2x2s2_64_224", "range_2x2s2_64_224"),
        ("max_13x13s1_256_20", "range_13x13s1_256_20"),
        ("gmax_64_224", "range_64_224"),
    ] {
        println!("{range}: at {:.0} % of the speed of the maximum", time(max) / time(range) * 100.0);
    }
}
