//! What the tests over shared data have in common.

use meridian_resources::{Resource, decode};
use serde_json::Value;
use std::path::PathBuf;

/// The folder of shared data, or `None`, loudly, when it is not there; in continuous integration that is a failure.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MERIDIAN_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join(part);
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
