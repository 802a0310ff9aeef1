//! The lesson on convolution and pooling: its state, and every number on its page, computed with `featuremap`.
//!
//! A page draws what a [`Lesson`] says, and tells it what has been chosen. Nothing here knows of a browser, so all that the page shows
//! can be computed, and tested, anywhere.
#![forbid(unsafe_code)]

mod chain;
mod code;
mod cost;
mod filters;
mod formula;
mod inputs;
mod lesson;
mod look;
mod operation;
mod planes;
mod presets;
mod settings;
mod shift;
mod steps;
mod view;

pub use lesson::Lesson;
