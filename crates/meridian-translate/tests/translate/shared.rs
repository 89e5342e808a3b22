//! Data that is shared with other projects, and lies beside this one.

use meridian_resources::{Resource, decode};
use serde_json::Value;
use std::path::PathBuf;

/// The file or folder `part` of the shared data, or `None`, loudly, when it is not there; in continuous integration
/// that is a failure.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let path = std::env::var_os("MERIDIAN_SHARED").map_or_else(beside, PathBuf::from).join(part);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is not there", path.display());
    eprintln!("SKIPPED: {} is not there; set MERIDIAN_SHARED to the folder of shared data", path.display());
    None
}

/// The typed form of an object.
pub(crate) fn resource(object: &Value) -> Resource {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kind = meridian_resources::by_api_version_kind(text("apiVersion"), text("kind"))
        .unwrap_or_else(|| panic!("no kind for {} {}", text("apiVersion"), text("kind")));
    decode(kind, object).unwrap_or_else(|errors| panic!("{object}: {errors:?}"))
}
