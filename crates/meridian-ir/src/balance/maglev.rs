//! Consistent hashing with a table (Maglev), entry by entry as Envoy's, so that both send a key to the same endpoint.

use super::Share;
use crate::hash_policy::xx_hash_64;

/// Envoy's largest `table_size`.
pub const MAXIMUM_SIZE: u64 = 5_000_011;

/// A table whose entries are divided among endpoints by weight; a request belongs to the entry of its hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maglev {
    /// Positions of endpoints.
    table: Vec<u32>,
}

/// An endpoint while the table is filled.
struct Filler {
    index: u32,
    offset: u64,
    skip: u64,
    next: u64,
    weight: f64,
    target: f64,
}

impl Maglev {
    /// The table of `shares`, `size` entries long: a prime, or the next one below is used. Endpoints take turns, in the order of their addresses as
    /// text; one with half of the greatest weight takes every other turn.
    pub(super) fn new(shares: &[Share], size: u64) -> Self {
        const FREE: u32 = u32::MAX;
        let size = prime_up_to(size.clamp(2, MAXIMUM_SIZE));
        let Some(greatest) = shares.iter().map(|share| share.part).reduce(f64::max) else { return Self::default() };
        let mut named: Vec<(String, &Share)> = shares.iter().map(|share| (share.address.to_string(), share)).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let filler = |(key, share): &(String, &Share)| Filler {
            index: share.index,
            offset: xx_hash_64(key.as_bytes(), 0) % size,
            skip: xx_hash_64(key.as_bytes(), 1) % (size - 1) + 1,
            next: 0,
            weight: share.part,
            target: 0.0,
        };
        let mut fillers: Vec<Filler> = named.iter().map(filler).collect();
        let mut table = vec![FREE; size as usize];
        let mut left = table.len();
        for round in 1u64.. {
            for filler in &mut fillers {
                if left == 0 {
                    return Self { table };
                }
                if round as f64 * filler.weight < filler.target {
                    continue;
                }
                filler.target += greatest;
                loop {
                    // Below two to the power of 46: neither factor is above the greatest size.
                    let entry = ((filler.offset + filler.skip * filler.next) % size) as usize;
                    filler.next += 1;
                    if table[entry] == FREE {
                        table[entry] = filler.index;
                        left -= 1;
                        break;
                    }
                }
            }
        }
        Self { table }
    }

    /// The position of the endpoint for `hash`; `attempt` counts the draws before, whose endpoints were not wanted.
    pub(super) fn choose(&self, hash: u64, attempt: u32) -> Option<u32> {
        let hash = if attempt > 0 { hash ^ (u64::MAX - u64::from(attempt) + 1) } else { hash };
        self.table.get(hash.checked_rem(self.table.len() as u64)? as usize).copied()
    }
}

/// The greatest prime that is not above `limit` (two at least). A step through the table visits every entry only when
/// the size is a prime.
fn prime_up_to(limit: u64) -> u64 {
    let divides = |number: u64| move |divisor: u64| number.is_multiple_of(divisor);
    let is_prime = |number: &u64| !(2..).take_while(|divisor| divisor * divisor <= *number).any(divides(*number));
    (2..=limit).rev().find(is_prime).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_become_primes() {
        for (size, prime) in [(2, 2), (4, 3), (11, 11), (65_537, 65_537), (65_536, 65_521), (5_000_011, 5_000_011)] {
            assert_eq!(super::prime_up_to(size), prime);
        }
    }
}
