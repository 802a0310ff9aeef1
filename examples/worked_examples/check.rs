//! Figures held against the notes.

use std::fmt::Display;

use crate::Result;

/// The item whose figures are being checked, and how many figures have been right so far.
#[derive(Default)]
pub(crate) struct Checks {
    item: usize,
    passed: usize,
}

impl Checks {
    pub(crate) fn begin_item(&mut self, number: usize) {
        self.item = number;
    }

    pub(crate) fn passed(&self) -> usize {
        self.passed
    }

    /// Whether a figure is the one it should be.
    pub(crate) fn equal<T: PartialEq + Display + ?Sized>(&mut self, figure: &str, found: &T, expected: &T) -> Result {
        if found == expected {
            self.passed += 1;
            return Ok(());
        }
        Err(format!("item {}, {figure}:\n{found}\ncame out, but it should be\n{expected}", self.item).into())
    }

    /// Whether a statement about the figures holds.
    pub(crate) fn holds(&mut self, statement: &str, holds: bool) -> Result {
        if holds {
            self.passed += 1;
            return Ok(());
        }
        Err(format!("item {}: it should hold that {statement}, but it does not", self.item).into())
    }
}
