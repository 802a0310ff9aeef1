//! All states of the lesson that can be reached by few choices, for tests.

use crate::filters::{self, FILTERS};
use crate::inputs::INPUTS;
use crate::lesson::Lesson;
use crate::steps::{Part, STEPS};

impl Lesson {
    /// All addresses that the lesson itself leads to: each step, and in the steps with maps every input, filter, padding and pooling,
    /// one changed at a time.
    pub fn presets() -> Vec<String> {
        let ids = STEPS.iter().filter(|step| step.part != Part::Cost).map(|step| step.id.to_owned());
        let mut presets: Vec<String> = ids.filter(|id| id != "own-picture").collect();
        let colours = filters::find("sobel-vertical").map_or_else(String::new, |filter| filter.repeated(1, 3));
        presets.push(format!("photo&filters={colours}&input=photo-colours"));
        let mut vary = |change: &dyn Fn(&mut Lesson) -> Result<(), String>, base: &str| {
            let mut lesson = Lesson::new();
            lesson.open(base);
            if change(&mut lesson).is_ok() {
                presets.push(lesson.address());
            }
        };
        for base in ["convolution-shrinks", "photo"] {
            for filter in &FILTERS {
                vary(&|lesson| lesson.set("filter", filter.id), base);
            }
        }
        for input in INPUTS.iter().filter(|input| input.id != "own" && !input.id.starts_with("photo")) {
            vary(&|lesson| lesson.set("input", input.id), "convolve-relu-pool");
        }
        for word in ["max", "min", "average", "l2", "global-max", "global-min", "global-average", "global-l2"] {
            for base in ["convolve-relu-pool", "max-pooling", "rounding-up", "digit", "photo"] {
                vary(&|lesson| lesson.set("pool", word), base);
            }
        }
        for mode in ["zeros", "reflect", "replicate", "circular"] {
            vary(&|lesson| lesson.set("conv-mode", mode), "padding-modes");
            vary(&|lesson| lesson.set("conv-mode", mode).and_then(|()| lesson.set("conv-padding", "same")), "digit");
        }
        presets
    }
}
