//! A worker: it computes and times what it is told to on its standard input, a line at a time, and does nothing else.
//!
//! | asked | answered, as a line of JSON |
//! | --- | --- |
//! | (nothing: on starting) | `{"version": …}` |
//! | `prepare ID` | what is known of it, or `{"error": …}` |
//! | `time ID SECONDS` | `{"nanoseconds": [one of each run, …]}` |
//! | `drop ID` | `{}` |

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engines::{Engine, expected};
use crate::layer::Case;
use crate::machine;

/// What is to be timed, and what the answer to `prepare` says of it.
type Ready = (Box<dyn FnMut()>, Value);

/// Serves layers computed by an engine. An answer to `prepare` is `{"difference": …}`: of the engine's result from
/// featuremap's, relative to the largest number in it.
pub fn serve_engine(engine: &Engine, threads: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    serve(&crate::versions::of(engine.package), |id| {
        let case = Case::find(id, folder)?;
        let mut runner = (engine.prepare)(&case, threads)?;
        let difference = difference(&runner.result(), &expected(&case)?)?;
        Ok((Box::new(move || runner.run()), json!({ "difference": difference })))
    })
}

/// Serves the machine's own limits. An answer to `prepare` is `{"work": …}`, done by each run.
pub fn serve_machine(threads: usize) -> Result<(), Box<dyn Error>> {
    serve(&machine::level(), |name| {
        let work = machine::work(name, threads).ok_or_else(|| format!("no work called {name}"))?;
        Ok((work.run, json!({ "work": work.amount })))
    })
}

fn serve(version: &str, prepare: impl Fn(&str) -> Result<Ready, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let mut ready = HashMap::new();
    answer(&json!({ "version": version }))?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        answer(&match words[..] {
            ["prepare", id] => match prepare(id) {
                Ok((run, reply)) => {
                    ready.insert(id.to_owned(), run);
                    reply
                }
                Err(error) => json!({ "error": error.to_string() }),
            },
            ["time", id, seconds] => match ready.get_mut(id) {
                Some(run) => json!({ "nanoseconds": nanoseconds(run, Duration::from_secs_f64(seconds.parse()?)) }),
                None => json!({ "error": format!("{id} is not prepared") }),
            },
            ["drop", id] => {
                ready.remove(id);
                json!({})
            }
            _ => json!({ "error": format!("what is {line:?}?") }),
        })?;
    }
    Ok(())
}

fn answer(reply: &Value) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{reply}")?;
    output.flush()
}

/// The times of single runs, one after another for so long. Caches hold what others worked on meanwhile, and clocks may
/// have slowed down: the runs of the first tenth are not counted.
fn nanoseconds(run: &mut dyn FnMut(), slice: Duration) -> Vec<u128> {
    let start = Instant::now();
    run();
    while start.elapsed() < slice / 10 {
        run();
    }
    let mut times = Vec::new();
    while times.is_empty() || start.elapsed() < slice {
        let start = Instant::now();
        run();
        times.push(start.elapsed().as_nanos());
    }
    times
}

/// The largest difference, relative to the largest number that is expected.
fn difference(found: &[f32], expected: &[f32]) -> Result<f32, String> {
    if found.len() != expected.len() {
        return Err(format!("the result has {} numbers instead of {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0_f32, |largest, number| largest.max(number.abs()));
    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs() / largest);
    // In the total order, in which a NaN is the largest of all.
    Ok(differences.max_by(f32::total_cmp).unwrap_or(0.0))
}
