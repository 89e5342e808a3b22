//! The certificates and authorities of a proxy, each read again only when the Secret or ConfigMap behind it changed.

use crate::condition::Finding;
use crate::istio::credential::{self, Problem, Source};
use crate::istio::server_tls::Need;
use crate::key::Key;
use crate::proxy::clusters;
use crate::resources::Resources;
use meridian_ir::tls::{MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_ir::{Authority, Name, ProxyConfig, Secret};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who a proxy is in the mesh (`ISTIO_MUTUAL`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadIdentity {
    /// Its certificate, under the name `default`.
    pub certificate: Arc<Secret>,
    /// The mesh's authorities, under the name `ROOTCA`.
    pub authority: Arc<Authority>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    certificates: BTreeMap<Name, Result<Arc<Secret>, Problem>>,
    authorities: BTreeMap<Name, Result<Arc<Authority>, Problem>>,
    /// What is to be said of Gateways.
    findings: BTreeMap<Key, Vec<Finding>>,
}

/// SDS names that something of the proxy refers to.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) certificates: BTreeSet<Name>,
    pub(crate) authorities: BTreeSet<Name>,
}

impl Wanted {
    /// Adds a name, unless the data plane reads by itself what it means.
    pub(crate) fn add(&mut self, name: &Name, is_authority: bool) {
        if credential::is_file(name) {
            return;
        }
        let names = if is_authority { &mut self.authorities } else { &mut self.certificates };
        names.insert(name.clone());
    }
}

impl Credentials {
    /// Whether something that is wanted is read from one of `changed`, for a proxy in `namespace`.
    pub(crate) fn depend_on(&self, changed: &BTreeSet<Source>, namespace: &Name) -> bool {
        let concerned =
            |name: &Name| credential::sources(name, namespace).iter().any(|source| changed.contains(source));
        !changed.is_empty() && self.certificates.keys().chain(self.authorities.keys()).any(concerned)
    }

    /// Brings everything up to date; what reads from `changed`, and what is new, is read. Gateways of which something
    /// else may be to be said are returned.
    pub(crate) fn update(
        &mut self,
        resources: &Resources,
        namespace: &Name,
        wanted: &Wanted,
        needs: &[&Need],
        changed: &BTreeSet<Source>,
        identity: Option<&WorkloadIdentity>,
    ) -> BTreeSet<Key> {
        let reader = Reader { namespace, changed };
        let certificate = |name: &Name| match identity.filter(|_| **name == *WORKLOAD_CERTIFICATE) {
            Some(identity) => Ok(identity.certificate.clone()),
            None => credential::certificate(resources, namespace, name).map(Arc::new),
        };
        let authority = |name: &Name| match identity.filter(|_| **name == *MESH_AUTHORITY) {
            Some(identity) => Ok(identity.authority.clone()),
            None => credential::authority(resources, namespace, name).map(Arc::new),
        };
        self.certificates = reader.update(&self.certificates, &wanted.certificates, certificate);
        self.authorities = reader.update(&self.authorities, &wanted.authorities, authority);
        let findings = self.judge(needs);
        let before = std::mem::replace(&mut self.findings, findings);
        let differs = |key: &&Key| before.get(*key) != self.findings.get(*key);
        before.keys().chain(self.findings.keys()).filter(differs).cloned().collect()
    }

    fn judge(&self, needs: &[&Need]) -> BTreeMap<Key, Vec<Finding>> {
        let problem = |need: &Need| match need.is_authority {
            true => self.authorities.get(&need.name)?.as_ref().err(),
            false => self.certificates.get(&need.name)?.as_ref().err(),
        };
        let mut findings: BTreeMap<Key, Vec<Finding>> = BTreeMap::new();
        for need in needs {
            let Some(problem) = problem(need) else { continue };
            let other = |other: &Need| {
                Arc::ptr_eq(&other.server, &need.server)
                    && !other.is_authority
                    && self.certificates[&other.name].is_ok()
            };
            let effect = if !need.is_authority && needs.iter().any(|need| other(need)) {
                "only its other certificate is shown"
            } else {
                "handshakes of this server's hosts fail"
            };
            let path = format!("{}.tls.{}", need.server.path(), need.field);
            let message = format!("{}; until then, {effect}", problem.message);
            findings.entry(need.server.key.clone()).or_default().push(Finding::at(problem.topic, &path, message));
        }
        findings
    }

    /// What is to be said of DestinationRules whose clusters refer to credentials that cannot be used.
    pub(crate) fn destination_rules<'c>(
        &self,
        clusters: impl Iterator<Item = (&'c Name, &'c clusters::Credentials)>,
    ) -> BTreeMap<Key, Vec<Finding>> {
        let mut findings: BTreeMap<Key, Vec<Finding>> = BTreeMap::new();
        for (cluster, credentials) in clusters {
            let Some((rule, path)) = &credentials.place else { continue };
            let certificate = credentials.certificate.as_ref().and_then(|name| self.certificates.get(name));
            let authority = credentials.authority.as_ref().and_then(|name| self.authorities.get(name));
            let problems = [certificate.and_then(|made| made.as_ref().err()), authority.and_then(|a| a.as_ref().err())];
            for problem in problems.into_iter().flatten() {
                let field = if credentials.certificate.as_deref() == Some(WORKLOAD_CERTIFICATE) {
                    "mode"
                } else {
                    "credentialName"
                };
                let message = format!("{}; until then, connections of {cluster} fail (503 UF)", problem.message);
                let finding = Finding::at(problem.topic, &format!("{path}.{field}"), message);
                findings.entry(rule.clone()).or_default().push(finding);
            }
        }
        findings
    }

    /// Puts what can be used into the configuration, and who the proxy is.
    pub(crate) fn publish(&self, identity: Option<&WorkloadIdentity>, config: &mut Arc<ProxyConfig>) {
        let mut secrets: BTreeMap<Name, Arc<Secret>> = usable(&self.certificates);
        let mut authorities: BTreeMap<Name, Arc<Authority>> = usable(&self.authorities);
        if let Some(identity) = identity {
            secrets.insert(WORKLOAD_CERTIFICATE.into(), identity.certificate.clone());
            authorities.insert(MESH_AUTHORITY.into(), identity.authority.clone());
        }
        if !are_same(&secrets, &config.secrets) {
            Arc::make_mut(config).secrets = secrets;
        }
        if !are_same(&authorities, &config.authorities) {
            Arc::make_mut(config).authorities = authorities;
        }
    }

    /// What is to be said of a Gateway.
    pub(crate) fn gateway_findings(&self, key: &Key) -> impl Iterator<Item = &Finding> {
        self.findings.get(key).into_iter().flatten()
    }
}

