//! Pooling, separable, vertically first: see [`run`](run::run).

mod columns;
pub(crate) mod hosts;
pub(crate) mod layout;
mod passes;
pub(crate) mod run;
mod strips;
pub(crate) mod vectors;

/// An operation that pools: what it does to `N` pixels side by side.
///
/// Pixels are entered into *cells*, which are merged and finished: a cell is a pixel where that is wide enough to hold what is merged.
/// Merging is associative and commutative, rounding and the signs of zeros apart.
pub(crate) trait BlockOperation<const N: usize>: Copy {
    type Pixel: Copy + Default + PartialEq;
    type Cell: Copy;
    /// Cells in registers.
    type Block: Copy;

    /// Whether [`finish`](Self::finish) asks for counts.
    const COUNTED: bool;
    /// Whether merging may lose a NaN: pixels are probed, then.
    const PROBES: bool = false;

    /// The cell that changes nothing.
    fn blank(self) -> Self::Cell;

    /// Pixels as cells.
    fn enter(self, pixels: &[Self::Pixel; N]) -> Self::Block;

    /// Cells with a pixel more each.
    #[inline(always)]
    fn onto(self, cells: Self::Block, pixels: &[Self::Pixel; N]) -> Self::Block {
        self.merge(cells, self.enter(pixels))
    }

    fn load(self, cells: &[Self::Cell; N]) -> Self::Block;

    fn store(self, block: Self::Block, cells: &mut [Self::Cell; N]);

    fn merge(self, earlier: Self::Block, later: Self::Block) -> Self::Block;

    /// The cells of even number of two blocks that follow one another.
    fn every_second(self, first: Self::Block, second: Self::Block) -> Self::Block;

    /// Results of windows of `columns · row` pixels each; the counts are those of nothing unless [`COUNTED`](Self::COUNTED).
    /// Those after the first `windows` are of no windows.
    fn finish(self, cells: Self::Block, columns: &[u32; N], row: usize, windows: usize, output: &mut [Self::Pixel; N]);

    /// What is left to do to all outputs once they are written.
    #[inline(always)]
    fn close(self, _output: &mut [Self::Pixel]) {}

    /// Whether some of the pixels may be NaN: always where one is, and perhaps where infinities are.
    #[inline(always)]
    fn is_suspect(self, _pixels: &[Self::Pixel]) -> bool {
        false
    }
}
