//! One stream of incremental discovery (`DeltaAggregatedResources`), without its stream.

use super::outcome::Outcome;
use crate::Kind;
use crate::kind::PerKind;
use crate::message::{Any, DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use crate::resource::{self, Version};
use meridian_ir::{Name, ProxyConfig};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Order of what is gone: whatever refers to something goes before it. Listeners are not among them: what is gone is
/// said together with what is new, because a new one may want the address of an old one.
const REMOVAL: [Kind; 6] = [Kind::VirtualHost, Kind::Route, Kind::Cluster, Kind::Endpoints, Kind::Secret, Kind::Names];

/// Names the whole type.
const WILDCARD: &str = "*";

/// What one proxy wants, what it has, and what it is sent.
#[derive(Debug, Default)]
pub struct DeltaSession {
    config: Arc<ProxyConfig>,
    kinds: PerKind<OfKind>,
    outcome: Outcome,
    rejections_changed: bool,
}

#[derive(Debug, Default)]
struct OfKind {
    /// A request of this type has come.
    is_open: bool,
    wildcard: bool,
    /// Wanted by name.
    names: BTreeSet<Name>,
    /// What the client has, or was sent.
    known: HashMap<Name, Version>,
    /// Of route configurations: their virtual hosts are sent by themselves.
    is_split: bool,
}

impl OfKind {
    fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }
}

/// A response that is being put together.
#[derive(Debug, Default)]
struct Draft {
    resources: Vec<Resource>,
    names: Vec<Name>,
    removed: Vec<Name>,
}

impl DeltaSession {
    /// A stream of a proxy that is to have `config`.
    #[must_use]
    pub fn new(config: Arc<ProxyConfig>) -> DeltaSession {
        DeltaSession { config, ..DeltaSession::default() }
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
    pub fn request(&mut self, request: &DeltaDiscoveryRequest) -> Option<DeltaDiscoveryResponse> {
        let Some(kind) = Kind::of_type_url(&request.type_url) else { return unknown(request) };
        if !request.response_nonce.is_empty() {
            let error = request.error_detail.as_ref().map(|status| status.message.as_str());
            self.rejections_changed |= self.outcome.answered(kind, &request.response_nonce, error);
        }
        self.kinds[Kind::Route].is_split |= kind == Kind::VirtualHost;
        let own = &mut self.kinds[kind];
        let is_first = !std::mem::replace(&mut own.is_open, true);
        let mut asked: BTreeSet<Name> = BTreeSet::new();
        let mut everything = false;
        if is_first {
            own.known = known(request);
            everything = kind.is_wildcard() && request.resource_names_subscribe.is_empty();
        }
        for name in &request.resource_names_subscribe {
            match name.as_str() {
                WILDCARD => everything = true,
                name => drop(asked.insert(name.into())),
            }
        }
        own.wildcard |= everything;
        own.names.extend(asked.iter().cloned());
        for name in &request.resource_names_unsubscribe {
            if name == WILDCARD {
                own.wildcard = false;
            }
            own.names.remove(name.as_str());
        }
        // What nobody wants is forgotten by the client.
        let (wildcard, names) = (own.wildcard, &own.names);
        own.known.retain(|name, _| wildcard || names.contains(name));
        self.answer(kind, is_first, everything, asked)
    }

    /// What a request leads to: everything that it asks for and does not have, and the names of what there is not.
    fn answer(
        &mut self,
        kind: Kind,
        is_first: bool,
        everything: bool,
        mut asked: BTreeSet<Name>,
    ) -> Option<DeltaDiscoveryResponse> {
        let mut draft = Draft::default();
        let (config, own) = (self.config.clone(), &mut self.kinds[kind]);
        let missing = |name: &&Name| !resource::exists(kind, name, &config);
        draft.removed.extend(asked.iter().filter(missing).cloned());
        if everything {
            draft.removed.extend(own.known.keys().filter(missing).cloned());
            asked.extend(resource::names(kind, &config));
        }
        draft.removed.sort_unstable();
        draft.removed.dedup();
        own.known.retain(|name, _| !draft.removed.contains(name));
        if !is_first {
            // Who asks again has lost what it was sent.
            own.known.retain(|name, _| !asked.contains(name));
        }
        for name in &asked {
            draft.add(kind, name, &config, own);
        }
        // An answer to the first request says also that there is nothing.
        let is_needed = everything || !draft.is_empty();
        if is_first && !is_needed && !self.kinds[kind].known.is_empty() {
            self.outcome.is_current(kind, self.config.version);
        }
        is_needed.then(|| self.finish(kind, draft))
    }

    /// Takes in a new configuration; what is to be sent is returned, in order.
    pub fn config(&mut self, config: Arc<ProxyConfig>) -> Vec<DeltaDiscoveryResponse> {
        let before = std::mem::replace(&mut self.config, config.clone());
        let mut responses = Vec::new();
        let mut gone: PerKind<Vec<Name>> = PerKind::default();
        let mut changed_clusters: Vec<Name> = Vec::new();
        for kind in Kind::ALL {
            if !self.kinds[kind].is_open {
                continue;
            }
            let changes = resource::changes(kind, &before, &config);
            let own = &mut self.kinds[kind];
            let mut draft = Draft::default();
            if kind == Kind::Endpoints {
                // A cluster that is made anew waits for its endpoints, also where those are the same.
                for name in &changed_clusters {
                    if own.known.remove(name).is_some() {
                        draft.add(kind, name, &config, own);
                    }
                }
            }
            for name in changes.updated.iter().filter(|name| own.wants(name)).collect::<Vec<_>>() {
                let had = own.known.contains_key(name);
                if draft.add(kind, name, &config, own) && kind == Kind::Cluster && had {
                    changed_clusters.push(name.clone());
                }
            }
            let mut removed = changes.removed;
            removed.retain(|name| own.known.remove(name).is_some());
            self.rejections_changed |= self.outcome.forget(kind, &removed);
            match kind {
                Kind::Listener => draft.removed = removed,
                kind => gone[kind] = removed,
            }
            if !draft.is_empty() {
                responses.push(self.finish(kind, draft));
            }
        }
        for kind in REMOVAL {
            let removed = std::mem::take(&mut gone[kind]);
            if !removed.is_empty() {
                responses.push(self.finish(kind, Draft { removed, ..Draft::default() }));
            }
        }
        responses
    }

    fn finish(&mut self, kind: Kind, draft: Draft) -> DeltaDiscoveryResponse {
        let nonce = self.outcome.sent(kind, draft.names, &self.config);
        DeltaDiscoveryResponse {
            system_version_info: self.config.version.to_string(),
            resources: draft.resources,
            type_url: kind.type_url().to_owned(),
            nonce,
            removed_resources: draft.removed.iter().map(|name| name.to_string()).collect(),
        }
    }
}

impl Draft {
    fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.removed.is_empty()
    }

