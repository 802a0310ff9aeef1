//! A reduction whose accumulator is forgotten.

use super::Reduction;
use super::boxed::BoxLayout;
use super::operation::Operation;
use super::planes::{Pooled, Sizes};
use super::windows::{PoolWindows, merges};
use crate::{Element, Result};

/// [`Reduction`], as a `dyn`: what checks and plans a layer is compiled once for all of them, and not in every program for each that it
/// uses.
pub(super) trait Erased<T: Element> {
    /// [`Reduction::validate`]
    fn check(&self) -> Result<()>;

    /// [`Reduction::operation`]
    fn kernels(&self) -> Option<Operation>;

    /// Whether it merges.
    fn is_merging(&self) -> bool;

    /// [`Reduction::windows`]
    fn pool_windows(&self, windows: PoolWindows) -> Result<Box<dyn Pooled<T>>>;

    /// [`Reduction::boxes`]
    fn pool_boxes(&self, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>>;

    /// Of all these pixels at once, so that a sum can be taken in halves: by rows, its error would grow with their number.
    fn of_all(&self, pixels: &[T]) -> T;
}

impl<T: Element, R: Reduction<T>> Erased<T> for R {
    fn check(&self) -> Result<()> {
        self.validate()
    }

    fn kernels(&self) -> Option<Operation> {
        self.operation()
    }

    fn is_merging(&self) -> bool {
        merges(self)
    }

    fn pool_windows(&self, windows: PoolWindows) -> Result<Box<dyn Pooled<T>>> {
        self.windows(windows)
    }

    fn pool_boxes(&self, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>> {
        self.boxes(layout, sizes)
    }

    fn of_all(&self, pixels: &[T]) -> T {
        self.finish(self.step_all(self.start(), pixels), pixels.len())
    }
}
