//! The data folder: where it is, and what `up` writes into it beside the store.

use anyhow::Context;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The data folder, made (mode 0700) when it does not exist: `--data`, or `meridian` in the XDG data folder.
///
/// # Errors
/// It cannot be made, or neither `--data`, `XDG_DATA_HOME` nor `HOME` says where.
pub(super) fn folder(option: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = match option {
        Some(folder) => folder.to_owned(),
        None => crate::folder::default_data()
            .context("neither HOME nor XDG_DATA_HOME says where objects may live; name a folder with --data")?,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("cannot make the data folder {}; choose another with --data", folder.display()))?;
    folder.canonicalize().with_context(|| folder.display().to_string())
}

/// Writes `kubeconfig` (mode 0600) for the API at `address`, and says where it is.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_kubeconfig(data: &Path, address: SocketAddr) -> anyhow::Result<PathBuf> {
    let mut reachable = address;
    if reachable.ip().is_unspecified() {
        reachable.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    let text = meridian_apiserver::kubeconfig(&format!("http://{reachable}"));
    let path = data.join("kubeconfig");
    let new = data.join("kubeconfig.new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        // A reader sees the old file or the new one, never half of it.
        std::fs::rename(&new, &path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
