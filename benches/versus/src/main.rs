//! Times an earlier state of the crate (`before`) beside this one (`after`), in turns, in one process: a machine that slows down
//! for a second slows down both.
//!
//! ```sh
//! benches/versus.sh [REVISION] [--threads N] [--seconds S] [PATTERN …]
//! ```
//!
//! For every row it prints the median time of a run of each, the quotient (above 1, this state is faster), and whether the results
//! are the same bits, or by how much they differ, relative to the largest number.

mod engines;

use std::error::Error;
use std::time::{Duration, Instant};

use engines::Runner;
use serde_json::Value;

/// A state computes for so long before the other has its turn: as quiet or loud times of a machine last longer, both meet the same.
const TURN: Duration = Duration::from_millis(15);

/// What the command line asks for.
struct Asked {
    threads: usize,
    /// Of each row.
    seconds: f64,
    /// Parts of the names of rows; all rows where there is none.
    patterns: Vec<String>,
}

impl Asked {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut asked = Self { threads: 1, seconds: 0.6, patterns: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a number"));
            match &argument[..] {
                "--threads" => asked.threads = value()?.parse()?,
                "--seconds" => asked.seconds = value()?.parse()?,
                _ => asked.patterns.push(argument),
            }
        }
        Ok(asked)
    }

    fn wants(&self, name: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| name.contains(&pattern[..]))
    }
}

/// The median time of a run of both, taken in turns.
fn medians(runners: &mut [Box<dyn Runner>; 2], seconds: f64) -> [f64; 2] {
    let start = Instant::now();
    let mut times = [const { Vec::new() }; 2];
    let mut turn = 0;
    while turn < 6 || start.elapsed().as_secs_f64() < seconds {
        // Each goes first in every second pair of turns.
        for of in [turn % 2, 1 - turn % 2] {
            let started = Instant::now();
            // The first run finds its memory where the other's was.
            runners[of].run();
            loop {
                let run = Instant::now();
                runners[of].run();
                times[of].push(run.elapsed().as_secs_f64());
                if started.elapsed() >= TURN {
                    break;
                }
            }
        }
        turn += 1;
    }
    times.map(|mut times| {
        times.sort_unstable_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

/// "same bits", or the largest difference relative to the largest number.
fn difference(runners: &mut [Box<dyn Runner>; 2]) -> String {
    let [before, after] = runners.each_mut().map(|runner| runner.result());
    assert_eq!(before.len(), after.len(), "both states give a result of one shape");
    if before.iter().zip(&after).all(|(one, other)| one.to_bits() == other.to_bits()) {
        return "same bits".into();
    }
    let largest = before.iter().fold(0_f64, |largest, number| largest.max(number.abs()));
    let differences = before.iter().zip(&after).map(|(one, other)| (one - other).abs() / largest);
    format!("{:.1e}", differences.max_by(f64::total_cmp).unwrap_or(0.0))
}

fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::read()?;
    rayon::ThreadPoolBuilder::new().num_threads(asked.threads).build_global()?;
    let mut rows: Vec<Value> = Vec::new();
    for list in ["layers.json", "layers_more.json"] {
        let path = format!("{}/../peers/{list}", env!("CARGO_MANIFEST_DIR"));
        if let Ok(text) = std::fs::read_to_string(path) {
            rows.extend(serde_json::from_str::<Vec<Value>>(&text)?);
        }
    }
    rows.extend(engines::more_rows());
    println!("{} thread(s), ms by the median of a run\n", asked.threads);
    println!("| row | before | after | before ÷ after | results | algorithm |");
    println!("| --- | ---: | ---: | ---: | --- | --- |");
    let (mut logarithms, mut count, mut worst) = (0.0, 0, (f64::INFINITY, String::new()));
    for row in &rows {
        let name = row["id"].as_str().ok_or("every row has an id")?;
        if !asked.wants(name) {
            continue;
        }
        let Some(mut runners) = engines::both(row)? else { continue };
        let results = difference(&mut runners);
        let [before, after] = medians(&mut runners, asked.seconds);
        let algorithm = runners[1].algorithm();
        println!(
            "| {name} | {:.4} | {:.4} | {:.2} | {results} | {algorithm} |",
            before * 1e3,
            after * 1e3,
            before / after
        );
        logarithms += (before / after).ln();
        count += 1;
        if before / after < worst.0 {
            worst = (before / after, name.into());
        }
    }
    if count > 0 {
        println!(
            "\ngeometric mean {:.3}, the least {:.2} ({})",
            (logarithms / f64::from(count)).exp(),
            worst.0,
            worst.1
        );
    }
    Ok(())
}
