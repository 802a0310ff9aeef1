//! The formula for the size of a map, with its numbers put in.

use featuremap::{Axis, Padding};

use crate::operation::{Convolution, Operation, Pooling};

/// The formula for the rows and that for the columns; none where a map has the size of the one before.
pub(crate) fn formulas(operation: &Operation, axes: &[Axis; 2]) -> Option<[String; 2]> {
    let (padding, ceil) = match operation {
        Operation::Convolution(Convolution { padding, .. }) => (*padding, false),
        Operation::Pooling(Pooling { padding, ceil, .. }) => (*padding, *ceil),
        Operation::Relu | Operation::Global(_) | Operation::Unpooling(_) => return None,
    };
    Some(axes.map(|axis| formula(&axis, padding, ceil)))
}

fn formula(axis: &Axis, padding: Padding<2>, ceil: bool) -> String {
    let (length, size, stride, outputs) = (axis.length(), axis.size(), axis.stride(), axis.outputs());
    let (before, after) = (axis.before(), axis.after());
    if matches!(padding, Padding::Same | Padding::SameLower) {
        return format!("⌈{length}/{stride}⌉ = {outputs}, with {before} + {after} of padding");
    }
    let padded = if before == after { format!("2·{before}") } else { format!("{before} + {after}") };
    let (extent, window) = match axis.dilation() {
        1 => (size, size.to_string()),
        dilation => (dilation * (size - 1) + 1, format!("({dilation}·({size} − 1) + 1)")),
    };
    let room = (length + before + after).cast_signed() - extent.cast_signed();
    let exact = quotient(room, stride);
    let (open, close) = if ceil { ('⌈', '⌉') } else { ('⌊', '⌋') };
    let mut text = format!("{open}({length} + {padded} − {window})/{stride}{close} + 1");
    if stride > 1 {
        text += &format!(" = {open}{exact}{close} + 1");
    }
    // Rounding up, a last window that would start behind all pixels is left out.
    let rounded_up = room.max(0).cast_unsigned().div_ceil(stride) + 1;
    if ceil && rounded_up > outputs {
        text += " − 1 (a window that would start behind the pixels)";
    }
    text + &format!(" = {outputs}")
}

/// With two digits after the point at most.
fn quotient(room: isize, stride: usize) -> String {
    let exact = room as f64 / stride as f64;
    let text = format!("{exact:.2}").replace('-', "−");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use featuremap::Window;

    use super::*;

    fn of(window: Window<1>, length: usize, padding: Padding<2>, ceil: bool) -> String {
        let geometry = window.ceil_mode(ceil).geometry([length]).expect("the window fits");
        formula(&geometry.axes()[0], padding, ceil)
    }

    #[test]
    fn the_numbers_of_the_notes_are_put_in() {
        let window = Window::new([3]);
        assert_eq!(of(window, 5, Padding::Valid, false), "⌊(5 + 2·0 − 3)/1⌋ + 1 = 3");
        let padded = Padding::Explicit([(1, 1); 2]);
        assert_eq!(of(window.padding(1), 5, padded, false), "⌊(5 + 2·1 − 3)/1⌋ + 1 = 5");
        assert_eq!(of(window.stride(2), 6, Padding::Valid, false), "⌊(6 + 2·0 − 3)/2⌋ + 1 = ⌊1.5⌋ + 1 = 2");
        assert_eq!(of(window.stride(2), 6, Padding::Valid, true), "⌈(6 + 2·0 − 3)/2⌉ + 1 = ⌈1.5⌉ + 1 = 3");
    }

    #[test]
    fn dilation_and_same_padding_have_formulas_of_their_own() {
        let window = Window::new([3]);
        assert_eq!(of(window.dilation(2), 7, Padding::Valid, false), "⌊(7 + 2·0 − (2·(3 − 1) + 1))/1⌋ + 1 = 3");
        let same = window.stride(2).padding(Padding::Same);
        assert_eq!(of(same, 6, Padding::Same, false), "⌈6/2⌉ = 3, with 0 + 1 of padding");
    }

    #[test]
    fn a_window_that_is_left_out_is_told() {
        let window = Window::new([2]).stride(3);
        let text = of(window, 3, Padding::Valid, true);
        assert_eq!(text, "⌈(3 + 2·0 − 2)/3⌉ + 1 = ⌈0.33⌉ + 1 − 1 (a window that would start behind the pixels) = 1");
    }
}
