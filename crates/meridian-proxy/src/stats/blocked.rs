//! What was refused by policy: `meridian_blocked_total`, by reason and by the host or address that was wanted.

use super::{Sample, Value};
use std::collections::BTreeMap;

/// The cluster of what the registry does not know, where only what it knows may pass.
pub const BLACK_HOLE: &str = "BlackHoleCluster";

/// The route of requests that are refused for the same reason.
pub const BLOCK_ALL: &str = "block_all";

/// How many hosts are told apart; the others are counted together.
const MAX_HOSTS: usize = 1000;

/// Stands for every host beyond them.
const OTHERS: &str = "(others)";

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocked {
    /// `registry_only`: nothing in the registry has this host or address, and the outbound policy is REGISTRY_ONLY.
    RegistryOnly,
    /// `own_port`: it came to a port of the proxy itself, from where it could only come back.
    OwnPort,
    /// `no_filter_chain`: no chain of the listener takes such connections, such as plain text under STRICT.
    NoFilterChain,
}

impl Blocked {
    /// The value of the label `reason`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegistryOnly => "registry_only",
            Self::OwnPort => "own_port",
            Self::NoFilterChain => "no_filter_chain",
        }
    }
}

/// Counts of all workers: being refused is not what connections are made for, so that workers may share them.
#[derive(Debug, Default)]
pub(super) struct BlockedCounts(BTreeMap<(Blocked, String), u64>);

impl BlockedCounts {
    /// One more. `host` may be anything that a client said.
    pub(super) fn count(&mut self, reason: Blocked, host: &str) {
        let key = (reason, clean(host));
        if let Some(count) = self.0.get_mut(&key) {
            *count += 1;
            return;
        }
        let key = if self.0.len() < MAX_HOSTS { key } else { (reason, OTHERS.to_owned()) };
        *self.0.entry(key).or_default() += 1;
    }

    pub(super) fn samples(&self, samples: &mut Vec<Sample>) {
        samples.extend(self.0.iter().map(|((reason, host), count)| Sample {
            name: format!("meridian.blocked.{}.{host}", reason.name()),
            prometheus: "meridian_blocked_total".to_owned(),
            labels: vec![("reason", reason.name().to_owned()), ("host", host.clone())],
            value: Value::Counter(*count),
        }));
    }
}

/// A host as a label: in lower case, without its port, and only what host names and addresses are made of.
fn clean(host: &str) -> String {
    let without_port = match (host.rfind(':'), host.rfind(']')) {
        (Some(colon), Some(bracket)) if colon > bracket => &host[..colon],
        (Some(colon), None) if host.find(':') == Some(colon) => &host[..colon],
        _ => host,
    };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'*');
    let kept = without_port.bytes().filter(allowed).take(253).map(|byte| char::from(byte.to_ascii_lowercase()));
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_counted_without_port_and_without_what_no_host_has() {
        for (host, expected) in [
            ("WWW.Google.com", "www.google.com"),
            ("a.test:8080", "a.test"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("a\"}\nb", "ab"),
        ] {
            assert_eq!(clean(host), expected);
        }
    }

    #[test]
    fn there_are_only_so_many() {
        let mut counts = BlockedCounts::default();
        for number in 0..MAX_HOSTS + 5 {
            counts.count(Blocked::RegistryOnly, &format!("h{number}.test"));
        }
        counts.count(Blocked::RegistryOnly, "h0.test");
        let mut samples = Vec::new();
        counts.samples(&mut samples);
        let value = |host: &str| samples.iter().find(|sample| sample.labels[1].1 == host).map(|sample| &sample.value);
        assert_eq!(samples.len(), MAX_HOSTS + 1);
        assert_eq!(value("h0.test"), Some(&Value::Counter(2)));
        assert_eq!(value(OTHERS), Some(&Value::Counter(5)));
    }
}
