//! Certificates, authorities and revocation lists, parsed once however many chains and clusters use them, and again
//! when they change.
//!
//! Lives on the control thread. Everything parsed has a number of its own; a chain is made anew when one of the numbers
//! that it was made from is another now. The number changes with the content only.

use super::TlsError;
use meridian_ir::tls::{
    FILE_AUTHORITY, FILE_CERTIFICATE, MESH_AUTHORITY, PeerValidation, SYSTEM_AUTHORITY, WORKLOAD_CERTIFICATE,
};
use meridian_ir::{Authority, Name, ProxyConfig, Secret};
use meridian_tls::{RevocationList, Trust, load_pair, load_revocation_lists, load_trust};
use rustls::sign::CertifiedKey;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Numbers of what something was made from.
pub(crate) type Materials = SmallVec<[u64; 4]>;

/// See the module.
#[derive(Debug, Default)]
pub struct TlsStore {
    pairs: HashMap<Name, Material<CertifiedKey>>,
    trusts: HashMap<Name, Material<Trust>>,
    lists: HashMap<Name, Material<Vec<RevocationList>>>,
    next: u64,
}

/// Something parsed.
#[derive(Debug)]
struct Material<T> {
    id: u64,
    value: Result<Arc<T>, TlsError>,
    source: Source,
}

/// Where it comes from.
#[derive(Debug)]
enum Source {
    /// The configuration has nothing of this name.
    Missing,
    Secret(Arc<Secret>),
    Authority(Arc<Authority>),
    Files(Vec<WatchedFile>),
    /// The operating system's; read once.
    System,
}

/// A file as it was when it was read.
#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    content: Result<Vec<u8>, String>,
}

/// What changes when a file is written or replaced.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    /// Of what `path` leads to, through symbolic links, by which mounted Secrets are replaced.
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        Some(Self { modified: metadata.modified().ok(), length: metadata.len(), inode })
    }
}

impl WatchedFile {
    fn read(path: &str) -> Self {
        // The stamp first: what is written in between is seen at the next look.
        let stamp = Stamp::of(Path::new(path));
        let content = std::fs::read(path).map_err(|error| error.to_string());
        Self { path: path.into(), stamp, content }
    }

    /// Looks again; whether the content is another.
    fn refresh(&mut self) -> bool {
        if Stamp::of(&self.path) == self.stamp {
            return false;
        }
        let again = Self::read(&self.path.to_string_lossy());
        let is_new = again.content != self.content;
        *self = again;
        is_new
    }

    fn bytes(&self) -> Result<&[u8], TlsError> {
        let error = |error: &String| TlsError::File(self.path.display().to_string(), error.clone());
        self.content.as_deref().map_err(error)
    }
}

impl Source {
    fn files(&mut self) -> &mut [WatchedFile] {
        match self {
            Self::Files(files) => files,
            _ => &mut [],
        }
    }
}

impl TlsStore {
    /// Forgets what `config` has changed. Whether that is anything.
    pub fn update(&mut self, config: &ProxyConfig) -> bool {
        let before = self.pairs.len() + self.trusts.len();
        self.pairs.retain(|name, material| match (&material.source, config.secrets.get(name)) {
            (Source::Secret(used), Some(now)) => Arc::ptr_eq(used, now) || used == now,
            (Source::Missing, None) | (Source::Files(_), _) => true,
            _ => false,
        });
        self.trusts.retain(|name, material| match (&material.source, config.authorities.get(name)) {
            (Source::Authority(used), Some(now)) => Arc::ptr_eq(used, now) || used == now,
            (Source::Missing, None) | (Source::Files(_) | Source::System, _) => true,
            _ => false,
        });
        self.pairs.len() + self.trusts.len() != before
    }

    /// Whether there are files to look at.
    pub fn has_files(&self) -> bool {
        let is_file = |source: &Source| matches!(source, Source::Files(_));
        self.pairs.values().any(|material| is_file(&material.source))
            || self.trusts.values().any(|material| is_file(&material.source))
            || !self.lists.is_empty()
    }

