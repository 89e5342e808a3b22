//! References across namespaces, and Secrets and ConfigMaps that objects refer to.

use super::GatewayApi;
use crate::istio::credential;
use crate::key::Key;
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_resources::gateway_api::GROUP;
use meridian_resources::gateway_api::common::SecretObjectReference;
use std::collections::HashMap;

/// What stands in the way, as a condition says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The reason, as one CamelCase word.
    pub(crate) reason: &'static str,
    /// Field, what was found, and what to do.
    pub(crate) message: String,
}

impl Problem {
    /// A problem with a message.
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// An object that refers to others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Referrer<'a> {
    /// Its kind, of Gateway API's group.
    pub(crate) kind: &'a str,
    /// Its namespace.
    pub(crate) namespace: &'a Name,
}

impl GatewayApi {
    /// Whether `from` may refer to an object: one of its own namespace, or one that a ReferenceGrant there gives it.
    pub(crate) fn permits(&self, from: Referrer<'_>, group: &str, kind: &str, to: &Key) -> bool {
        if *from.namespace == to.namespace {
            return true;
        }
        let first = Key { namespace: to.namespace.clone(), name: "".into() };
        let grants = self.grants.range(first..).take_while(|(key, _)| key.namespace == to.namespace);
        grants.into_iter().any(|(_, grant)| {
            let gives_from =
                grant.spec.from.iter().any(|given| {
                    given.group == GROUP && given.kind == from.kind && given.namespace == **from.namespace
                });
            gives_from
                && grant.spec.to.iter().any(|given| {
                    given.group == group
                        && given.kind == kind
                        && given.name.as_ref().is_none_or(|name| **name == *to.name)
                })
        })
    }
}

/// What a `Secret` or `ConfigMap` lacks a grant for, and the remedy.
pub(crate) fn not_permitted(from: Referrer<'_>, kind: &str, to: &Key) -> Problem {
    Problem::new(
        "RefNotPermitted",
        format!(
            "{kind} {to} is in another namespace, and no ReferenceGrant of namespace {} lets {}s of namespace {} refer \
             to it",
            to.namespace, from.kind, from.namespace
        ),
    )
}

/// Certificates and authorities that were looked at: looking is dear, and most do not change.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    secrets: HashMap<Key, Result<(), String>>,
    config_maps: HashMap<Key, Result<(), String>>,
}

impl Credentials {
    /// Forgets what was found about a Secret.
    pub(crate) fn secret_changed(&mut self, key: &Key) {
        self.secrets.remove(key);
    }

    /// Forgets what was found about a ConfigMap.
    pub(crate) fn config_map_changed(&mut self, key: &Key) {
        self.config_maps.remove(key);
    }

    /// Whether a Secret holds a certificate and its key.
    ///
    /// # Errors
    /// Why it does not, and what to do.
    pub(crate) fn certificate(&mut self, resources: &Resources, key: &Key) -> Result<(), String> {
        let look = || {
            let Key { namespace, name } = key;
            let create = format!("kubectl create -n {namespace} secret tls {name} --cert=CERT.pem --key=KEY.pem");
            match resources.secrets.get(key) {
                None => Err(format!("Secret {key} does not exist; create it with `{create}`")),
                Some(secret) => credential::pair(&secret.spec)
                    .map(|_| ())
                    .map_err(|reason| format!("Secret {key} cannot be used: {reason}; replace it, as with `{create}`")),
            }
        };
        self.secrets.entry(key.clone()).or_insert_with(look).clone()
    }

    /// Whether a ConfigMap holds authorities.
    ///
    /// # Errors
    /// Why it does not, and what to do.
    pub(crate) fn authority(&mut self, resources: &Resources, key: &Key) -> Result<(), String> {
        let look = || {
            let Some(map) = resources.config_maps.get(key) else {
                let Key { namespace, name } = key;
                return Err(format!(
                    "ConfigMap {key} does not exist; create it with \
                     `kubectl create -n {namespace} configmap {name} --from-file=ca.crt=CA.pem`"
                ));
            };
            let value = |name: &str| map.spec.data.get(name).map(|text| text.clone().into_bytes());
            credential::roots(&value)
                .map(|_| ())
                .map_err(|reason| format!("ConfigMap {key} cannot be used to verify certificates: {reason}"))
        };
        self.config_maps.entry(key.clone()).or_insert_with(look).clone()
    }
}

/// The Secret that a reference of `from` leads to, when it may be referred to and can be used.
///
/// # Errors
/// The reason is `invalid` for what is not a usable Secret, `RefNotPermitted` for one without grant.
pub(crate) fn secret(
    api: &GatewayApi,
    credentials: &mut Credentials,
    resources: &Resources,
    from: Referrer<'_>,
    path: &str,
    reference: &SecretObjectReference,
    invalid: &'static str,
) -> Result<Key, Problem> {
    if !reference.group.is_empty() || reference.kind != "Secret" {
        let found = format!("{:?} of group {:?}", reference.kind, reference.group);
        return Err(Problem::new(invalid, format!("{path}: {found} is not supported; name a Secret (group \"\")")));
    }
    let key = key_of(reference.namespace.as_deref(), &reference.name, from.namespace);
    if !api.permits(from, "", "Secret", &key) {
        let problem = not_permitted(from, "Secret", &key);
        return Err(Problem::new(problem.reason, format!("{path}: {}", problem.message)));
    }
    match credentials.certificate(resources, &key) {
        Ok(()) => Ok(key),
        Err(message) => Err(Problem::new(invalid, format!("{path}: {message}"))),
    }
}

/// The key of an object whose namespace may be that of the one which refers to it.
pub(crate) fn key_of(namespace: Option<&str>, name: &str, own: &Name) -> Key {
    let namespace = namespace.map_or_else(|| own.clone(), Name::from);
    Key { namespace, name: name.into() }
}
