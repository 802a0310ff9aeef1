//! Conformance: the crate against the operator tests of ONNX and against results of PyTorch.
//!
//! The cases lie in `tests/conformance`, whose README says where they come from and what their files mean. Every case
//! is run through the public API:
//!
//! - **ONNX**, 116 cases in `f32`, `u8` and `i32`: `Conv`, `ConvTranspose`, `ConvInteger`, `MaxPool` (with indices,
//!   row-major and column-major), `AveragePool`, `LpPool`, `GlobalAveragePool`, `GlobalMaxPool`, `MaxUnpool` and
//!   `Relu`, on one to three spatial axes. Where a case asks for `SAME_UPPER` or `SAME_LOWER`, it is run with the
//!   padding in numbers and again with `Padding::Same` or `Padding::SameLower`. `QLinearConv` waits for an arithmetic
//!   that the crate does not have.
//! - **PyTorch**, 165 random cases in `f64`: convolutions (groups, dilation, asymmetric padding, all padding modes),
//!   transposed convolutions, poolings (maximum and minimum with indices, average, L2, adaptive), max unpooling, ReLU.
//!   Every case is run as given; on views of the same numbers that are channels-last, reversed, or full of gaps; and
//!   into such views; convolutions also with filters held column-major. All of these must give the same bits.
//!
//! Only forward results are compared. The PyTorch cases also carry gradients (`grad_…`), which are not tested yet: the
//! crate computes none.
//!
//! This is a program and not a set of `#[test]`s, so that `cargo test` always shows its table. A case that fails, that
//! cannot be read or that is missing makes it fail, after all others have run.

mod conformance_support;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use conformance_support::case::{Case, Outcome};
use conformance_support::{onnx, torch};

/// Cases of one origin.
struct Suite {
    title: &'static str,
    folder: &'static str,
    /// How many there must be, so that none is lost unseen.
    cases: usize,
    run: fn(&Case) -> Outcome,
    /// Operators that are not run, and why.
    waiting: &'static [(&'static str, &'static str)],
}

const SUITES: [Suite; 2] = [
    Suite {
        title: "ONNX 1.23.2 operator tests",
        folder: "onnx",
        cases: 116,
        run: onnx::run,
        waiting: &[("QLinearConv", "quantized arithmetic (zero points and scales) is not in the crate yet")],
    },
    Suite { title: "PyTorch 2.15 random cases", folder: "torch", cases: 165, run: torch::run, waiting: &[] },
];

/// What became of the cases of one operator.
#[derive(Default)]
struct Tally {
    cases: usize,
    passed: usize,
    waiting: usize,
    /// Why those wait; empty if none do.
    reason: &'static str,
}

/// What became of a suite.
#[derive(Default)]
struct Report {
    operators: BTreeMap<String, Tally>,
    failures: Vec<String>,
}

fn main() -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for suite in &SUITES {
        let report = suite.run();
        report.print(suite.title);
        passed += report.operators.values().map(|tally| tally.passed).sum::<usize>();
        failed += report.failures.len();
    }
    println!("\n{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Suite {
    fn run(&self) -> Report {
        let mut report = Report::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(self.folder);
        let paths = descriptions(&folder).unwrap_or_else(|error| {
            report.failures.push(format!("{}: {error}", folder.display()));
            Vec::new()
        });
        if paths.len() != self.cases {
            report.failures.push(format!("{} cases found instead of {}", paths.len(), self.cases));
        }
        for path in paths {
            if let Err(error) = self.run_case(&path, &mut report.operators) {
                report.failures.push(format!("{}: {error}", path.file_stem().unwrap_or_default().display()));
            }
        }
        report
    }

    fn run_case(&self, path: &Path, operators: &mut BTreeMap<String, Tally>) -> Outcome {
        let case = Case::read(path)?;
        let tally = operators.entry(case.operator().to_string()).or_default();
        tally.cases += 1;
        if let Some((_, reason)) = self.waiting.iter().find(|(operator, _)| *operator == case.operator()) {
            tally.waiting += 1;
            tally.reason = reason;
            return Ok(());
        }
        // A panic is the failure of one case and must not hide the others.
        catch_unwind(AssertUnwindSafe(|| (self.run)(&case))).map_err(|_| "panicked; the message is above")??;
        tally.passed += 1;
        Ok(())
    }
}

/// The files that describe the cases of a folder, in order of their names.
fn descriptions(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Outcome<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}

impl Report {
    fn print(&self, title: &str) {
        println!("\n{title}\n");
        println!("{:<18} | {:>5} | {:>6} | waiting", "operator", "cases", "passed");
        println!("{:-<18} | {:->5} | {:->6} | -------", "", "", "");
        let mut total = Tally::default();
        for (operator, tally) in &self.operators {
            tally.print(operator);
            total.cases += tally.cases;
            total.passed += tally.passed;
            total.waiting += tally.waiting;
        }
        total.print("all");
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
    }
}

impl Tally {
    fn print(&self, name: &str) {
        let waiting = format!("{} {}", self.waiting, self.reason);
        println!("{name:<18} | {:>5} | {:>6} | {}", self.cases, self.passed, waiting.trim_end());
    }
}
