//! The API's own certificate authority, the certificate that it serves with, and the certificates of its users.
//!
//! They live in a folder of their own beside the store, under the names that Kubernetes gives them: `ca.crt` and
//! `ca.key`, `apiserver.crt` and `apiserver.key`. Keys have mode 0600 and the folder has 0700. The authority is not that
//! of the mesh: who may change routes and who may be called are different questions.

mod files;
mod issue;
#[cfg(test)]
mod tests;

pub use files::{narrow, write_private};

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use meridian_tls::certificate;
use rustls::sign::CertifiedKey;

use issue::Authority;

/// How long the authority is valid (kubeadm: 10 years).
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * DAY);
/// How long other certificates are valid (kubeadm: a year).
pub const LIFETIME: Duration = Duration::from_secs(365 * DAY);
/// A certificate is renewed when it ends within this time.
pub const RENEWAL: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 24 * 3600;

/// Names by which an API server is known inside a cluster, and on its own machine.
const NAMES: [&str; 8] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "meridian",
];

/// Why the certificates of the API cannot be had. The messages show nothing of the keys.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The authority's files are damaged.
    #[error(
        "{}: {reason}; put back both ca.crt and ca.key, or delete both to have a new authority, which ends every kubeconfig made so far",
        path.display()
    )]
    Authority {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no authority yet.
    #[error("{}: there is no authority of the API; start `meridian up` with this data folder first", .0.display())]
    Missing(PathBuf),
    /// A certificate cannot be made.
    #[error("a certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
    /// TLS cannot be set up with them.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// A certificate and its private key, as PEM. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).field("key", &"(hidden)").finish()
    }
}

/// The certificates of an API. Clones share them.
#[derive(Debug, Clone)]
pub struct Pki {
    folder: PathBuf,
    names: Arc<[String]>,
    authority: Arc<Authority>,
    serving: Arc<RwLock<Serving>>,
}

/// What the API serves with, and until when.
#[derive(Debug, Clone)]
struct Serving {
    pair: Arc<CertifiedKey>,
    end: SystemTime,
}

impl Pki {
    /// The certificates in a folder, made where they are missing, end soon, or do not say one of `names`: host names and
    /// addresses by which clients reach the API, besides this machine's usual ones.
    ///
    /// # Errors
    /// See [`PkiError`].
    pub fn open(folder: &Path, names: &[String], now: SystemTime) -> Result<Pki, PkiError> {
        files::make_folder(folder)?;
        let authority = match read_authority(folder)? {
            Some(authority) if !ends_soon(authority.certificate(), now) => authority,
            ended => {
                if ended.is_some() {
                    tracing::warn!(
                        "the API's authority ends: a new one is made; other kubeconfigs end with the old one"
                    );
                }
                make_authority(folder, now)?
            }
        };
        let mut all: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        for name in names {
            if !name.is_empty() && !all.contains(name) {
                all.push(name.clone());
            }
        }
        let serving = serving(folder, &authority, &all, now)?;
        let serving = Arc::new(RwLock::new(serving));
        Ok(Pki { folder: folder.to_owned(), names: all.into(), authority: Arc::new(authority), serving })
    }

    /// The authority's certificate as PEM: whom clients trust.
    pub fn authority(&self) -> &str {
        self.authority.certificate()
    }

    /// A certificate of [`LIFETIME`] by which a client is `user`, in a group.
    ///
    /// # Errors
    /// See [`PkiError`].
    pub fn issue_client(&self, user: &str, group: Option<&str>, now: SystemTime) -> Result<Pair, PkiError> {
        Ok(self.authority.client(user, group, now)?)
    }