    /// Looks at the files again, and forgets what was made from those that changed. Whether that is anything.
    pub fn refresh_files(&mut self) -> bool {
        fn stays<T>(_: &Name, material: &mut Material<T>) -> bool {
            // Every file is looked at, so that two that changed together are one change.
            let changed = material.source.files().iter_mut().filter_map(|file| file.refresh().then_some(())).count();
            changed == 0
        }
        let before = self.pairs.len() + self.trusts.len() + self.lists.len();
        self.pairs.retain(stays);
        self.trusts.retain(stays);
        self.lists.retain(stays);
        self.pairs.len() + self.trusts.len() + self.lists.len() != before
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn load_pair(&mut self, name: &Name, config: &ProxyConfig) -> &Material<CertifiedKey> {
        if !self.pairs.contains_key(name) {
            let (value, source) = read_pair(name, config);
            let material = Material { id: self.id(), value: value.map(Arc::new), source };
            self.pairs.insert(name.clone(), material);
        }
        &self.pairs[name]
    }

    fn load_trust(&mut self, name: &Name, config: &ProxyConfig) -> &Material<Trust> {
        if !self.trusts.contains_key(name) {
            let (value, source) = read_trust(name, config);
            let material = Material { id: self.id(), value: value.map(Arc::new), source };
            self.trusts.insert(name.clone(), material);
        }
        &self.trusts[name]
    }

    fn load_lists(&mut self, path: &Name) -> &Material<Vec<RevocationList>> {
        if !self.lists.contains_key(path) {
            let file = WatchedFile::read(path);
            let error = |error| TlsError::Trust(path.clone(), error);
            let value = file.bytes().and_then(|text| load_revocation_lists(text).map_err(error));
            let material = Material { id: self.id(), value: value.map(Arc::new), source: Source::Files(vec![file]) };
            self.lists.insert(path.clone(), material);
        }
        &self.lists[path]
    }

    /// The number of a certificate.
    pub(super) fn pair_id(&mut self, name: &Name, config: &ProxyConfig) -> u64 {
        self.load_pair(name, config).id
    }

    /// A certificate with its key.
    pub(super) fn pair(&mut self, name: &Name, config: &ProxyConfig) -> Result<Arc<CertifiedKey>, TlsError> {
        self.load_pair(name, config).value.clone()
    }

    /// Adds the numbers of what peers are judged by.
    pub(super) fn add_validation(
        &mut self,
        validation: &PeerValidation,
        config: &ProxyConfig,
        materials: &mut Materials,
    ) {
        validation.authority.iter().for_each(|name| materials.push(self.load_trust(name, config).id));
        validation.crl_file.iter().for_each(|path| materials.push(self.load_lists(path).id));
    }

    /// The authorities of a validation; `None` where the chain is not verified.
    pub(super) fn trust_of(
        &mut self,
        validation: &PeerValidation,
        config: &ProxyConfig,
    ) -> Result<Option<Arc<Trust>>, TlsError> {
        validation.authority.as_ref().map(|name| self.load_trust(name, config).value.clone()).transpose()
    }

    /// The revocation lists of a validation's own file.
    pub(super) fn revocation_lists_of(
        &mut self,
        validation: &PeerValidation,
    ) -> Result<Option<Arc<Vec<RevocationList>>>, TlsError> {
        validation.crl_file.as_ref().map(|path| self.load_lists(path).value.clone()).transpose()
    }
}

fn read_pair(name: &Name, config: &ProxyConfig) -> (Result<CertifiedKey, TlsError>, Source) {
    let error = |error| TlsError::Pair(name.clone(), error);
    if let Some(paths) = name.strip_prefix(FILE_CERTIFICATE) {
        let Some((certificate, key)) = paths.split_once('~') else {
            return (Err(TlsError::MalformedFileName(name.clone())), Source::Files(Vec::new()));
        };
        let (certificate, key) = (WatchedFile::read(certificate), WatchedFile::read(key));
        let value = certificate.bytes().and_then(|chain| load_pair(chain, key.bytes()?).map_err(error));
        return (value, Source::Files(vec![certificate, key]));
    }
    match config.secrets.get(name) {
        Some(secret) => {
            let value = load_pair(&secret.certificate_chain, &secret.private_key).map_err(error);
            (value, Source::Secret(secret.clone()))
        }
        None if &**name == WORKLOAD_CERTIFICATE => (Err(TlsError::NoIdentity(name.clone())), Source::Missing),
        None => (Err(TlsError::MissingSecret(name.clone())), Source::Missing),
    }
}

fn read_trust(name: &Name, config: &ProxyConfig) -> (Result<Trust, TlsError>, Source) {
    let error = |error| TlsError::Trust(name.clone(), error);
    if &**name == SYSTEM_AUTHORITY {
        return (system_trust(), Source::System);
    }
    if let Some(path) = name.strip_prefix(FILE_AUTHORITY) {
        let file = WatchedFile::read(path);
        let value = file.bytes().and_then(|text| load_trust(text, b"").map_err(error));
        return (value, Source::Files(vec![file]));
    }
    match config.authorities.get(name) {
        Some(authority) => {
            let value = load_trust(&authority.certificates, &authority.revocation_lists).map_err(error);
            (value, Source::Authority(authority.clone()))
        }
        None if &**name == MESH_AUTHORITY => (Err(TlsError::NoIdentity(name.clone())), Source::Missing),
        None => (Err(TlsError::MissingAuthority(name.clone())), Source::Missing),
    }
}

/// What the operating system trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` say where it is, if it is elsewhere.
fn system_trust() -> Result<Trust, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a part of the system's authorities cannot be read");
    }
    let trust = Trust::of_system(found.certs);
    if trust.anchors.is_empty() { Err(TlsError::NoSystemAuthorities) } else { Ok(trust) }
}
