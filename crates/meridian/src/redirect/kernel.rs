//! Running `nft`, `iptables-restore` and `ip6tables-restore`.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use meridian_redirect::nftables::Place;
use meridian_redirect::rules::{Family, Rules, Table};
use meridian_redirect::{iptables, nftables};

/// The number of `CAP_NET_ADMIN` among the capabilities of a process.
const CAP_NET_ADMIN: u32 = 12;
/// How many seconds to wait for another program that changes rules.
const LOCK_LIMIT: &str = "10";

/// A program that sets rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// `nft`.
    Nftables,
    /// `iptables-restore` and `ip6tables-restore`.
    Iptables,
}

/// The two families with the names of their programs.
const FAMILIES: [(Family, &str); 2] = [(Family::V4, "iptables"), (Family::V6, "ip6tables")];

impl Backend {
    /// All, the best first.
    pub(crate) const ALL: [Self; 2] = [Self::Nftables, Self::Iptables];

    /// The package that brings it.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::Iptables => "iptables",
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        match self {
            Self::Nftables => find("nft").is_some(),
            Self::Iptables => find("iptables-restore").is_some(),
        }
    }

    /// What [`Self::apply`] would give to the program on a machine without rules.
    pub(crate) fn dry_run(self, rules: &Rules, place: &Place) -> String {
        match self {
            Self::Nftables => nftables::apply(rules, place),
            Self::Iptables => {
                let text = |(family, program)| {
                    format!(
                        "# {program}-restore --noflush\n{}",
                        iptables::apply(rules, family, &iptables::State::default())
                    )
                };
                FAMILIES.map(text).concat()
            }
        }
    }

    /// Makes `rules` the only ones of ours.
    pub(crate) fn apply(self, rules: &Rules, place: &Place) -> anyhow::Result<()> {
        match self {
            Self::Nftables => run("nft", &["-f", "-"], &nftables::apply(rules, place)).map(drop),
            Self::Iptables => restore(rules),
        }
    }

    /// Takes all rules of ours away.
    pub(crate) fn clean(self, place: &Place) -> anyhow::Result<()> {
        match self {
            Self::Nftables => run("nft", &["-f", "-"], &nftables::clean(place)).map(drop),
            Self::Iptables => restore(&Rules::default()),
        }
    }

    /// The rules of ours that the kernel has, in the program's own words; empty when there are none.
    pub(crate) fn show(self, place: &Place) -> anyhow::Result<String> {
        match self {
            Self::Nftables => {
                let tables = run("nft", &["list", "tables"], "")?;
                let ours = Table::ALL.map(|table| place.table(table));
                let ours = ours.iter().filter(|name| tables.lines().any(|line| line == format!("table {name}")));
                let list = |name: &String| {
                    let words: Vec<_> = ["list", "table"].into_iter().chain(name.split(' ')).collect();
                    run("nft", &words, "")
                };
                ours.map(list).collect()
            }
            Self::Iptables => {
                let shown = present().into_iter().map(|(_, program)| {
                    let text = state(program)?.show();
                    Ok(if text.is_empty() { text } else { format!("# {program}-save\n{text}") })
                });
                shown.collect()
            }
        }
    }
}

/// The families that this network namespace has.
fn present() -> Vec<(Family, &'static str)> {
    let has = |family| family == Family::V4 || Path::new("/proc/net/if_inet6").exists();
    FAMILIES.into_iter().filter(|(family, _)| has(*family)).collect()
}

fn state(program: &str) -> anyhow::Result<iptables::State> {
    Ok(iptables::State::read(&run(&format!("{program}-save"), &[], "")?))
}

/// Changes both families, or neither when one would be refused.
fn restore(rules: &Rules) -> anyhow::Result<()> {
    let mut texts = Vec::new();
    for (family, program) in present() {
        texts.push((format!("{program}-restore"), iptables::apply(rules, family, &state(program)?)));
    }
    texts.retain(|(_, text)| !text.is_empty());
    let options = ["--noflush", "--wait", LOCK_LIMIT];
    for (program, text) in &texts {
        run(program, &[options.as_slice(), &["--test"]].concat(), text)?;
    }
    texts.iter().try_for_each(|(program, text)| run(program, &options, text).map(drop))
}

/// Says what is missing before a program says it in its own way.
///
/// # Errors
/// This process may not change the rules of its network namespace.
pub(crate) fn require_privilege() -> anyhow::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    if has_capability(&status, CAP_NET_ADMIN) {
        return Ok(());
    }
    bail!("the kernel's rules can be seen and changed with CAP_NET_ADMIN only: run this as root, for example with sudo")
}

/// Whether the line `CapEff` of a process's status has capability `number`.
fn has_capability(status: &str, number: u32) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set >> number & 1 == 1)
}

/// Where `program` lies: in `PATH`, or in an administrator's folder.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(more).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs `program` with `input` on its standard input and returns its output.
///
/// # Errors
/// It is missing, or it failed: with what it said.
fn run(program: &str, words: &[&str], input: &str) -> anyhow::Result<String> {
    let Some(file) = find(program) else { bail!("{program} is not installed") };
    let mut child = Command::new(file)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends before it has read everything says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("cannot wait for {program}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    bail!("{program}: {}", words.trim())
}

#[cfg(test)]
mod tests {
    use super::{CAP_NET_ADMIN, has_capability};

    #[test]
    fn a_capability_is_a_bit() {
        for (status, has) in [
            ("Name:\ta\nCapEff:\t000001ffffffffff\n", true),
            ("CapEff:\t0000000000001000\n", true),
            ("CapEff:\t0000000000000fff\n", false),
            ("CapPrm:\t0000000000001000\n", false),
        ] {
            assert_eq!(has_capability(status, CAP_NET_ADMIN), has, "{status}");
        }
    }
}
