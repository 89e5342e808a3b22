//! Choosing one of several: weighted clusters and endpoints. Functions of values; random numbers are passed in.

pub mod maglev;
mod picture;
pub mod priority;
pub mod ring_hash;
mod slow_start;

pub use picture::{Candidate, Choice, Picture, Settings};

use crate::route::{Forward, WeightedCluster};
use crate::tcp::{TcpProxy, WeightedName};
use crate::udp::UdpProxy;
use std::net::SocketAddr;

#[cfg(test)]
mod tests;

/// The position of one of `weights`, each taken as often as its share of their sum; `None` when that is zero.
pub fn pick_weighted(weights: &[u32], random: u64) -> Option<usize> {
    pick(weights.iter().copied(), random)
}

fn pick(weights: impl Iterator<Item = u32> + Clone, random: u64) -> Option<usize> {
    let total: u64 = weights.clone().map(u64::from).sum();
    if total == 0 {
        return None;
    }
    let mut left = scale(random, total);
    weights.into_iter().position(|weight| match left.checked_sub(weight.into()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    })
}

/// A number below `total` from 64 random bits, without the bias of a remainder.
fn scale(random: u64, total: u64) -> u64 {
    ((u128::from(random) * u128::from(total)) >> 64) as u64
}

impl Forward {
    /// The destination of one request. A route whose weights are all zero, which is not valid, goes to its first.
    pub fn pick_cluster(&self, random: u64) -> &WeightedCluster {
        match &self.clusters[..] {
            [only] => only,
            several => &several[pick(several.iter().map(|cluster| cluster.weight), random).unwrap_or(0)],
        }
    }
}

impl TcpProxy {
    /// The destination of one connection; see [`Forward::pick_cluster`].
    pub fn pick_cluster(&self, random: u64) -> &WeightedName {
        match &self.clusters[..] {
            [only] => only,
            several => &several[pick(several.iter().map(|cluster| cluster.weight), random).unwrap_or(0)],
        }
    }
}

impl UdpProxy {
    /// The destination of one session; see [`Forward::pick_cluster`]. `None` without clusters, which is not valid.
    pub fn pick_cluster(&self, random: u64) -> Option<&WeightedName> {
        let picked = pick(self.clusters.iter().map(|cluster| cluster.weight), random);
        self.clusters.get(picked.unwrap_or(0))
    }
}

/// What one endpoint gets of a ring or table.
#[derive(Debug, Clone, PartialEq)]
struct Share {
    /// Its position among the endpoints.
    index: u32,
    address: SocketAddr,
    /// Its weight as a part of one.
    part: f64,
}

/// The weights of a cluster's endpoints, prepared so that a choice is fast however many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weights {
    /// Running sums; empty when all weights are equal.
    sums: Vec<u64>,
    count: usize,
    /// Distance between consecutive turns of round robin in the range of the sums.
    stride: u64,
}

impl Weights {
    /// Weights of zero count as one: an endpoint that must not be used is left out instead.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let weights: Vec<u32> = weights.into_iter().map(|weight| weight.max(1)).collect();
        let count = weights.len();
        if weights.windows(2).all(|pair| pair[0] == pair[1]) {
            return Self { sums: Vec::new(), count, stride: 1 };
        }
        let running = |sum: &mut u64, weight: u32| {
            *sum += u64::from(weight);
            Some(*sum)
        };
        let sums: Vec<u64> = weights.into_iter().scan(0, running).collect();
        let stride = interleaving_stride(sums.last().copied().unwrap_or(1));
        Self { sums, count, stride }
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// At random, by weight (`RANDOM`); `None` when there is no endpoint.
    pub fn random(&self, random: u64) -> Option<usize> {
        match self.sums.last() {
            Some(total) => Some(self.at(scale(random, *total))),
            None if self.count == 0 => None,
            None => Some(scale(random, self.count as u64) as usize),
        }
    }

    /// In turn, by weight (`ROUND_ROBIN`): as many consecutive `turn`s as the weights sum up to give each endpoint its
    /// weight exactly, spread evenly. A worker that counts its own turns starts at a random one.
    pub fn round_robin(&self, turn: u64) -> Option<usize> {
        match self.sums.last() {
            Some(total) => {
                let position = u128::from(turn) * u128::from(self.stride) % u128::from(*total);
                Some(self.at(position as u64))
            }
            None if self.count == 0 => None,
            None => Some((turn % self.count as u64) as usize),
        }
    }

    /// Of two endpoints drawn at random, by weight, the one with fewer active requests for its weight
    /// (`LEAST_REQUEST` with `choice_count` 2). When both are equally busy the first drawn is taken, so that an idle
    /// cluster is used by weight.
    pub fn least_request(&self, random: u64, active: impl Fn(usize) -> u32) -> Option<usize> {
        let (first, second) = self.two(random)?;
        if first == second {
            return Some(first);
        }
        let load = |own: usize, other: usize| u64::from(active(own)).saturating_mul(self.weight(other));
        Some(if load(second, first) < load(first, second) { second } else { first })
    }

    /// Two draws: different endpoints when all weigh the same, independent ones otherwise.
    fn two(&self, random: u64) -> Option<(usize, usize)> {
        let (high, low) = (random & 0xffff_ffff_0000_0000, random << 32);
        if !self.sums.is_empty() || self.count < 2 {
            return Some((self.random(high)?, self.random(low)?));
        }
        let first = scale(high, self.count as u64) as usize;
        let other = scale(low, self.count as u64 - 1) as usize;
        Some((first, if other < first { other } else { other + 1 }))
    }

    fn weight(&self, index: usize) -> u64 {
        match (self.sums.get(index), index.checked_sub(1)) {
            (Some(sum), Some(before)) => sum - self.sums[before],
            (Some(sum), None) => *sum,
            (None, _) => 1,
        }
    }

    /// The endpoint whose share of the sums holds `position`.
    fn at(&self, position: u64) -> usize {
        self.sums.partition_point(|sum| *sum <= position)
    }
}

/// A step near the golden section of `total` without a common divisor, so that its multiples visit every number below
/// `total` once and neighbours in time are far apart.
fn interleaving_stride(total: u64) -> u64 {
    let golden = (total as f64 * 0.618_033_988_749_895) as u64;
    (golden.max(1)..=total).find(|stride| greatest_common_divisor(*stride, total) == 1).unwrap_or(1)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