struct Reader<'a> {
    namespace: &'a Name,
    changed: &'a BTreeSet<Source>,
}

impl Reader<'_> {
    /// What is wanted: from `before` where nothing changed, else read; what is equal stays the same.
    fn update<T: PartialEq>(
        &self,
        before: &BTreeMap<Name, Result<Arc<T>, Problem>>,
        wanted: &BTreeSet<Name>,
        read: impl Fn(&Name) -> Result<Arc<T>, Problem>,
    ) -> BTreeMap<Name, Result<Arc<T>, Problem>> {
        let one = |name: &Name| {
            let sources = credential::sources(name, self.namespace);
            // What has no source is the proxy's identity, which is at hand.
            let holds = !sources.is_empty() && !sources.iter().any(|source| self.changed.contains(source));
            let made = match before.get(name) {
                Some(made) if holds => made.clone(),
                Some(Ok(old)) => read(name).map(|new| if *old == new { old.clone() } else { new }),
                _ => read(name),
            };
            (name.clone(), made)
        };
        wanted.iter().map(one).collect()
    }
}

fn usable<T>(made: &BTreeMap<Name, Result<Arc<T>, Problem>>) -> BTreeMap<Name, Arc<T>> {
    made.iter().filter_map(|(name, made)| Some((name.clone(), made.as_ref().ok()?.clone()))).collect()
}

fn are_same<T>(a: &BTreeMap<Name, Arc<T>>, b: &BTreeMap<Name, Arc<T>>) -> bool {
    a.len() == b.len() && std::iter::zip(a, b).all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(a.1, b.1))
}
