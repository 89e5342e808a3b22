//! Names that are asked for when a connection to them is made (`Discovery::DynamicForward`): answers are kept for
//! their time to live, and longer while asking again fails.

use meridian_ir::Name;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names that are kept; one that was not asked for longest goes first (Envoy's `max_hosts`).
const MOST_NAMES: usize = 1024;
/// How long after its time an answer is still good while asking again fails.
const STALE: Duration = Duration::from_secs(3600);
/// How long it is remembered that a name cannot be resolved, so that nobody can make a proxy ask without end.
const FAILURE: Duration = Duration::from_secs(2);
/// Bounds of the time to live.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// What is known of a name.
pub(super) type Known = Result<Arc<[IpAddr]>, Arc<str>>;

/// Answers by name.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: Mutex<HashMap<Name, Entry>>,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    until: Instant,
    used: Instant,
}

impl Cache {
    /// The answer for `name`, as long as it is good.
    pub(super) fn get(&self, name: &str, now: Instant) -> Option<Known> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get_mut(name).filter(|entry| now < entry.until)?;
        entry.used = now;
        Some(entry.known.clone())
    }

    /// Takes in an answer; what is good from now on is returned, which is an earlier answer where this is a failure.
    pub(super) fn put(&self, name: Name, answer: Result<(Vec<IpAddr>, Duration), String>, now: Instant) -> Known {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, until) = match answer {
            Ok((addresses, ttl)) => (Ok(addresses.into()), now + ttl.clamp(SHORTEST, LONGEST)),
            Err(error) => match entries.get(&name) {
                Some(Entry { known: Ok(known), until, .. }) if now < *until + STALE => {
                    // Not pushed further away than it was: its end is that of the answer itself.
                    return Ok(known.clone());
                }
                _ => (Err(error.into()), now + FAILURE),
            },
        };
        if entries.len() >= MOST_NAMES && !entries.contains_key(&name) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone());
            oldest.map(|oldest| entries.remove(&oldest));
        }
        entries.insert(name, Entry { known: known.clone(), until, used: now });
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(last: u8, ttl: u64) -> Result<(Vec<IpAddr>, Duration), String> {
        Ok((vec![IpAddr::from([192, 0, 2, last])], Duration::from_secs(ttl)))
    }

    #[test]
    fn answers_are_good_for_their_time_and_longer_while_asking_fails() {
        let (cache, start) = (Cache::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        cache.put("a".into(), answer(1, 10), start).unwrap();
        assert!(cache.get("a", after(9)).is_some());
        assert!(cache.get("a", after(10)).is_none());
        let stale = cache.put("a".into(), Err("no".into()), after(11)).unwrap();
        assert_eq!(stale[0], IpAddr::from([192, 0, 2, 1]));
        assert!(cache.put("a".into(), Err("no".into()), after(10 + 3600)).is_err());
        assert!(cache.get("a", after(10 + 3601)).unwrap().is_err(), "the failure is remembered");
        assert!(cache.get("a", after(10 + 3602)).is_none());
    }

    #[test]
    fn the_name_that_nobody_asked_for_longest_goes_first() {
        let (cache, start) = (Cache::default(), Instant::now());
        for number in 0..=MOST_NAMES {
            let now = start + Duration::from_millis(number as u64);
            cache.put(number.to_string().into(), answer(1, 3600), now).unwrap();
            cache.get("0", now);
        }
        let later = start + Duration::from_secs(10);
        assert!(cache.get("0", later).is_some() && cache.get("1", later).is_none());
        assert!(cache.get(&MOST_NAMES.to_string(), later).is_some());
    }
}
