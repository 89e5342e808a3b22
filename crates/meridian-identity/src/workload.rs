//! What a workload shows to its peers, and whom it trusts.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A workload's certificate with its key, and the mesh's roots. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkloadCertificate {
    /// The certificate and those between it and the root, as PEM.
    pub chain: String,
    /// The private key in PKCS#8, as PEM.
    pub key: String,
    /// Whom it trusts in the mesh, as PEM.
    pub roots: String,
    /// From when it is valid.
    pub not_before: SystemTime,
    /// Until when it is valid.
    pub not_after: SystemTime,
}

impl WorkloadCertificate {
    /// Reads the validity out of the first certificate of `chain`; `None` when that is none.
    pub fn new(chain: String, key: String, roots: String) -> Option<Self> {
        let leaf = meridian_tls::certificate::first_of_pem(chain.as_bytes())?;
        let time = |seconds: i64| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?));
        Some(Self { not_before: time(leaf.not_before)?, not_after: time(leaf.not_after)?, chain, key, roots })
    }

    /// When a new one is to take its place: at half of its life.
    pub fn renewal(&self) -> SystemTime {
        self.not_before + self.not_after.duration_since(self.not_before).unwrap_or_default() / 2
    }
}

impl fmt::Debug for WorkloadCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadCertificate")
            .field("chain", &self.chain)
            .field("key", &"(hidden)")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
