//! The table of operators in the documentation.

pub(crate) fn check() -> Vec<String> {
    Vec::new()
}
