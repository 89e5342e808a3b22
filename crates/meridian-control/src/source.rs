//! The annotation that ties an object to the line of the file that says it.

use meridian_resources::Source;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// In which file of the configuration folder an object is written, and on which line: `edge.yaml:7`.
pub const SOURCE_ANNOTATION: &str = "meridian.dev/config-source";

/// The object with its source noted.
pub(crate) fn annotate(mut object: Value, source: &Source) -> Value {
    let annotations = &mut object["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = Value::Object(Map::new());
    }
    annotations[SOURCE_ANNOTATION] = source.to_string().into();
    object
}

/// The file that an object came from, if it came from one.
pub(crate) fn file(annotations: &BTreeMap<String, String>) -> Option<&str> {
    let source = annotations.get(SOURCE_ANNOTATION)?;
    Some(source.rsplit_once(':').map_or(source, |(file, _)| file))
}

/// The file and line that an object came from, if it came from one.
pub(crate) fn of(annotations: &BTreeMap<String, String>) -> Option<Source> {
    let (file, line) = annotations.get(SOURCE_ANNOTATION)?.rsplit_once(':')?;
    Some(Source { file: file.into(), line: line.parse().ok()? })
}
