//! What the integration tests share.

use std::path::PathBuf;

/// A file or folder of the shared material, which lies beside the workspace or where `MERIDIAN_SHARED` says.
///
/// Without it there is nothing to judge by: the test says so loudly and is skipped, or fails when `CI` is set.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("MERIDIAN_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let wanted = root.join(path);
    if wanted.exists() {
        return Some(wanted);
    }
    let message = format!("{} does not exist; set MERIDIAN_SHARED to the folder of shared material", wanted.display());
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("\n*** SKIPPED: {message} ***\n");
    None
}
