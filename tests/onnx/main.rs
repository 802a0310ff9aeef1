//! Models in the ONNX format: the tests of the format itself, through the public API.
//!
//! A program and not a set of `#[test]`s, so that `cargo test` always shows its tables: of the operators, which must be that in the
//! documentation, and of the cases. Every case is run as it is, where its weights and shapes are constants or inputs of integers; where
//! it has weights as inputs, with these as constants; and with all its inputs as constants, so that what is computed beforehand must be
//! the same. A case that is refused must be expected to be, for the reason that is expected; one that gives anything else than ONNX says
//! is a failure.
//!
//! The cases in the repository are the small ones. `FEATUREMAP_ONNX_CASES=FILE` runs others, as `cases.py` collects them.

mod cases;
mod hostile;
mod operators;
mod refused;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use cases::{Case, Passed};

/// What became of the cases of one operator.
#[derive(Default)]
struct Tally {
    as_is: usize,
    with_constants: usize,
    as_constants: usize,
    refused: usize,
}

fn main() -> ExitCode {
    let mut failures = operators::check();
    let mut files = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/tests/onnx/cases.safetensors").to_string()];
    files.extend(std::env::var("FEATUREMAP_ONNX_CASES"));
    for file in &files {
        match Case::read_all(file) {
            Ok(cases) => failures.extend(run_all(file, &cases)),
            Err(error) => failures.push(format!("{file}: {error}")),
        }
    }
    failures.extend(hostile::check());
    for failure in &failures {
        println!("FAILED {failure}");
    }
    println!("\n{} failures", failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_all(file: &str, cases: &[Case]) -> Vec<String> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut failures = Vec::new();
    let expected = |case: &Case| refused::expected(&case.name);
    for case in cases {
        let kind = if case.operator.is_empty() { "several operators" } else { &case.operator };
        let tally = tallies.entry(kind.into()).or_default();
        let result = catch_unwind(AssertUnwindSafe(|| case.run()));
        let result = result.unwrap_or_else(|_| Err("panicked; the message is above".into()));
        match (result, expected(case)) {
            (Ok(Passed::AsIs), None) => tally.as_is += 1,
            (Ok(Passed::WithConstants), None) => tally.with_constants += 1,
            (Ok(Passed::AsConstants), None) => tally.as_constants += 1,
            (Ok(Passed::Refused(reason)), Some(part)) if reason.contains(part) => tally.refused += 1,
            (Ok(Passed::Refused(reason)), _) => failures.push(format!("{}: refused: {reason}", case.name)),
            (Ok(_), Some(part)) => failures.push(format!("{}: should be refused: {part}", case.name)),
            (Err(error), _) => failures.push(format!("{}: {error}", case.name)),
        }
    }
    println!("\n{file}: {} cases\n", cases.len());
    println!(
        "{:<20} | {:>5} | {:>14} | {:>12} | {:>7}",
        "operator", "as is", "with constants", "all constant", "refused"
    );
    let mut all = Tally::default();
    for (operator, tally) in &tallies {
        tally.print(operator);
        all.as_is += tally.as_is;
        all.with_constants += tally.with_constants;
        all.as_constants += tally.as_constants;
        all.refused += tally.refused;
    }
    all.print("all");
    failures
}

impl Tally {
    fn print(&self, name: &str) {
        let Self { as_is, with_constants, as_constants, refused } = self;
        println!("{name:<20} | {as_is:>5} | {with_constants:>14} | {as_constants:>12} | {refused:>7}");
    }
}
