//! What a workload shows to its peers, and whom it trusts.

use std::fmt;
use std::time::{Duration, SystemTime};

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(60);

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

    /// Waits until this machine's clock says that a new one is to take its place, `earlier` before
    /// [`renewal`](Self::renewal), or that it is not valid yet. The clock is looked at every minute, since clocks jump and
    /// machines sleep; a certificate that is not valid yet is not given up sooner, in case the clock of who made it is
    /// ahead.
    pub async fn until_due(&self, earlier: Duration) {
        loop {
            let left = self.left(SystemTime::now(), earlier);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
            if SystemTime::now() < self.not_before {
                return;
            }
        }
    }

    /// The time from `now` until `earlier` before the renewal.
    pub(crate) fn left(&self, now: SystemTime, earlier: Duration) -> Duration {
        self.renewal().duration_since(now).unwrap_or_default().saturating_sub(earlier)
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
