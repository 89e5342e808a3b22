//! Who speaks to whom, as Istio's metrics name it.

use crate::pool::TlsFacts;
use crate::record::{Downstream, Upstream};
use meridian_ir::endpoint::Workload;
use meridian_ir::listener::Direction;

/// A value that nobody tells.
pub(super) const UNKNOWN: &str = "unknown";

/// The Kubernetes cluster of a proxy that was not told of its own.
const CLUSTER: &str = "Kubernetes";

/// Both sides of a request or connection, as far as they are known, and which of them tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parties<'r> {
    direction: Direction,
    /// By mutual TLS; told by the receiving side only, as in Istio.
    is_mutual: bool,
    source: Option<&'r Workload>,
    destination: Option<&'r Workload>,
    source_principal: Option<&'r str>,
    destination_principal: Option<&'r str>,
}

/// The same, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownParties {
    direction: Direction,
    is_mutual: bool,
    source: Option<Workload>,
    destination: Option<Workload>,
    source_principal: Option<String>,
    destination_principal: Option<String>,
}

/// One side.
pub(super) struct Side<'s> {
    /// The labels that the proxy was started with (`source_...`), where it is the proxy's own workload.
    own: Option<&'s [(String, String)]>,
    workload: Option<&'s Workload>,
    principal: Option<&'s str>,
}

impl<'r> Parties<'r> {
    /// Towards services the endpoint is the other side, towards the workload the client is.
    pub(super) fn of(downstream: &Downstream<'r>, upstream: &Upstream<'r>) -> Self {
        match downstream.direction {
            Direction::Outbound => Self {
                direction: Direction::Outbound,
                is_mutual: false,
                source: None,
                destination: upstream.workload,
                source_principal: upstream.local_certificate.and_then(|own| own.uris().next()),
                destination_principal: upstream.tls.and_then(TlsFacts::peer).and_then(|peer| peer.facts.uris().next()),
            },
            Direction::Inbound => {
                let peer = downstream.peer.filter(|peer| peer.is_validated);
                Self {
                    direction: Direction::Inbound,
                    is_mutual: peer.is_some(),
                    source: downstream.workload,
                    destination: None,
                    source_principal: peer.and_then(|peer| peer.facts.uris().next()),
                    destination_principal: downstream.local_certificate.and_then(|own| own.uris().next()),
                }
            }
        }
    }

    /// Without what the other side tells of itself.
    pub(super) const fn without_peers(self) -> Self {
        Self { source: None, destination: None, source_principal: None, destination_principal: None, ..self }
    }

    /// Source and destination; `own` are the labels that the proxy was started with.
    pub(super) fn sides<'s>(&'s self, own: &'s [(String, String)]) -> (Side<'s>, Side<'s>) {
        let is_inbound = self.direction == Direction::Inbound;
        let (source, destination) = (self.source_principal, self.destination_principal);
        (
            Side { own: (!is_inbound).then_some(own), workload: self.source, principal: source },
            Side { own: is_inbound.then_some(own), workload: self.destination, principal: destination },
        )
    }

    /// `reporter`
    pub(super) fn reporter(&self, own: &[(String, String)]) -> String {
        let told = || own.iter().find(|(name, _)| name == "reporter").map(|(_, value)| value.clone());
        match self.direction {
            Direction::Inbound => "destination".to_owned(),
            Direction::Outbound => told().unwrap_or_else(|| "source".to_owned()),
        }
    }

    /// `connection_security_policy`
    pub(super) const fn security_policy(&self) -> &'static str {
        match (self.direction, self.is_mutual) {
            (Direction::Outbound, _) => UNKNOWN,
            (Direction::Inbound, false) => "none",
            (Direction::Inbound, true) => "mutual_tls",
        }
    }
}

impl KnownParties {
    pub(super) fn view(&self) -> Parties<'_> {
        Parties {
            direction: self.direction,
            is_mutual: self.is_mutual,
            source: self.source.as_ref(),
            destination: self.destination.as_ref(),
            source_principal: self.source_principal.as_deref(),
            destination_principal: self.destination_principal.as_deref(),
        }
    }
}

impl From<Parties<'_>> for KnownParties {
    fn from(parties: Parties<'_>) -> Self {
        Self {
            direction: parties.direction,
            is_mutual: parties.is_mutual,
            source: parties.source.cloned(),
            destination: parties.destination.cloned(),
            source_principal: parties.source_principal.map(str::to_owned),
            destination_principal: parties.destination_principal.map(str::to_owned),
        }
    }
}

impl Side<'_> {
    /// The value of the label `source_<suffix>` or `destination_<suffix>`.
    pub(super) fn label(&self, suffix: &str) -> String {
        let own = self.own.unwrap_or_default();
        let told = own.iter().find(|(name, _)| name.strip_prefix("source_") == Some(suffix));
        let told = told.map(|(_, value)| &**value);
        let known = match suffix {
            "principal" => self.principal.or(told),
            _ => told.or_else(|| self.workload.and_then(|workload| of_workload(workload, suffix))),
        };
        let otherwise = match suffix {
            "canonical_revision" => "latest",
            "cluster" if self.own.is_some() => CLUSTER,
            _ => UNKNOWN,
        };
        known.unwrap_or(otherwise).to_owned()
    }
}

fn of_workload<'w>(workload: &'w Workload, suffix: &str) -> Option<&'w str> {
    let value: &str = match suffix {
        "workload" => &workload.name,
        "workload_namespace" => &workload.namespace,
        "canonical_service" | "app" => &workload.canonical_name,
        "canonical_revision" | "version" => &workload.canonical_revision,
        "cluster" => &workload.cluster,
        _ => "",
    };
    (!value.is_empty()).then_some(value)
}
