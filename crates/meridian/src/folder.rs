//! Where `meridian up` keeps its objects when it is not told.

use std::path::PathBuf;

/// `meridian` in the XDG data folder; `None` when neither `XDG_DATA_HOME` nor `HOME` says where that is. XDG base
/// directory specification: a relative path counts as unset.
pub(crate) fn default_data() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(home.join("meridian"))
}
