//! The oracle's files.

use meridian_xds::read::{self, ReadConfig, Resources, Unsupported};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

/// Paths, without indices, that the model has no place for in what Istio generates: its own extensions and telemetry,
/// and how sidecars keep addresses.
pub(crate) const UNSUPPORTED: [&str; 14] = [
    "cluster: altStatName",
    "cluster: cleanupInterval",
    "cluster: dnsLookupFamily",
    "cluster: filters",
    "cluster: metadata.filterMetadata.istio.external",
    "cluster: upstreamBindConfig.extraSourceAddresses",
    "listener: filterChains.filters",
    "listener: filterChains.filters.typedConfig.httpFilters",
    "listener: filterChains.filters.typedConfig.requestIdExtension",
    "listener: filterChains.filters.typedConfig.routeConfig.virtualHosts (no includeRequestAttemptCount where the model always has true)",
    "listener: filterChains.filters.typedConfig.routeConfig.virtualHosts.routes.decorator",
    "listener: filterChains.filters.typedConfig.tracing",
    "listener: filterChains.transportSocket.typedConfig.commonTlsContext.tlsCertificateSdsSecretConfigs.sdsConfig",
    "routes: virtualHosts (no includeRequestAttemptCount where the model always has true)",
];

/// All of it, read once.
pub(crate) struct Oracle {
    folder: PathBuf,
    raw: HashMap<String, Value>,
    configs: BTreeMap<String, ReadConfig>,
}

impl Oracle {
    /// Without the shared material, which lies beside the workspace or where `MERIDIAN_SHARED` says, the test is skipped
    /// loudly, or fails when `CI` is set.
    pub(crate) fn open() -> Option<Self> {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
        let root = std::env::var_os("MERIDIAN_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
        let folder = root.join("oracles/istio-simulation");
        if !folder.join("index.json").is_file() {
            let message = format!("{} is not there; set MERIDIAN_SHARED to the shared material", folder.display());
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("\n*** SKIPPED: {message} ***\n");
            return None;
        }
        let raw: HashMap<String, Value> = files(&folder.join("xds")).into_iter().collect();
        assert_eq!(raw.len(), 125, "generated configurations");
        let configs = raw.iter().map(|(hash, value)| (hash.clone(), read(value))).collect();
        Some(Self { folder, raw, configs })
    }

    /// Cases or checks, with their families.
    pub(crate) fn entries(&self, kind: &str) -> Vec<(String, Value)> {
        let entries = files(&self.folder.join(kind)).into_iter().flat_map(|(family, list)| match list {
            Value::Array(list) => list.into_iter().map(|entry| (family.clone(), entry)).collect::<Vec<_>>(),
            other => panic!("{family}: {other}"),
        });
        entries.collect()
    }

    /// What Istio generated for an entry, read.
    pub(crate) fn config(&self, entry: &Value) -> &ReadConfig {
        &self.configs[entry["xds"].as_str().expect("a hash")]
    }

    /// What Istio generated for an entry.
    pub(crate) fn raw(&self, entry: &Value) -> &Value {
        &self.raw[entry["xds"].as_str().expect("a hash")]
    }

    /// All that Istio generated.
    pub(crate) fn all_raw(&self) -> impl Iterator<Item = &Value> {
        self.raw.values()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &ReadConfig> {
        self.configs.values()
    }
}

fn read(value: &Value) -> ReadConfig {
    let list = |name: &str| value[name].as_array().expect("a list").as_slice();
    read::config(&Resources {
        listeners: list("listeners"),
        clusters: list("clusters"),
        routes: list("routes"),
        endpoints: list("endpoints"),
    })
}

/// The JSON files of a folder, by their names without ending, sorted.
fn files(folder: &Path) -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
        (file.file_stem().expect("a name").to_string_lossy().into_owned(), value)
    };
    files.into_iter().map(read).collect()
}

/// The kind of resource and the path of what is unsupported, without names and indices.
pub(crate) fn kind_of(one: &Unsupported) -> String {
    let (label, path) = one.path.split_once(": ").unwrap_or((&one.path, ""));
    let mut kind = label.split(' ').next().unwrap_or_default().to_owned();
    let (mut kept, mut inside) = (String::new(), false);
    for character in path.chars() {
        match character {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => {}
            other => kept.push(other),
        }
    }
    if !kept.is_empty() {
        kind = format!("{kind}: {kept}");
    }
    if one.found.starts_with("no ") { format!("{kind} ({})", one.found) } else { kind }
}

/// How many passed, by family.
#[derive(Default)]
pub(crate) struct Rates(BTreeMap<String, (usize, usize)>);

impl Rates {
    pub(crate) fn count(&mut self, family: &str, passed: bool) {
        let (good, all) = self.0.entry(family.to_owned()).or_default();
        *good += usize::from(passed);
        *all += 1;
    }

    pub(crate) fn total(&self) -> usize {
        self.0.values().map(|(_, all)| all).sum()
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (family, (good, all)) in &self.0 {
            writeln!(f, "{family:45} {good:4} of {all:4}")?;
        }
        let good: usize = self.0.values().map(|(good, _)| good).sum();
        write!(f, "{:45} {good:4} of {:4}", "total", self.total())
    }
}
