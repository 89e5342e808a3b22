//! What a proxy has made of what it was sent.

use crate::kind::PerKind;
use crate::{Kind, resource};
use meridian_ir::{Name, Origin, ProxyConfig};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Responses that are waiting for an answer; older ones are taken as answered by the next.
const MOST_IN_FLIGHT: usize = 64;

/// How far a proxy is with one type. Versions are those of [`ProxyConfig::version`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of the last response; zero: none was sent.
    pub sent: u64,
    /// Of the last response that was accepted; zero: none was.
    pub acknowledged: u64,
    /// Whether the last answer was a rejection.
    pub is_rejected: bool,
}

/// A resource that a proxy does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its type.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// The proxy's reason.
    pub reason: Arc<str>,
    /// The objects that it was made from.
    pub origins: Vec<Origin>,
}

/// Answers of one proxy, by type.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    kinds: PerKind<OfKind>,
    next_nonce: u64,
}

#[derive(Debug, Clone, Default)]
struct OfKind {
    progress: Progress,
    in_flight: VecDeque<Response>,
    rejected: BTreeMap<Name, Rejected>,
}

#[derive(Debug, Clone)]
struct Response {
    nonce: String,
    version: u64,
    names: Vec<Name>,
    config: Arc<ProxyConfig>,
}

impl Outcome {
    /// Notes a response with these resources, and names it.
    pub(crate) fn sent(&mut self, kind: Kind, names: Vec<Name>, config: &Arc<ProxyConfig>) -> String {
        self.next_nonce += 1;
        let nonce = self.next_nonce.to_string();
        let own = &mut self.kinds[kind];
        own.progress.sent = config.version;
        if own.in_flight.len() == MOST_IN_FLIGHT {
            own.in_flight.pop_front();
        }
        own.in_flight.push_back(Response {
            nonce: nonce.clone(),
            version: config.version,
            names,
            config: config.clone(),
        });
        nonce
    }

    /// The proxy has come with everything that it is to have.
    pub(crate) fn is_current(&mut self, kind: Kind, version: u64) {
        self.kinds[kind].progress = Progress { sent: version, acknowledged: version, is_rejected: false };
    }

    /// Takes in the answer to the response of that name. `error` is the proxy's reason to reject it. Whether something
    /// else is rejected now than before.
    pub(crate) fn answered(&mut self, kind: Kind, nonce: &str, error: Option<&str>) -> bool {
        let own = &mut self.kinds[kind];
        let Some(position) = own.in_flight.iter().position(|response| response.nonce == nonce) else { return false };
        own.in_flight.drain(..position);
        let Some(response) = own.in_flight.pop_front() else { return false };
        own.progress.is_rejected = error.is_some();
        if error.is_none() {
            own.progress.acknowledged = response.version;
        }
        let mut changed = false;
        let guilty = error.map(|reason| guilty(&response.names, reason)).unwrap_or_default();
        for name in &response.names {
            let is_guilty = guilty.contains(&name);
            changed |= match error.filter(|_| is_guilty) {
                None => own.rejected.remove(name).is_some(),
                Some(reason) => {
                    let origins = resource::origins(kind, name, &response.config);
                    let rejected = Rejected { kind, name: name.clone(), reason: reason.into(), origins };
                    own.rejected.insert(name.clone(), rejected.clone()).as_ref() != Some(&rejected)
                }
            };
        }
        changed
    }

    /// Resources that are not sent any more are not rejected any more. Whether there were any.
    pub(crate) fn forget(&mut self, kind: Kind, names: &[Name]) -> bool {
        let own = &mut self.kinds[kind];
        names.iter().filter(|name| own.rejected.remove(*name).is_some()).count() > 0
    }

    /// How far the proxy is with a type.
    #[must_use]
    pub fn progress(&self, kind: Kind) -> Progress {
        self.kinds[kind].progress
    }

    /// What it does not accept.
    #[must_use]
    pub fn rejected(&self) -> Vec<Rejected> {
        Kind::ALL.iter().flat_map(|kind| self.kinds[*kind].rejected.values()).cloned().collect()
    }
}

/// The resources that a reason is about: the only one; else those that it names; else it is about them all. A name that
/// is part of a longer one which the reason names too is not meant.
fn guilty<'n>(names: &'n [Name], reason: &str) -> Vec<&'n Name> {
    let named: Vec<&Name> = names.iter().filter(|name| is_named(name, reason)).collect();
    if names.len() == 1 || named.is_empty() { names.iter().collect() } else { named }
}

fn is_named(name: &str, reason: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '|' | '/' | '.');
    reason.match_indices(name).any(|(start, _)| {
        let after = &reason[start + name.len()..];
        // A dot or a dash that ends a sentence is none of a name.
        let goes_on = after.starts_with(is_part) && after[1..].starts_with(is_part);
        !reason[..start].ends_with(is_part) && !goes_on && !after.starts_with(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_about_what_it_names() {
        let names: Vec<Name> = ["0.0.0.0_80", "0.0.0.0_8080", "virtualInbound"].map(Name::from).to_vec();
        for (reason, expected) in [
            ("Error adding/updating listener(s) 0.0.0.0_8080: address already in use", vec!["0.0.0.0_8080"]),
            ("0.0.0.0_80: bad. virtualInbound: worse.", vec!["0.0.0.0_80", "virtualInbound"]),
            ("out of memory", vec!["0.0.0.0_80", "0.0.0.0_8080", "virtualInbound"]),
        ] {
            let found: Vec<&str> = guilty(&names, reason).into_iter().map(|name| &**name).collect();
            assert_eq!(found, expected, "{reason}");
        }
    }

    #[test]
    fn an_answer_ends_what_an_earlier_one_said() {
        let config = |version| Arc::new(ProxyConfig { version, ..ProxyConfig::default() });
        let mut outcome = Outcome::default();
        let first = outcome.sent(Kind::Route, vec!["a".into(), "b".into()], &config(1));
        assert!(outcome.answered(Kind::Route, &first, Some("routes a: no")));
        assert_eq!(outcome.rejected().iter().map(|one| &*one.name).collect::<Vec<_>>(), ["a"]);
        let rejected = Progress { sent: 1, acknowledged: 0, is_rejected: true };
        assert_eq!(outcome.progress(Kind::Route), rejected);
        // Another resource says nothing of that one.
        let second = outcome.sent(Kind::Route, vec!["b".into()], &config(2));
        assert!(!outcome.answered(Kind::Route, &second, None));
        assert_eq!(outcome.rejected().len(), 1);
        let third = outcome.sent(Kind::Route, vec!["a".into()], &config(3));
        assert!(!outcome.answered(Kind::Route, "0", None), "nobody has sent that");
        assert!(outcome.answered(Kind::Route, &third, None));
        assert!(outcome.rejected().is_empty());
        assert_eq!(outcome.progress(Kind::Route), Progress { sent: 3, acknowledged: 3, is_rejected: false });
    }
}
