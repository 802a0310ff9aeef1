//! Whatever a caller passes: an answer that is right, or an error that says what is wrong.
//!
//! Random layers and networks over the whole public surface, each from a seed:
//!
//! - **Sizes** of windows, strides, dilations, paddings, groups and outputs of 0, 1, any and up to `usize::MAX`; every padding and its
//!   mode, ceil mode, what an average counts; tensors of rank 0 to 8.
//! - **Pixels and weights** of every type, plain ones, and NaN, infinities, the largest and the least, denormals and −0 among them; in
//!   memory of every order, with gaps, backwards, repeated, from any place on.
//! - **Ways**: `forward`, into memory of any order, plans, their clones, bands; by 1, 2, 3 and 8 threads, in pools and out of them,
//!   several at once; with other memory taken in between; plans run with another shape than theirs.
//! - **Layers around convolution**: activations, norms, softmax, borders, maps made larger; and **graphs** of sums, products and joins.
//! - **Parts of a user's own**: reductions with accumulators of no size and of a thousand bytes, modules that say all of themselves;
//!   and both that lie. Modules with a fault are told apart first.
//!
//! Where a call returns, its result is held against the definition, written down here once more in `f64`, and to the bit against every
//! other way. Where it errs, the error must say what is so. Nothing panics, and nothing takes memory out of proportion.
//!
//! Seeds follow from each other: the first is the same in every run.
//!
//! ```sh
//! cargo test --test hostile                                                   # 20 seconds
//! FEATUREMAP_HOSTILE_SECONDS=3600 cargo test --release --test hostile         # an hour
//! FEATUREMAP_HOSTILE_START=7000 …                                             # from this seed on
//! FEATUREMAP_HOSTILE_SEED=1234 cargo test --test hostile                      # the one that failed
//! ```

mod around;
mod borders;
mod check;
mod definition;
mod facts;
#[cfg(panic = "unwind")]
mod faulty;
mod folded;
mod functions;
mod graphs;
mod layers;
mod layout;
mod liars;
mod linear;
mod memory;
mod networks;
mod own;
mod pooling;
mod pools;
mod random;
mod upsampling;
mod windows;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use check::{Budget, Stage, Tally};
use layers::on_axes;
use peak_alloc::PeakAlloc;
use random::Random;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

