//! What the machine itself can do, so that a time can be read as a share of it.

#![expect(clippy::inline_always, reason = "kernels must be compiled for the SIMD level of their caller")]

use std::hint::black_box;
use std::thread;

use fearless_simd::{Level, Simd, SimdBase, SimdFloat, dispatch};

/// Something that the machine does, and how much of it one run does: floating-point operations, or bytes read.
pub struct Work {
    pub run: Box<dyn FnMut()>,
    pub amount: usize,
}

/// As many `f32` as the inputs of the largest pools have: 12.8 MB.
const ELEMENTS: usize = 64 * 224 * 224;

/// More than the instructions that a core has under way at once (at most two a cycle, each of four or five cycles), and
/// few enough for sixteen registers.
const ACCUMULATORS: usize = 12;

/// Multiply-adds of each accumulator in a run: enough that starting threads counts for nothing.
const STEPS: usize = 1 << 19;

/// The name of the level of SIMD that this machine's peak, and featuremap, use.
pub fn level() -> String {
    let level = format!("{:?}", Level::new());
    level.split('(').next().unwrap_or_default().to_lowercase()
}

/// What `name` stands for, done by so many threads at once.
pub fn work(name: &str, threads: usize) -> Option<Work> {
    let level = Level::new();
    match name {
        "fma" => {
            let lanes = dispatch!(level, simd => lanes(simd));
            let run = move || dispatch!(level, simd => simd.vectorize(|| multiply_add(simd)));
            let run = move || on_threads((0..threads).collect(), |_| run());
            Some(Work { run: Box::new(run), amount: threads * STEPS * ACCUMULATORS * lanes * 2 })
        }
        "read" => {
            let source = vec![1_f32; ELEMENTS];
            let run = move || {
                on_threads(shares(&source, threads).collect(), |share| {
                    dispatch!(level, simd => simd.vectorize(|| sum(simd, share)));
                });
            };
            Some(Work { run: Box::new(run), amount: ELEMENTS * size_of::<f32>() })
        }
        "copy" => {
            let source = vec![1_f32; ELEMENTS];
            let mut target = vec![0_f32; ELEMENTS];
            let run = move || {
                let targets = target.chunks_mut(ELEMENTS.div_ceil(threads));
                on_threads(shares(&source, threads).zip(targets).collect(), |(source, target)| {
                    target.copy_from_slice(source);
                    black_box(target);
                });
            };
            Some(Work { run: Box::new(run), amount: ELEMENTS * size_of::<f32>() })
        }
        _ => None,
    }
}

fn shares(elements: &[f32], threads: usize) -> impl Iterator<Item = &[f32]> {
    elements.chunks(elements.len().div_ceil(threads))
}

/// Does every job, each on a thread of its own, or on this one where there is but one.
fn on_threads<J: Send>(jobs: Vec<J>, work: impl Fn(J) + Sync) {
    let mut jobs = jobs.into_iter();
    let own = jobs.next();
    thread::scope(|scope| {
        for job in jobs {
            scope.spawn(|| work(job));
        }
        own.into_iter().for_each(&work);
    });
}

fn lanes<S: Simd>(_: S) -> usize {
    S::f32s::LEN
}

/// Multiply-adds that wait for nothing but the one before in the same accumulator.
#[inline(always)]
fn multiply_add<S: Simd>(simd: S) {
    // Unknown to the compiler, and such that the accumulators stay near one.
    let factor = S::f32s::splat(simd, black_box(0.5));
    let term = S::f32s::splat(simd, black_box(0.5));
    let mut accumulators = [(); ACCUMULATORS].map(|()| S::f32s::splat(simd, black_box(1.0)));
    for _ in 0..STEPS {
        for accumulator in &mut accumulators {
            *accumulator = accumulator.mul_add(factor, term);
        }
    }
    black_box(accumulators);
}

/// Reads every element; the sums are cheaper than the loads.
#[inline(always)]
fn sum<S: Simd>(simd: S, elements: &[f32]) {
    const UNROLLED: usize = 8;
    let mut sums = [(); UNROLLED].map(|()| S::f32s::splat(simd, 0.0));
    for chunk in elements.chunks_exact(UNROLLED * S::f32s::LEN) {
        for (sum, part) in sums.iter_mut().zip(chunk.chunks_exact(S::f32s::LEN)) {
            *sum += S::f32s::from_slice(simd, part);
        }
    }
    black_box(sums);
}
