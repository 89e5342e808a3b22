//! What the machine must have before a lab can be built.

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
