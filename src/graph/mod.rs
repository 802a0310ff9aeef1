//! [`Graph`]: modules as the nodes of a network, planned as a whole.
//!
//! ```text
//!     flat       nested graphs as one list of nodes and values, with shapes, in the order in which they are computed
//!     planner    what is computed together, and what in place: steps from buffer to buffer
//!     joins      where sums, products and what is put side by side are computed
//!     cut fused  two modules in bands of rows, which stay in cache
//!     layout     how long buffers are needed, and which of them are the caller's
//!     memory     where the others lie: those that are not needed at the same time share memory
//!     steps      what a plan runs
//! ```

mod cut;
mod flat;
mod fused;
mod in_place;
mod joins;
pub(crate) mod kept;
mod layout;
mod memory;
mod planner;
mod steps;

use crate::module::{Graph, GraphNode, Join, Plan, Value, Work};
use crate::{Element, Result};
pub(crate) use cut::BAND_BYTES;
pub(crate) use flat::{Flat, Line};
pub(crate) use planner::{Planned, Way};

impl<T: Element> Graph<'_, T> {
    /// A plan for inputs of one shape, all memory taken.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`](crate::Error::Layer), with what is wrong, for the first node that its inputs do not fit;
    /// [`Error::Value`](crate::Error::Value) for a value of another graph; otherwise as [`Module::plan`](crate::Module::plan).
    pub fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.plan_in(input_shape, BAND_BYTES)
    }

    /// The same with bands of so many bytes.
    pub(crate) fn plan_in(&self, input_shape: &[usize], room: usize) -> Result<Plan<T>> {
        let flat = Flat::new(self, input_shape)?;
        Ok(Planned::new(&flat, room)?.into_plan(&flat))
    }

    /// The shape of the output for an input of this shape.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    pub fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        flat::output_shape(self, input)
    }

    /// Multiplications by a parameter of all nodes; 0 for an input that does not fit.
    pub fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        let Ok(shapes) = flat::shapes(self, input_shape) else { return 0 };
        let of_node = |node: &GraphNode<'_, T>| match &node.work {
            Work::Module(module) => shapes.get(node.inputs[0].0).map_or(0, |shape| module.multiply_adds(shape)),
            Work::Join(_) => 0,
        };
        self.nodes.iter().map(of_node).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests;