    /// Adds a resource, unless the client has it or there is none. Whether it was added.
    fn add(&mut self, kind: Kind, name: &Name, config: &ProxyConfig, own: &mut OfKind) -> bool {
        let encoded = match own.is_split {
            true => resource::encode_without_hosts(name, config),
            false => resource::encode(kind, name, config),
        };
        let value = match encoded {
            None => return false,
            Some(Err(error)) => {
                tracing::error!(kind = kind.short(), %name, %error, "a resource cannot be sent");
                return false;
            }
            Some(Ok(bytes)) => bytes,
        };
        let version = resource::version(&value);
        if own.known.insert(name.clone(), version) == Some(version) {
            return false;
        }
        self.names.push(name.clone());
        self.resources.push(Resource {
            version: resource::version_text(version),
            resource: Some(Any { type_url: kind.type_url().to_owned(), value }),
            name: name.to_string(),
        });
        true
    }
}

/// What a client has that comes back. A version that is none of ours is equal to none of ours, but the resource is known
/// to be there, so that it can be removed.
fn known(request: &DeltaDiscoveryRequest) -> HashMap<Name, Version> {
    let versions = request.initial_resource_versions.iter();
    versions.map(|(name, version)| (name.as_str().into(), resource::version_of(version).unwrap_or_default())).collect()
}

/// Types that are never sent are answered with nothing, so that nobody waits for them.
fn unknown(request: &DeltaDiscoveryRequest) -> Option<DeltaDiscoveryResponse> {
    request.response_nonce.is_empty().then(|| DeltaDiscoveryResponse {
        type_url: request.type_url.clone(),
        nonce: format!("none-{}", request.type_url.len()),
        removed_resources: request.resource_names_subscribe.iter().filter(|name| *name != WILDCARD).cloned().collect(),
        ..DeltaDiscoveryResponse::default()
    })
}
