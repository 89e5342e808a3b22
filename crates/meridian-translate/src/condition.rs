//! What is said of an object: findings while it is translated, and the conditions that they become.

use std::sync::{Arc, OnceLock};

/// One condition of an object's status. The control plane adds `observedGeneration` and times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `Accepted`: Meridian understands all of the object. `ResolvedRefs`: everything that it refers to exists.
    /// `Programmed`: it has an effect on some proxy.
    pub type_: &'static str,
    /// Whether that is so.
    pub status: bool,
    /// Why, as one CamelCase word.
    pub reason: &'static str,
    /// Fields and remedies, for people; empty when all is well.
    pub message: String,
}

/// Which condition a finding makes false, and the reason that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// A field that is not supported, or a value that cannot be used.
    Unsupported,
    /// Another object has claimed the same.
    Conflicted,
    /// No Gateway of this name.
    GatewayNotFound,
    /// No service of this host.
    BackendNotFound,
    /// No VirtualService of this name that rules can be delegated to.
    DelegateNotFound,
    /// The service has no such port.
    PortNotFound,
    /// No DestinationRule has such a subset.
    SubsetNotFound,
    /// No Secret of this name.
    SecretNotFound,
    /// The Secret cannot be used.
    InvalidSecret,
    /// No proxy is concerned.
    NotProgrammed,
}

impl Topic {
    fn condition(self) -> &'static str {
        match self {
            Self::Unsupported | Self::Conflicted => ACCEPTED,
            Self::NotProgrammed => PROGRAMMED,
            _ => RESOLVED_REFS,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Unsupported => "PartiallyInvalid",
            Self::Conflicted => "Conflicted",
            Self::GatewayNotFound => "GatewayNotFound",
            Self::BackendNotFound => "BackendNotFound",
            Self::DelegateNotFound => "DelegateNotFound",
            Self::PortNotFound => "PortNotFound",
            Self::SubsetNotFound => "SubsetNotFound",
            Self::SecretNotFound => "SecretNotFound",
            Self::InvalidSecret => "InvalidSecret",
            Self::NotProgrammed => "NotProgrammed",
        }
    }
}

/// The types of the conditions that are written.
pub const CONDITION_TYPES: [&str; 3] = [ACCEPTED, RESOLVED_REFS, PROGRAMMED];

const ACCEPTED: &str = "Accepted";
const RESOLVED_REFS: &str = "ResolvedRefs";
const PROGRAMMED: &str = "Programmed";

/// How many findings one message tells; more would not be read.
const MOST_FINDINGS: usize = 8;

/// Something to be said of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) topic: Topic,
    /// Field, what was found, and what to do.
    pub(crate) message: String,
}

impl Finding {
    /// A finding about the field at `path`.
    pub(crate) fn at(topic: Topic, path: &str, message: impl AsRef<str>) -> Self {
        Self { topic, message: format!("{path}: {}", message.as_ref()) }
    }
}

/// The conditions that `findings` add up to, which may repeat themselves.
pub(crate) fn conditions(findings: &[Finding]) -> Arc<[Condition]> {
    if findings.is_empty() {
        static WELL: OnceLock<Arc<[Condition]>> = OnceLock::new();
        let all_well = || CONDITION_TYPES.map(|type_| condition(type_, &[])).into();
        return WELL.get_or_init(all_well).clone();
    }
    CONDITION_TYPES.map(|type_| condition(type_, findings)).into()
}

fn condition(type_: &'static str, findings: &[Finding]) -> Condition {
    let mut concerned: Vec<&Finding> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.topic.condition() == type_) {
        if !concerned.contains(&finding) {
            concerned.push(finding);
        }
    }
    let Some(first) = concerned.first() else {
        return Condition { type_, status: true, reason: type_, message: String::new() };
    };
    let mut messages: Vec<&str> = concerned.iter().take(MOST_FINDINGS).map(|finding| &*finding.message).collect();
    let more = concerned.len().saturating_sub(MOST_FINDINGS);
    let rest = format!("and {more} more");
    if more > 0 {
        messages.push(&rest);
    }
    Condition { type_, status: false, reason: first.topic.reason(), message: messages.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_makes_its_condition_false() {
        let well = conditions(&[]);
        assert!(well.iter().all(|condition| condition.status && condition.message.is_empty()));
        assert_eq!(well.iter().map(|c| c.type_).collect::<Vec<_>>(), ["Accepted", "ResolvedRefs", "Programmed"]);

        let finding = Finding::at(Topic::BackendNotFound, "spec.host", "no such");
        let other = Finding::at(Topic::PortNotFound, "spec.port", "none");
        let conditions = conditions(&[finding.clone(), finding, other]);
        assert!(conditions[0].status && conditions[2].status);
        assert_eq!(conditions[1].reason, "BackendNotFound");
        assert_eq!(conditions[1].message, "spec.host: no such; spec.port: none");
    }

    #[test]
    fn long_lists_are_cut() {
        let findings: Vec<_> = (0..10).map(|i| Finding::at(Topic::Unsupported, &format!("f{i}"), "no")).collect();
        assert!(conditions(&findings)[0].message.ends_with("; f7: no; and 2 more"));
    }
}
