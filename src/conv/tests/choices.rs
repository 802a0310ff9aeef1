//! How well the costs of algorithms foretell their times, on the layers of `benches/peers`.
//!
//! ```sh
//! cargo test --release --lib choices -- --ignored --nocapture
//! ```

use std::fs;
use std::time::Instant;

use serde_json::Value;

use super::cases::numbers;
use crate::conv::module::Means;
use crate::conv::problem::Problem;
use crate::conv::{Algorithm, Conv2d, choose, fast};
use crate::simd::kernel_levels;
use crate::{Operator, Tensor};

/// Turns of each algorithm on a layer, of at least so many seconds.
const TURNS: usize = 9;
const SECONDS: f64 = 0.01;

/// A choice may take so much longer than the fastest algorithm.
const MARGIN: f64 = 1.15;

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Prints what each algorithm takes on each layer, as a multiple of the fastest, beside what its cost foretells, and fails where the
/// choice is wrong by more than [`MARGIN`] on more than one layer of ten.
#[test]
#[ignore = "it measures times, for some minutes, and only an optimised build has any to measure"]
fn choices_are_the_fastest() {
    let pattern = std::env::var("FEATUREMAP_LAYERS").unwrap_or_default();
    let layers = ["layers.json", "layers_more.json"].map(|list| {
        let path = format!("{}/benches/peers/{list}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str::<Vec<Value>>(&fs::read_to_string(path).expect("the list is there")).expect("it is JSON")
    });
    let is_asked =
        |layer: &&Value| layer["op"] == "conv" && layer["id"].as_str().is_some_and(|id| id.contains(&pattern));
    for level in kernel_levels() {
        println!("\n{level:?}: measured (foretold), as multiples of the least\n");
        let (mut wrong, mut all) = (Vec::new(), 0);
        for layer in layers.iter().flatten().filter(is_asked) {
            all += 1;
            let excess = row(layer, Means { level, threads: 1 });
            if excess > MARGIN {
                wrong.push((layer["id"].clone(), excess));
            }
        }
        println!("\nwrong: {wrong:?}");
        assert!(wrong.len() * 10 <= all, "{} choices of {all} are wrong", wrong.len());
    }
}

/// Prints the row of a layer; how much longer the choice takes than the fastest algorithm.
#[allow(clippy::cast_possible_truncation, reason = "any numbers will do")]
fn row(layer: &Value, means: Means) -> f64 {
    let number = |key: &str| usize::try_from(layer[key].as_u64().expect("a layer has it")).expect("it is small");
    let [images, channels, filters, size, groups] = ["n", "c", "o", "k", "g"].map(number);
    let shape = [images, channels, number("h"), number("w")];
    let conv = Conv2d::new(numbers(&[filters, channels / groups, size, size], 1).mapv(|number| number as f32))
        .stride(number("s"))
        .padding(number("p"))
        .dilation(number("d"))
        .groups(groups);
    let input = numbers(&shape, 2).mapv(|number| number as f32);
    let of_layer = conv.layer(&shape).expect("the layer fits");
    let problem = Problem::new(&of_layer, groups, conv.padding_mode).expect("it has two axes");
    let mut output = Tensor::zeros(&conv.output_shape(&shape).expect("it fits")).expect("there is room");
    let mut ways: Vec<_> = Algorithm::ALL
        .into_iter()
        .filter(|&algorithm| fast::may_use::<f32>(algorithm, &problem, &conv.filters.view(), &conv.prepared))
        .filter_map(|algorithm| {
            let fast = conv.fast(&of_layer, Some((algorithm, means))).expect("there is room")?;
            let scratch = fast.layer.new_scratch().expect("there is room");
            Some((algorithm, (fast, scratch), choose::cost::<f32>(algorithm, &problem, means.level), Vec::new()))
        })
        .collect();
    for _ in 0..TURNS {
        for (_, (fast, scratch), _, times) in &mut ways {
            let (start, mut runs) = (Instant::now(), Vec::new());
            while runs.len() < 2 || start.elapsed().as_secs_f64() < SECONDS {
                let run = Instant::now();
                let output = output.as_array_mut().as_slice_mut().expect("it is in order");
                fast.layer.run_into(&(&input).into(), output, scratch);
                runs.push(run.elapsed().as_secs_f64());
            }
            times.push(median(&mut runs));
        }
    }
    let least_cost = ways.iter().map(|way| way.2).fold(f64::INFINITY, f64::min);
    let times: Vec<f64> = ways.iter_mut().map(|way| median(&mut way.3)).collect();
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    let cells = ways
        .iter()
        .zip(&times)
        .map(|((algorithm, _, cost, _), time)| format!("{algorithm} {:.2} ({:.2})", time / least, cost / least_cost));
    let chosen = ways.iter().position(|way| way.2 <= least_cost).expect("one costs least");
    let nanoseconds = times[chosen] * 1e9 / (ways[chosen].2 * (images * groups) as f64);
    println!(
        "{:24} {:9.4} ms, {:5.3} ns an operation | {}",
        layer["id"].as_str().unwrap_or_default(),
        times[chosen] * 1e3,
        nanoseconds,
        cells.collect::<Vec<_>>().join(" | ")
    );
    times[chosen] / least
}
