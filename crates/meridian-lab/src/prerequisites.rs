//! What the machine must have before a lab can be built.

use std::env;
use std::path::PathBuf;

use crate::error::Error;
use crate::tool;

/// The programs that a lab needs, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("curl", "curl"),
    ("dnsmasq", "dnsmasq-base"),
    ("ip", "iproute2"),
    ("kubectl", "kubectl"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("python3", "python3"),
    ("setpriv", "util-linux"),
];

/// Where `cargo xtask setup` puts Envoy, in the folder of a user's caches.
const ENVOY: &str = "meridian/envoy-1.40.0";

/// The Envoy that labs run: the one that is `named`, else the one that `cargo xtask setup` fetches.
///
/// # Errors
/// [`Error::Prerequisite`] when it is not there.
pub fn envoy(named: Option<PathBuf>) -> Result<PathBuf, Error> {
    let caches = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let program = named.or_else(|| Some(caches?.join(ENVOY)));
    program.filter(|program| program.is_file()).ok_or_else(|| {
        Error::Prerequisite("there is no Envoy: `cargo xtask setup` fetches it, or name it in ENVOY".to_owned())
    })
}

/// Checks that labs can be built here.
///
/// # Errors
/// [`Error::Prerequisite`] with the remedy: not root, or programs are missing.
pub fn check() -> Result<(), Error> {
    if !rustix::process::geteuid().is_root() {
        let reason = "network namespaces need root: run as root, or with `sudo -E env PATH=$PATH`";
        return Err(Error::Prerequisite(reason.to_owned()));
    }
    let missing: Vec<_> =
        PROGRAMS.iter().filter(|(program, _)| !tool::is_installed(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Prerequisite(format!("missing: {}; `cargo xtask setup` installs them", missing.join(", "))))
}
