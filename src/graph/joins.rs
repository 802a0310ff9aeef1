//! Where sums, products and values one after the other are computed: in place, wherever that may be.

use super::Join;
use super::planner::{Planner, Way, count};
use super::steps::Action;
use crate::Element;

impl<T: Element> Planner<'_, '_, T> {
    /// A sum or a product: where one of the two lies, if nobody else needs that one.
    pub(super) fn join(&mut self, node: usize, join: Join) {
        let inputs = &self.flat.nodes[node].inputs;
        let shape = self.shape(node + 1);
        let &[one, other] = &inputs[..] else { return };
        let whole = |&value: &usize| self.shape(value) == shape;
        // What was computed last is still in cache.
        let onto = [other, one].into_iter().filter(whole).find(|&value| self.may_change(value));
        let (buffer, operand, bytes) = match onto {
            Some(value) => (self.buffer_of[value], if value == one { other } else { one }, 0),
            None => {
                let first = if whole(&one) { one } else { other };
                let buffer = self.new_buffer(count(shape));
                self.draft(node, Action::Copy(None), first, buffer);
                (buffer, if first == one { other } else { one }, self.bytes(node + 1))
            }
        };
        self.draft(node, Action::Join(join), operand, buffer);
        self.computed(node, buffer, Way::new(if bytes == 0 { "in place" } else { "copied" }, bytes));
    }

    /// Branches side by side: those that lie in one piece of the result are computed where they belong, others are copied.
    pub(super) fn concat(&mut self, node: usize, axis: usize) {
        let shape = self.shape(node + 1);
        let inner = count(&shape[axis + 1..]);
        let in_one_piece = shape[..axis].iter().all(|&length| length == 1);
        let target = self.new_buffer(count(shape));
        let mut first = 0;
        for &input in &self.flat.nodes[node].inputs {
            let (buffer, length) = (self.buffer_of[input], self.shape(input)[axis]);
            let is_free = self.buffers[buffer].within.is_none() && self.may_change(input);
            if in_one_piece && is_free {
                self.buffers[buffer].within = Some((target, first * inner));
                self.buffers[target].has_parts = true;
            } else if length > 0 {
                self.draft(node, Action::Copy(Some((axis, first..first + length))), input, target);
            }
            first += length;
        }
        self.computed(node, target, Way::new("in place", self.bytes(node + 1)));
    }
}
