//! The worked examples of two sets of handwritten notes, "Padding & Strides" and "Pooling layer", done with `featuremap`.
//!
//! With the notes in hand, read along:
//!
//! ```text
//! cargo run --example worked_examples            # all 14 items
//! cargo run --example worked_examples -- 3 11    # only items 3 and 11
//! ```
//!
//! The items come in the order of the notes, and each is one function: 1 to 3 in `padding.rs`, 4 to 6 in `strides.rs`,
//! 7, 8 and 12 (what pooling is for) in `purpose.rs`, the other poolings in `pooling.rs`. A function computes its item with
//! the public API, prints it, and holds every figure against the notes. Where the notes slip, it shows the right figure
//! and says what the notes have. A figure that does not come out ends the program with an error that names it.
//!
//! Rows and columns are counted from 0, so (0, 1) is the second cell of the first row. As everywhere in deep learning the
//! filter is not flipped: the sign ⋆ is a cross-correlation.

mod check;
mod notes;
mod padding;
mod pooling;
mod print;
mod purpose;
mod strides;

use std::error::Error;
use std::process::ExitCode;

use check::Checks;
use print::{heading, say};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

struct Item {
    part: &'static str,
    title: &'static str,
    work_out: fn(&mut Checks) -> Result,
}

const fn item(part: &'static str, title: &'static str, work_out: fn(&mut Checks) -> Result) -> Item {
    Item { part, title, work_out }
}

/// Item 1 comes first.
const ITEMS: [Item; 14] = [
    item("Padding", "Convolution shrinks", padding::convolution_shrinks),
    item("Padding", "Two problems", padding::two_problems),
    item("Padding", "Padding solves both", padding::padding_solves_both),
    item("Strides", "How far the window moves", strides::how_far_the_window_moves),
    item("Strides", "The floor rule", strides::floor_rule),
    item("Strides", "Larger strides cost less and see less", strides::larger_strides),
    item("Pooling", "Why: memory", purpose::memory),
    item("Pooling", "Why: translation variance", purpose::translation_variance),
    item("Pooling", "Convolve, ReLU, pool", pooling::convolve_relu_pool),
    item("Pooling", "Max pooling and its sisters", pooling::max_pooling_and_its_sisters),
    item("Pooling", "Volumes", pooling::volumes),
    item("Pooling", "Advantages", purpose::advantages),
    item("Pooling", "Global pooling", pooling::global_pooling),
    item("Pooling", "A disadvantage, and what gives the places back", pooling::places_given_back),
];

fn main() -> ExitCode {
    match chosen_items().and_then(|numbers| work_through(&numbers)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The item numbers on the command line; all of them if there are none.
fn chosen_items() -> Result<Vec<usize>> {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .map(|argument| match argument.parse() {
            Ok(number) if (1..=ITEMS.len()).contains(&number) => Ok(number),
            _ => Err(format!("the notes have items 1 to {}; there is no item {argument:?}", ITEMS.len())),
        })
        .collect::<std::result::Result<_, _>>()?;
    Ok(if numbers.is_empty() { (1..=ITEMS.len()).collect() } else { numbers })
}

fn work_through(numbers: &[usize]) -> Result {
    say("Places are (row, column), counted from 0. The sign ⋆ is the convolution of deep learning: the filter is not \
         flipped.");
    let mut checks = Checks::default();
    for &number in numbers {
        let Item { part, title, work_out } = &ITEMS[number - 1];
        heading(&format!("{number} · {part} · {title}"));
        checks.begin_item(number);
        work_out(&mut checks)?;
    }
    heading("In the end");
    say(&format!("{} figures were checked, and all came out right.", checks.passed()));
    if numbers.len() == ITEMS.len() {
        say(
            "Where the notes slip: in item 1 the line of nine products miscopies some factors; in item 7 the batch of 100 \
             takes 1.90 GiB where the notes have 1.59 GB; in item 9 the filter has lost its minus signs. In item 3 the \
             notes leave the map blank: here it is filled in.",
        );
    }
    Ok(())
}
