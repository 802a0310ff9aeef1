//! Versions of the engines, from the lock file that they were built by.

/// The version of a package; all of them, should there be several.
pub fn of(package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let lines: Vec<&str> = include_str!("../Cargo.lock").lines().collect();
    let versions = lines.windows(2).filter(|pair| pair[0] == name);
    let versions = versions.filter_map(|pair| pair[1].strip_prefix("version = "));
    versions.map(|version| version.trim_matches('"')).collect::<Vec<_>>().join(", ")
}
