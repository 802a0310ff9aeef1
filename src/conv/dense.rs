//! The product of rows and weights: what a dense layer is, whose pixels are the rows of its input and lie channel by channel.
//!
//! It is the convolution of [`bands`](super::bands) but for the two ends: panels are made by transposing rows, and sums are stored as
//! they are, one row of outputs for each row of the input.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrayvec::ArrayVec;
use ndarray::{ArrayViewMut2, Axis};

use super::Conv1d;
use super::algorithm::Algorithm;
use super::bands::sizes;
use super::fast::{in_order, threads_for};
use super::kernels::{self, Kernels, Ready};
use super::prepared::{Order, Prepared, without_denormals};
use crate::kernels::activation::FusedActivation;
use crate::kernels::epilogue::{Epilogue, Target};
use crate::kernels::gemm::{self, Along, GemmBlock};
use crate::kernels::panels::{self, Aligned, Panels, PixelBlock, Transpose, Widths};
use crate::module::Version;
use crate::parallel::share;
use crate::simd::cache;
use crate::simd::{Level, has_kernels, lanes};
use crate::tensor::{TensorView, element_count};
use crate::{Element, Result};

/// Rows that are computed together, at most.
const MOST_ROWS: usize = 256;

/// A dense layer made ready for a number of rows.
#[derive(Debug, Clone)]
pub(super) struct Dense<A> {
    level: Level,
    weights: Arc<Aligned<A>>,
    bias: Option<Arc<Vec<A>>>,
    activation: Option<FusedActivation<A>>,
    inputs: usize,
    outputs: usize,
    widths: Widths,
    panels: Arc<Panels>,
    /// Whether workers share out the outputs of every row, or else the rows; in pieces of so many.
    by_outputs: bool,
    piece: usize,
    workers: usize,
    /// Numbers of scratch for each worker.
    of_worker: usize,
}

/// What a dense layer is made ready from.
pub(super) struct DenseRows<'a, T, A = T> {
    count: usize,
    /// `[output, input]`
    weights: TensorView<'a, T>,
    sizes: [usize; 2],
    bias: Option<Vec<A>>,
    activation: Option<FusedActivation<A>>,
    prepared: &'a Prepared<A>,
}

impl<T: Element> Conv1d<T> {
    /// That of its parameters.
    pub(crate) fn version(&self) -> &Version {
        &self.version
    }

    /// This convolution, whose windows are one pixel, for so many rows of channels; `None` where there are no kernels for it.
    pub(crate) fn dense(&self, rows: usize) -> Result<Option<ReadyDense<T>>> {
        let shape = self.filters.shape();
        let sizes = [shape[0], shape[1]];
        let Some(kernels) = kernels::of::<T>().filter(|_| rows > 0 && sizes[0] > 0 && sizes[1] > 0) else {
            return Ok(None);
        };
        let weights = self.filters.view();
        let bias = self.bias.as_ref().map(|bias| bias.iter().copied().collect());
        let rows =
            DenseRows { count: rows, weights, sizes, bias, activation: self.activation, prepared: &self.prepared };
        Ok(kernels.dense(rows)?.map(|layer| ReadyDense(Ready { kernels, layer })))
    }
}

/// A dense layer of an element that has kernels.
#[derive(Clone)]
pub(crate) struct ReadyDense<T: Element>(Ready<T, Dense<T::Sum>>);

impl<T: Element> ReadyDense<T> {
    /// Computes `[row, output]` from `[row, input]`, both row by row.
    pub(crate) fn run(&self, input: &[T], output: &mut [T::Sum], scratch: &mut [T::Sum]) {
        self.0.kernels.run_dense(&self.0.layer, input, output, scratch);
    }

    /// Numbers of scratch that it computes in.
    pub(crate) fn scratch_length(&self) -> usize {
        self.0.layer.workers * self.0.layer.of_worker
    }
}

