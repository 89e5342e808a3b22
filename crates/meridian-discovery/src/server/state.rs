//! One stream of discovery with the state of the world (`StreamAggregatedResources`), without its stream: for clients
//! that know no incremental updates.

use super::outcome::Outcome;
use crate::Kind;
use crate::kind::PerKind;
use crate::message::{Any, DiscoveryRequest, DiscoveryResponse};
use crate::resource;
use meridian_ir::{Name, ProxyConfig};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What one proxy wants, and what it is sent.
#[derive(Debug, Default)]
pub struct StateSession {
    config: Arc<ProxyConfig>,
    kinds: PerKind<OfKind>,
    outcome: Outcome,
    rejections_changed: bool,
}

#[derive(Debug, Default)]
struct OfKind {
    is_open: bool,
    names: BTreeSet<Name>,
    /// The last response; an answer to another one is out of date.
    nonce: String,
}

impl StateSession {
    /// A stream of a proxy that is to have `config`.
    #[must_use]
    pub fn new(config: Arc<ProxyConfig>) -> StateSession {
        StateSession { config, ..StateSession::default() }
    }

    /// What the proxy has made of it so far.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Whether something else is rejected since this was asked last.
    pub fn take_rejections_changed(&mut self) -> bool {
        std::mem::take(&mut self.rejections_changed)
    }

    /// Takes in a request; what is to be sent is returned.
    pub fn request(&mut self, request: &DiscoveryRequest) -> Option<DiscoveryResponse> {
        let Some(kind) = Kind::of_type_url(&request.type_url) else {
            return request.response_nonce.is_empty().then(|| DiscoveryResponse {
                type_url: request.type_url.clone(),
                nonce: "none".to_owned(),
                ..DiscoveryResponse::default()
            });
        };
        if !request.response_nonce.is_empty() {
            let error = request.error_detail.as_ref().map(|status| status.message.as_str());
            self.rejections_changed |= self.outcome.answered(kind, &request.response_nonce, error);
        }
        let own = &mut self.kinds[kind];
        let is_first = !std::mem::replace(&mut own.is_open, true);
        if !is_first && request.response_nonce != own.nonce {
            return None;
        }
        let names: BTreeSet<Name> = request.resource_names.iter().map(|name| name.as_str().into()).collect();
        let is_wider = !names.is_subset(&own.names);
        own.names = names;
        let wanted = if is_first || is_wider { self.wanted(kind) } else { return None };
        // A request for nothing of a type that is asked for by name needs no answer.
        (!wanted.is_empty() || kind.is_wildcard()).then(|| self.response(kind, &wanted))
    }

    /// Takes in a new configuration; what is to be sent is returned, in order. Listeners and clusters are always sent
    /// all: those that are missing are gone. Of the other types only those that changed are sent.
    pub fn config(&mut self, config: Arc<ProxyConfig>) -> Vec<DiscoveryResponse> {
        let before = std::mem::replace(&mut self.config, config.clone());
        let mut responses = Vec::new();
        let mut clusters_changed = false;
        for kind in Kind::ALL.into_iter().filter(|kind| self.kinds[*kind].is_open).collect::<Vec<_>>() {
            let changes = resource::changes(kind, &before, &config);
            self.rejections_changed |= self.outcome.forget(kind, &changes.removed);
            let wanted = self.wanted(kind);
            let concerned: Vec<Name> = match kind {
                _ if kind.is_wildcard() => {
                    let is_wanted =
                        |name: &Name| self.kinds[kind].names.is_empty() || self.kinds[kind].names.contains(name);
                    if !changes.updated.iter().chain(&changes.removed).any(is_wanted) {
                        continue;
                    }
                    clusters_changed |= kind == Kind::Cluster;
                    wanted
                }
                // Clusters that are made anew wait for their endpoints, and nobody says which those are.
                Kind::Endpoints if clusters_changed => wanted,
                _ => wanted.into_iter().filter(|name| changes.updated.binary_search(name).is_ok()).collect(),
            };
            if kind.is_wildcard() || !concerned.is_empty() {
                responses.push(self.response(kind, &concerned));
            }
        }
        responses
    }

    /// The resources that are wanted and exist.
    fn wanted(&self, kind: Kind) -> Vec<Name> {
        let names = &self.kinds[kind].names;
        if kind.is_wildcard() && names.is_empty() {
            let mut all: Vec<Name> = resource::names(kind, &self.config).collect();
            all.sort_unstable();
            return all;
        }
        names.iter().filter(|name| resource::exists(kind, name, &self.config)).cloned().collect()
    }

    fn response(&mut self, kind: Kind, names: &[Name]) -> DiscoveryResponse {
        let mut sent = Vec::with_capacity(names.len());
        let mut resources = Vec::with_capacity(names.len());
        for name in names {
            match resource::encode(kind, name, &self.config) {
                None => {}
                Some(Err(error)) => tracing::error!(kind = kind.short(), %name, %error, "a resource cannot be sent"),
                Some(Ok(value)) => {
                    sent.push(name.clone());
                    resources.push(Any { type_url: kind.type_url().to_owned(), value });
                }
            }
        }
        let nonce = self.outcome.sent(kind, sent, &self.config);
        self.kinds[kind].nonce.clone_from(&nonce);
        DiscoveryResponse {
            version_info: self.config.version.to_string(),
            resources,
            type_url: kind.type_url().to_owned(),
            nonce,
        }
    }
}
