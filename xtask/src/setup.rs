//! `cargo xtask setup`: installs what is missing.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace;

pub(crate) mod envoy;
mod h2spec;
mod kubectl;
pub(crate) mod kubernetes;

/// The programs that tests, scenarios and benchmarks call, and the Debian packages that bring them.
///
/// No linker is among them: on this platform the compiler brings a fast one.
const PROGRAMS: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("curl", "curl"),
    ("dnsmasq", "dnsmasq-base"),
    ("faketime", "faketime"),
    ("git", "git"),
    ("h2load", "nghttp2-client"),
    ("haproxy", "haproxy"),
    ("ip", "iproute2"),
    ("iptables-restore", "iptables"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("python3", "python3"),
    ("setpriv", "util-linux"),
    ("strace", "strace"),
    ("wrk", "wrk"),
];

/// Installs what is missing; does nothing where everything is there.
///
/// # Errors
/// Says what could not be installed, and how to do it by hand.
pub(crate) fn run() -> anyhow::Result<()> {
    let missing: Vec<_> =
        PROGRAMS.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    if find("kubectl").is_none() {
        kubectl::build()?;
    }
    h2spec::build()?;
    kubernetes::build()?;
    envoy::install()?;
    println!("everything that tests, scenarios and benchmarks need is installed");
    Ok(())
}

/// Where `program` lies: in `PATH`, in an administrator's folder, or in our own.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = [Some("/usr/sbin".into()), Some("/sbin".into()), own_programs().ok()];
    env::split_paths(&path)
        .chain(more.into_iter().flatten())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// `PATH` with our own folder of programs behind it.
///
/// # Errors
/// There is no cache folder.
pub(crate) fn path() -> anyhow::Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(env::split_paths(&path).chain([own_programs()?])).context("PATH cannot be extended")
}

/// The folder for programs that the distribution does not have; the scenario runner looks there too.
fn own_programs() -> anyhow::Result<PathBuf> {
    Ok(cache()?.join("bin"))
}

/// The folder for what can be made again.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("meridian"))
}

/// Installs Debian packages, without a question.
///
/// # Errors
/// They cannot be installed; the message says which and how to do it by hand.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    let by_hand = format!("install {} with the distribution's package manager", packages.join(", "));
    if find("apt-get").is_none() {
        bail!("there is no apt-get here; {by_hand}");
    }
    println!("installing {}", packages.join(", "));
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        workspace::run(command.args(words).env("DEBIAN_FRONTEND", "noninteractive")).with_context(|| by_hand.clone())
    };
    let all: Vec<_> = ["install", "--yes", "--no-install-recommends"].iter().chain(packages).copied().collect();
    // The lists may be old or absent, and fetching them takes longer than most installations.
    apt(&all).or_else(|_| apt(&["update"]).and_then(|()| apt(&all)))
}