    /// Renews the certificate that the API serves with, if it ends soon. New connections get the new one.
    ///
    /// # Errors
    /// See [`PkiError`]; the old one goes on.
    pub fn renew(&self, now: SystemTime) -> Result<(), PkiError> {
        let fresh = serving(&self.folder, &self.authority, &self.names, now)?;
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The certificate that is served now. One that has ended, since the clock has jumped, is renewed first.
    pub(crate) fn serving(&self, now: SystemTime) -> Arc<CertifiedKey> {
        if now > self.current().end
            && let Err(error) = self.renew(now)
        {
            tracing::warn!(%error, "the certificate of the API has ended, and could not be renewed");
        }
        self.current().pair
    }

    fn current(&self) -> Serving {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Makes client certificates with the authority of a folder, in another process than the API's.
#[derive(Debug)]
pub struct ClientAuthority(Authority);

impl ClientAuthority {
    /// Reads the authority of a folder.
    ///
    /// # Errors
    /// See [`PkiError`]; [`PkiError::Missing`] when no API was started there yet.
    pub fn open(folder: &Path) -> Result<ClientAuthority, PkiError> {
        let authority = read_authority(folder)?;
        authority.map(ClientAuthority).ok_or_else(|| PkiError::Missing(folder.to_owned()))
    }

    /// Whom clients trust, as PEM.
    pub fn certificate(&self) -> &str {
        self.0.certificate()
    }

    /// As [`Pki::issue_client`].
    ///
    /// # Errors
    /// See [`PkiError`].
    pub fn issue_client(&self, user: &str, group: Option<&str>, now: SystemTime) -> Result<Pair, PkiError> {
        Ok(self.0.client(user, group, now)?)
    }
}

/// Whether the first certificate of a PEM text ends within [`RENEWAL`], or cannot be read.
pub fn ends_soon(pem: &str, now: SystemTime) -> bool {
    end_of(pem).is_none_or(|end| end <= now + RENEWAL)
}

/// When the first certificate of a PEM text ends.
fn end_of(pem: &str) -> Option<SystemTime> {
    let leaf = certificate::first_of_pem(pem.as_bytes())?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(leaf.not_after).ok()?))
}

fn read_authority(folder: &Path) -> Result<Option<Authority>, PkiError> {
    let (crt, key) = (folder.join("ca.crt"), folder.join("ca.key"));
    let Some(certificate) = files::read(&crt)? else { return Ok(None) };
    let damaged = |reason: String| PkiError::Authority { path: crt.clone(), reason };
    let key_text = files::read(&key)?.ok_or_else(|| damaged("its key ca.key is missing".to_owned()))?;
    meridian_tls::check_pair(certificate.as_bytes(), key_text.as_bytes()).map_err(|e| damaged(e.to_string()))?;
    files::narrow(&key)?;
    Authority::read(Pair { certificate, key: key_text }).map(Some).map_err(|error| damaged(error.to_string()))
}

/// A new authority. Without its certificate a key counts for nothing, so an end in between leaves no half of one.
fn make_authority(folder: &Path, now: SystemTime) -> Result<Authority, PkiError> {
    files::remove(&folder.join("ca.crt"))?;
    let pair = Authority::generate(AUTHORITY_LIFETIME, now)?;
    write_private(&folder.join("ca.key"), &pair.key)?;
    write_private(&folder.join("ca.crt"), &pair.certificate)?;
    Ok(Authority::read(pair)?)
}

/// The certificate to serve with: that of the folder when it is good for a while, else a new one.
fn serving(folder: &Path, authority: &Authority, names: &[String], now: SystemTime) -> Result<Serving, PkiError> {
    let (crt, key) = (folder.join("apiserver.crt"), folder.join("apiserver.key"));
    if let (Some(certificate), Some(key_text)) = (files::read(&crt)?, files::read(&key)?)
        && !ends_soon(&certificate, now)
        && authority.has_signed(&certificate)
        && says_all(&certificate, names)
        && let Ok(serving) = load(&Pair { certificate, key: key_text })
    {
        files::narrow(&key)?;
        return Ok(serving);
    }
    let pair = authority.server(names, now)?;
    write_private(&key, &pair.key)?;
    write_private(&crt, &pair.certificate)?;
    load(&pair)
}

fn load(pair: &Pair) -> Result<Serving, PkiError> {
    let failed = |reason: String| PkiError::Tls(rustls::Error::General(reason));
    let loaded = meridian_tls::load_pair(pair.certificate.as_bytes(), pair.key.as_bytes());
    let loaded = loaded.map_err(|error| failed(error.to_string()))?;
    let end = end_of(&pair.certificate).ok_or_else(|| failed("apiserver.crt says no end".to_owned()))?;
    Ok(Serving { pair: Arc::new(loaded), end })
}

/// Whether a certificate is for all these names.
fn says_all(pem: &str, names: &[String]) -> bool {
    let Some(leaf) = certificate::first_of_pem(pem.as_bytes()) else { return false };
    names.iter().all(|name| leaf.alternative_names.iter().any(|own| own.as_str() == name))
}
