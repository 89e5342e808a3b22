//! Consistent hashing on a ring (ketama), point by point as Envoy's, so that both send a key to the same endpoint.

use super::Share;
use crate::hash_policy::xx_hash_64;
use std::fmt::Write;

/// Envoy's default of `maximum_ring_size`.
pub const MAXIMUM_SIZE: u64 = 8 * 1024 * 1024;

/// Points on a ring of hashes, each of one endpoint; a request belongs to the next point at or after its hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ring {
    /// Hash and position of the endpoint, by hash.
    points: Vec<(u64, u32)>,
}

impl Ring {
    /// The ring of `shares`, with at least `minimum_size` points in all, divided by weight. The endpoint with the least
    /// weight has a whole number of them.
    pub(super) fn new(shares: &[Share], minimum_size: u64) -> Self {
        let Some(least) = shares.iter().map(|share| share.part).reduce(f64::min) else { return Self::default() };
        let minimum_size = minimum_size.min(MAXIMUM_SIZE) as f64;
        let scale = ((least * minimum_size).ceil() / least).min(MAXIMUM_SIZE as f64);
        let mut points = Vec::with_capacity(scale.ceil() as usize);
        let (mut made, mut target) = (0.0, 0.0);
        for share in shares {
            target += scale * share.part;
            let mut key = format!("{}_", share.address);
            let (address, mut number) = (key.len(), 0);
            while made < target {
                key.truncate(address);
                // Writing to a string cannot fail.
                let _ = write!(key, "{number}");
                points.push((xx_hash_64(key.as_bytes(), 0), share.index));
                number += 1;
                made += 1.0;
            }
        }
        points.sort_unstable_by_key(|point| point.0);
        Self { points }
    }

    /// The position of the endpoint for `hash`; `attempt` counts the draws before, whose endpoints were not wanted.
    pub(super) fn choose(&self, hash: u64, attempt: u32) -> Option<u32> {
        let length = self.points.len();
        let next = self.points.partition_point(|point| point.0 < hash).checked_rem(length)?;
        self.points.get((next + attempt as usize) % length).map(|point| point.1)
    }
}