thread_local! {
    /// The seed of the case that runs, for whoever panics.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// One case. The number of axes and the types are drawn first.
fn run(stage: &Stage, seed: u64) {
    let random = &mut Random::new(seed);
    match random.below(30) {
        0..5 => {
            let axes = random.pick(&[1, 1, 2, 2, 2, 2, 3, 3, 4, 6]);
            on_axes!(check_conv_of, stage, random; axes, 1 2 3 4 6);
        }
        5 => match random.below(3) {
            0 => layers::check_conv::<f64, 3>(stage, random),
            _ => layers::check_conv::<f64, 2>(stage, random),
        },
        6 => match random.below(6) {
            0 => layers::check_conv::<u8, 2>(stage, random),
            1 => layers::check_conv::<i8, 2>(stage, random),
            2 => layers::check_conv::<i16, 1>(stage, random),
            3 => layers::check_conv::<i32, 2>(stage, random),
            4 => layers::check_conv::<u16, 2>(stage, random),
            _ => layers::check_conv::<i64, 3>(stage, random),
        },
        7 | 8 => match random.below(4) {
            0 => layers::check_transposed::<f32, 1>(stage, random),
            1 => layers::check_transposed::<f32, 2>(stage, random),
            2 => layers::check_transposed::<f64, 3>(stage, random),
            _ => layers::check_transposed::<u8, 6>(stage, random),
        },
        9 => match random.below(5) {
            3 => linear::check_pointwise::<f32>(stage, random),
            4 => linear::check_pointwise::<i16>(stage, random),
            0 => linear::check_linear::<f32>(stage, random),
            1 => linear::check_linear::<f64>(stage, random),
            _ => linear::check_linear::<i8>(stage, random),
        },
        10..17 => pool(stage, random),
        17..20 => {
            let axes = random.pick(&[1, 2, 2, 2, 3]);
            on_axes!(check_network_of, stage, random; axes, 1 2 3);
        }
        20 => {
            let axes = random.pick(&[1, 2, 2, 3]);
            on_axes!(check_liars_of, stage, random; axes, 1 2 3);
        }
        21 => networks::check_bands(random),
        22 => {
            let axes = random.pick(&[1, 2, 2, 3, 4, 6]);
            on_axes!(check_window_of, stage, random; axes, 1 2 3 4 6);
        }
        23 => match random.below(2) {
            0 => windows::check_tensors::<f32>(stage, random),
            _ => windows::check_tensors::<i64>(stage, random),
        },
        24 => match random.below(3) {
            0 => folded::check_linear(stage, random),
            1 => folded::check_conv::<1>(stage, random),
            _ => folded::check_conv::<2>(stage, random),
        },
        _ => around(stage, random),
    }
}

/// A case of a layer around convolution.
fn around(stage: &Stage, random: &mut Random) {
    match random.below(15) {
        0..3 => around::check_activation::<f32>(stage, random),
        3 => around::check_activation::<f64>(stage, random),
        4 => around::check_norm::<f32, 2>(stage, random),
        5 => match random.below(3) {
            0 => around::check_norm::<f32, 1>(stage, random),
            1 => around::check_norm::<f64, 2>(stage, random),
            _ => around::check_norm::<f32, 3>(stage, random),
        },
        6 => around::check_softmax::<f32>(stage, random),
        7 => around::check_softmax::<f64>(stage, random),
        8 => around::check_local_response::<f32>(stage, random),
        9 => match random.below(4) {
            0 => around::check_local_response::<f64>(stage, random),
            1 => around::check_dropout::<u8>(stage, random),
            2 => around::check_prelu::<f64>(stage, random),
            _ => around::check_prelu::<f32>(stage, random),
        },
        10 => upsampling::check::<f32, 2>(stage, random),
        11 => match random.below(4) {
            0 => upsampling::check::<f32, 1>(stage, random),
            1 => upsampling::check::<f64, 1>(stage, random),
            2 => upsampling::check::<f64, 2>(stage, random),
            _ => upsampling::check::<f32, 3>(stage, random),
        },
        12 | 13 => match random.below(4) {
            0 => borders::check::<f32, 1>(stage, random),
            1 => borders::check::<u8, 2>(stage, random),
            2 => borders::check::<i64, 6>(stage, random),
            _ => borders::check::<f64, 3>(stage, random),
        },
        _ => borders::check::<f32, 2>(stage, random),
    }
}

/// A case of a pooling.
fn pool(stage: &Stage, random: &mut Random) {
    match random.below(7) {
        0..3 => match random.below(8) {
            0 => pools::check_pool::<f32, 1>(stage, random),
            1..4 => pools::check_pool::<f32, 2>(stage, random),
            4 => pools::check_pool::<f32, 3>(stage, random),
            5 => pools::check_pool::<f32, 4>(stage, random),
            6 => pools::check_pool::<f32, 6>(stage, random),
            _ => pools::check_pool::<f64, 2>(stage, random),
        },
        3 => match random.below(6) {
            0 => pools::check_whole_pool::<u8, 2>(stage, random),
            1 => pools::check_whole_pool::<i8, 3>(stage, random),
            2 => pools::check_whole_pool::<i16, 1>(stage, random),
            3 => pools::check_whole_pool::<i32, 2>(stage, random),
            4 => pools::check_whole_pool::<u16, 2>(stage, random),
            _ => pools::check_whole_pool::<i64, 2>(stage, random),
        },
        4 => match random.below(4) {
            0 => pools::check_own_pool::<i32, 1>(stage, random),
            1 => pools::check_own_pool::<f32, 2>(stage, random),
            2 => pools::check_own_boxes::<f32, 2>(stage, random),
            _ => pools::check_own_pool::<f32, 4>(stage, random),
        },
        _ => match random.below(5) {
            0 => pools::check_boxes::<f32, 1>(stage, random),
            1 => pools::check_boxes::<f32, 2>(stage, random),
            2 => pools::check_boxes::<f64, 3>(stage, random),
            3 => pools::check_boxes::<f32, 6>(stage, random),
            _ => pools::check_whole_boxes::<u8, 2>(stage, random),
        },
    }
}

macro_rules! of_axes {
    ($($name:ident: $function:path;)*) => {$(
        fn $name<const N: usize>(stage: &Stage, random: &mut Random) {
            $function(stage, random);
        }
    )*};
}

of_axes! {
    check_conv_of: layers::check_conv::<f32, N>;
    check_network_of: networks::check_network::<N>;
    check_liars_of: networks::check_liars::<N>;
    check_window_of: windows::check_window::<N>;
}

/// What an environment variable says, if anything.
fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn whatever_is_passed() {
    let large = if cfg!(debug_assertions) { 1 } else { 20 };
    let stage = Stage {
        budget: Budget { elements: 20_000 * large, terms: 10_000 * usize::try_from(large).expect("it is small") },
        tally: Tally::default(),
        #[cfg(feature = "rayon")]
        pools: [1, 2, 3, 8]
            .into_iter()
            // Not everywhere there are threads.
            .filter_map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok())
            .collect(),
    };
    let usual = std::panic::take_hook();
    #[cfg(panic = "unwind")]
    {
        std::panic::set_hook(Box::new(|_| {}));
        faulty::all_are_found(&stage);
    }
    // Where nobody catches a panic, this is all that is said.
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("FEATUREMAP_HOSTILE_SEED={}", SEED.get());
        usual(panic);
    }));
    if let Some(seed) = asked("FEATUREMAP_HOSTILE_SEED") {
        SEED.set(seed);
        return run(&stage, seed);
    }
    let seconds = asked("FEATUREMAP_HOSTILE_SECONDS").unwrap_or(20);
    let first = asked("FEATUREMAP_HOSTILE_START").unwrap_or(0);
    let (start, mut failed) = (Instant::now(), Vec::new());
    let mut seed = first;
    while start.elapsed() < Duration::from_secs(seconds) && failed.len() < 100 {
        SEED.set(seed);
        if catch_unwind(AssertUnwindSafe(|| run(&stage, seed))).is_err() {
            failed.push(seed);
        }
        seed += 1;
    }
    println!("{} cases, from seed {first} on, in {:?}: {:?}", seed - first, start.elapsed(), stage.tally);
    assert!(failed.is_empty(), "{} seeds failed: {failed:?}", failed.len());
}
