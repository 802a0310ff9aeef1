//! Numbers of tensors that lie in files of their own beside the model, as PyTorch's exporter writes them.

use std::collections::HashMap;
use std::path::{Component, Path};

use prost::Message;
use prost::bytes::Bytes;

use super::proto::TensorPlace;

/// The bytes of all tensors that lie in other files, by their names. Those files lie in the folder of the model, or in one below it.
pub(super) fn read(folder: &Path, initializers: &HashMap<String, Bytes>) -> Result<HashMap<String, Bytes>, String> {
    let mut files: HashMap<String, Bytes> = HashMap::new();
    let mut found = HashMap::new();
    for (name, message) in initializers {
        // What cannot be read is refused when a node takes it.
        let Ok(place) = TensorPlace::decode(message.clone()) else { continue };
        if place.data_location != 1 {
            continue;
        }
        let entry = |key: &str| place.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value[..]);
        let location =
            entry("location").ok_or_else(|| format!("the tensor {name} lies in a file that is not named"))?;
        if !files.contains_key(location) {
            files.insert(location.into(), file(folder, location)?);
        }
        let number = |key| entry(key).map(str::parse::<usize>).transpose();
        let misfit = || format!("the tensor {name} does not lie within the file {location}");
        let (offset, length) = (number("offset").map_err(|_| misfit())?, number("length").map_err(|_| misfit())?);
        let bytes = &files[location];
        let start = offset.unwrap_or(0);
        let end = length.map_or(Some(bytes.len()), |length| start.checked_add(length));
        match end.filter(|&end| start <= end && end <= bytes.len()) {
            Some(end) => found.insert(name.clone(), bytes.slice(start..end)),
            None => return Err(misfit()),
        };
    }
    Ok(found)
}

/// A file of the folder; a model may not name any other.
fn file(folder: &Path, location: &str) -> Result<Bytes, String> {
    let path = Path::new(location);
    if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(format!("it names the file {location}, which is not in its folder"));
    }
    let path = folder.join(path);
    match std::fs::metadata(&path) {
        Ok(metadata) if !metadata.is_file() => Err(format!("{} is no file", path.display())),
        Ok(_) => std::fs::read(&path).map(Bytes::from).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) => Err(format!("its numbers lie in {}: {error}", path.display())),
    }
}
