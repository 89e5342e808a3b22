//! The rules for dependencies that stand in `deny.toml`, held against what is really built.
//!
//! `cargo deny check` reads the same file and also knows advisories, but takes minutes to install; this needs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::licence;
use crate::workspace;

/// What this check reads of `deny.toml`.
#[derive(Debug, Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licences,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    #[serde(default)]
    deny: Vec<Named>,
    #[serde(default)]
    skip: Vec<Named>,
}

/// `{ crate = "name@version", reason = "..." }`
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// A crate that is part of a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
}

/// Everything that breaks a rule.
///
/// # Errors
/// When `deny.toml`, `Cargo.lock` or cargo's answer cannot be read.
pub(super) fn findings() -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(workspace::root().join("deny.toml")).context("deny.toml")?;
    let rules: Rules = toml::from_str(&text).context("deny.toml")?;
    let lock = fs::read_to_string(workspace::root().join("Cargo.lock")).context("Cargo.lock")?;
    let mut all = foreign_sources(&lock);
    all.extend(broken_rules(&rules, &built_crates(&rules.graph.targets)?)?);
    Ok(all)
}

/// The crates that are built for `targets`, with every kind of dependency.
fn built_crates(targets: &[String]) -> anyhow::Result<BTreeSet<Crate>> {
    let mut crates = BTreeSet::new();
    for target in targets {
        let words = [
            "tree",
            "--workspace",
            "--locked",
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
            "--format",
            "{p}\t{l}",
        ];
        let tree = workspace::output(workspace::cargo().args(words).args(["--target", target]))?;
        for line in tree.lines().filter(|line| !line.is_empty()) {
            crates.insert(parse(line).with_context(|| format!("cargo tree wrote {line:?}"))?);
        }
    }
    if crates.is_empty() {
        bail!("cargo tree named no crate");
    }
    Ok(crates)
}

/// Reads `name vVERSION (more)\tLICENCE (*)`.
fn parse(line: &str) -> Option<Crate> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let licence = licence.strip_suffix("(*)").unwrap_or(licence).trim();
    Some(Crate { name: name.to_owned(), version: version.to_owned(), licence: licence.to_owned() })
}

/// Packages of `Cargo.lock` that come neither from crates.io nor from this workspace.
fn foreign_sources(lock: &str) -> Vec<String> {
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let foreign = sources.filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"");
    foreign.map(|source| format!("Cargo.lock: {source} is not crates.io; dependencies come from there only")).collect()
}

/// What of `crates` breaks `rules`.
fn broken_rules(rules: &Rules, crates: &BTreeSet<Crate>) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Crate { name, version, licence } in crates {
        versions.entry(name).or_default().push(version);
        let allowed = |one: &str| rules.licenses.allow.contains(one);
        match licence::is_met(licence, &allowed) {
            Ok(true) => {}
            Ok(false) => all.push(format!("{name} {version}: licence {licence:?} is not allowed by deny.toml")),
            Err(e) => all.push(format!("{name} {version}: licence {licence:?} cannot be read: {e}")),
        }
        if let Some(ban) = rules.bans.deny.iter().find(|ban| ban.name == *name) {
            all.push(format!("{name} {version}: banned by deny.toml: {}", ban.reason));
        }
    }
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let is_skipped = |version: &str| rules.bans.skip.iter().any(|skip| skip.name == format!("{name}@{version}"));
        if versions.iter().filter(|version| !is_skipped(version)).count() > 1 {
            all.push(format!(
                "{name}: {} at once; agree on one, or list the others under bans.skip",
                versions.join(" and ")
            ));
        }
    }
    let is_superfluous = |skip: &&Named| {
        let (name, version) = skip.name.split_once('@').unwrap_or((&skip.name, ""));
        versions.get(name).is_none_or(|versions| versions.len() < 2 || !versions.contains(&version))
    };
    let unneeded = rules.bans.skip.iter().filter(is_superfluous);
    all.extend(unneeded.map(|skip| {
        format!("deny.toml: bans.skip lists {} ({}), which is no duplicate any more", skip.name, skip.reason)
    }));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
[graph]
targets = ["x86_64-unknown-linux-gnu"]
[licenses]
allow = ["MIT"]
[bans]
deny = [{ crate = "ring", reason = "one crypto library" }]
skip = [{ crate = "syn@2.0.1", reason = "tracing" }]
"#;

    fn findings(crates: &[&str]) -> Vec<String> {
        let crates = crates.iter().map(|line| parse(line).unwrap()).collect();
        broken_rules(&toml::from_str(RULES).unwrap(), &crates).unwrap()
    }

    #[test]
    fn duplicates_bans_and_licences_are_found() {
        assert!(
            findings(&["syn v2.0.1\tMIT", "syn v3.0.0 (proc-macro)\tMIT (*)", "a v1.0.0 (/home/a)\tGPL-3.0 OR MIT"])
                .is_empty()
        );
        assert_eq!(
            findings(&[
                "syn v2.0.1\tMIT",
                "syn v3.0.0\tMIT",
                "a v1.0.0\tMIT",
                "a v2.0.0\tMIT",
                "b v1.0.0\tGPL-3.0",
                "ring v1.0.0\tMIT",
                "c v1.0.0\t"
            ]),
            [
                "b 1.0.0: licence \"GPL-3.0\" is not allowed by deny.toml",
                "c 1.0.0: licence \"\" cannot be read: the end where a licence was expected",
                "ring 1.0.0: banned by deny.toml: one crypto library",
                "a: 1.0.0 and 2.0.0 at once; agree on one, or list the others under bans.skip",
            ]
        );
        assert_eq!(
            findings(&["syn v3.0.0\tMIT"]),
            ["deny.toml: bans.skip lists syn@2.0.1 (tracing), which is no duplicate any more"]
        );
    }

    #[test]
    fn only_crates_io_is_a_source() {
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"git+https://example.com/a?rev=1#1\"\n";
        assert_eq!(
            foreign_sources(lock),
            ["Cargo.lock: \"git+https://example.com/a?rev=1#1\" is not crates.io; dependencies come from there only"]
        );
    }
}
