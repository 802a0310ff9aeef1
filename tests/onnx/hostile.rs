//! Files that are not what they say.

pub(crate) fn check() -> Vec<String> {
    Vec::new()
}
