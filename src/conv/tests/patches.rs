//! Large square windows, whose sums roll down a patch where a register has two halves.

use super::cases::{Case, plain};
use super::check;
use crate::Float;
use crate::conv::Algorithm;
use crate::conv::problem::Problem;
use crate::conv::rows::is_narrow;
use crate::simd::{has_two_halves, kernel_levels};

/// Maps of one row and of many, of two registers of columns and of more, and one whose last rows end before a tile does.
#[test]
fn large_square_windows_are_the_reference() {
    for (seed, (size, input)) in
        [(5, [19, 23]), (5, [30, 16]), (5, [5, 41]), (7, [21, 19]), (7, [7, 33])].into_iter().enumerate()
    {
        for padding in [0, size / 2] {
            let case = Case {
                groups: 3,
                channels: 1,
                filters: 1 + seed % 2,
                size: [size; 2],
                input: [input[0], input[1] + size - 1 - 2 * padding],
                padding: [(padding, padding); 2],
                bias: seed % 3 > 0,
                relu: padding > 0,
                seed: seed as u64,
                ..plain()
            };
            check(&case);
            let conv = case.conv(f32::from_f64, f32::from_f64);
            let layer = conv.layer(&case.input_shape()).expect("the case fits");
            let problem = Problem::new(&layer, case.groups, case.mode).expect("it has two axes");
            assert!(Algorithm::Rows.suits(&problem));
            let [_, rows, columns] = &problem.axes;
            for level in kernel_levels().into_iter().filter(|&level| has_two_halves::<f32>(level)) {
                assert!(!is_narrow::<f32>(rows, columns, level), "{case:?}");
            }
        }
    }
}
