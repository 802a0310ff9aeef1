//! The one error type of the crate.

mod kinds;

use std::fmt;

pub use kinds::Error;

/// A `Result` whose error is [`Error`](enum@Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The same words, as they are what `unwrap` prints, and a `main` that returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first few names, and how many there are more.
fn list_some(names: &[String]) -> String {
    const FEW: usize = 8;
    match names.len().checked_sub(FEW) {
        _ if names.is_empty() => "none".into(),
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..FEW].join(", ")),
    }
}

/// `missing 0.bias, 1.weight; unexpected fc.weight`.
fn list_names(missing: &[String], unexpected: &[String]) -> String {
    let lists = [("missing", missing), ("unexpected", unexpected)].into_iter().filter(|(_, names)| !names.is_empty());
    lists.map(|(what, names)| format!("{what} {}", names.join(", "))).collect::<Vec<_>>().join("; ")
}