impl<A: Kernels> Dense<A> {
    pub(super) fn new(rows: DenseRows<'_, A>) -> Result<Option<Self>> {
        let DenseRows { count: rows, weights, sizes: [outputs, inputs], bias, activation, prepared } = rows;
        let level = Level::new();
        if !has_kernels(level) {
            return Ok(None);
        }
        let (tiles, widths) = sizes::<A>(Along::Filters, level);
        let Some(panels) = Panels::of_rows::<A>(tiles, MOST_ROWS, rows, inputs) else {
            return Ok(None);
        };
        let weights = prepared.get_or(Order::new(Algorithm::Channels, lanes::<A>(level)), &mut || {
            widths.pack(&without_denormals(&in_order(&weights), bias.as_deref(), inputs), outputs, inputs)
        });
        let products = rows as f64 * outputs as f64 * inputs as f64;
        let threads = threads_for(products);
        // Each worker reads all of what it does not share out.
        let units = |by_outputs| if by_outputs { outputs.div_ceil(widths.0[0]) } else { rows.div_ceil(tiles[0]) };
        let largest = |units: usize| units.div_ceil(threads.min(units)) as f64 / units as f64;
        let by_outputs = match largest(units(true)).total_cmp(&largest(units(false))) {
            Ordering::Equal => outputs > rows,
            order => order.is_lt(),
        };
        let unit = if by_outputs { widths.0[0] } else { tiles[0] };
        let piece = units(by_outputs).div_ceil(threads) * unit;
        let workers = threads.min((if by_outputs { outputs } else { rows }).div_ceil(piece));
        // Room to begin at a cache line, panels, and sums that wait to be stored.
        let of_worker = cache::LINE + panels.numbers() + gemm::sums_length::<A>(level, panels.most_pixels());
        element_count::<A>(&[workers, of_worker])?;
        Ok(Some(Self {
            level,
            weights,
            bias: bias.map(Arc::new),
            activation,
            inputs,
            outputs,
            widths,
            panels: Arc::new(panels),
            by_outputs,
            piece,
            workers,
            of_worker,
        }))
    }
}

impl<A: Kernels> Dense<A> {
    /// Computes `[row, output]` from `[row, input]`, both row by row.
    pub(super) fn run(&self, input: &[A], output: &mut [A], scratch: &mut [A]) {
        let rows = input.len() / self.inputs;
        let mut output =
            ArrayViewMut2::from_shape((rows, self.outputs), output).expect("the plan has checked the shape");
        let workers = scratch.chunks_exact_mut(self.of_worker).take(self.workers);
        let axis = Axis(usize::from(self.by_outputs));
        let pieces = output.axis_chunks_iter_mut(axis, self.piece).enumerate();
        share(workers, pieces, |scratch, (piece, output)| {
            let (count, of_piece) = output.dim();
            let first = piece * self.piece;
            let (rows, outputs) = match self.by_outputs {
                true => (0..count, first..first + of_piece),
                false => (first..first + count, 0..of_piece),
            };
            self.piece(&input[rows.start * self.inputs..rows.end * self.inputs], outputs, output, scratch);
        });
    }

    /// Some outputs of some rows.
    fn piece(&self, input: &[A], outputs: Range<usize>, mut output: ArrayViewMut2<'_, A>, scratch: &mut [A]) {
        let before = cache::before_line(scratch);
        let (panels, sums) = scratch[before..].split_at_mut(self.panels.numbers());
        let mut rows = output.outer_iter_mut();
        for block in self.panels.blocks(input.len() / self.inputs) {
            let (count, pixels) = (block.pixels.len(), &input[block.pixels.start * self.inputs..]);
            let of_block = rows.by_ref().take(count);
            let places = of_block.map(|row| row.into_slice().expect("outputs of a row lie side by side"));
            let mut places: ArrayVec<_, MOST_ROWS> = places.collect();
            // A single row is a panel as it is.
            let panels = if count == 1 {
                pixels
            } else {
                let transpose = Transpose { block: &block, rows: pixels, depth: self.inputs, into: &mut *panels };
                panels::transpose_rows(self.level, transpose);
                &*panels
            };
            self.filters(&block, panels, &outputs, &mut places, sums);
        }
    }

    /// The blocks of filters of a block of rows.
    fn filters(&self, block: &PixelBlock, panels: &[A], outputs: &Range<usize>, rows: &mut [&mut [A]], sums: &mut [A]) {
        let mut weights = &self.weights[outputs.start * self.inputs..];
        let mut done = 0;
        while done < outputs.len() {
            let width = self.widths.next(outputs.len() - done);
            let filters = width.min(outputs.len() - done);
            let of_block;
            (of_block, weights) = weights.split_at(width * self.inputs);
            let first = outputs.start + done;
            let bias = self.bias.as_ref().map(|bias| &bias[first..first + filters]);
            gemm::compute(
                self.level,
                GemmBlock {
                    along: Along::Filters,
                    panels,
                    distance: block.distance,
                    tile: block.tile,
                    last_tile: block.last_tile,
                    pixels: block.pixels.len(),
                    depth: self.inputs,
                    weights: of_block,
                    width,
                    filters,
                    epilogue: Epilogue { bias, activation: self.activation, quads: None },
                    target: Target::Rows { rows: &mut *rows, first: done },
                    sums: &mut *sums,
                },
            );
            done += width;
        }
    }
}
