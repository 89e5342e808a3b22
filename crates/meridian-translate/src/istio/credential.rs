//! Credentials: which Secrets and ConfigMaps an SDS name means for a proxy, and what is read from them. The names, the
//! keys and their order are Istio's (`pilot/pkg/model/credentials`, `pilot/pkg/credentials/kube`).

use crate::condition::Topic;
use crate::key::Key;
use crate::resources::Resources;
use meridian_ir::tls::{FILE_AUTHORITY, FILE_CERTIFICATE, MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_ir::{Authority, Name, Secret};
use meridian_resources::core;

/// A Secret by name, in the proxy's namespace, or by `namespace/name`.
const SECRET: &str = "kubernetes://";

/// A ConfigMap by `namespace/name`.
const CONFIG_MAP: &str = "configmap://";

/// A Secret by `namespace/name` that Gateway API's grants let the proxy use (Istio's name).
const GATEWAY_SECRET: &str = "kubernetes-gateway://";

/// The proxy's own certificate and the mesh's authorities.
const BUILTIN: &str = "builtin://";

/// What Istio appends to the name of a credential for the authorities that belong to it.
const AUTHORITY_SUFFIX: &str = "-cacert";

/// Types of Secrets that are never certificates, however they look.
const FOREIGN_TYPES: [&str; 2] = ["helm.sh/release.v1", "kubernetes.io/service-account-token"];

/// The SDS name of the certificate that a `credentialName` means.
///
/// # Errors
/// Why it is not the name of one.
pub(crate) fn certificate_name(credential: &str) -> Result<Name, String> {
    match credential {
        BUILTIN => Ok(WORKLOAD_CERTIFICATE.into()),
        _ if credential.starts_with(CONFIG_MAP) => {
            Err(format!("{credential:?} is a ConfigMap, which holds no private key; name a Secret"))
        }
        _ => secret_name(credential),
    }
}

/// The SDS name of the authorities that belong to a `credentialName`, or that a `caCertCredentialName` means.
///
/// # Errors
/// Why it is not the name of one.
pub(crate) fn authority_name(credential: &str) -> Result<Name, String> {
    match credential {
        BUILTIN => Ok(MESH_AUTHORITY.into()),
        _ if credential.starts_with(CONFIG_MAP) => Ok(credential.into()),
        _ if credential.ends_with(AUTHORITY_SUFFIX) => secret_name(credential),
        _ => Ok(format!("{}{AUTHORITY_SUFFIX}", secret_name(credential)?).into()),
    }
}

fn secret_name(credential: &str) -> Result<Name, String> {
    match credential.split_once("://") {
        None => Ok(format!("{SECRET}{credential}").into()),
        Some(("kubernetes", _)) => Ok(credential.into()),
        Some((kind, _)) => Err(format!(
            "{credential:?}: credentials of {kind:?} are not supported; name a Secret of the gateway's namespace"
        )),
    }
}

/// The SDS name of the certificate in a Secret that grants let the proxy use, wherever it is.
pub(crate) fn granted_certificate(secret: &Key) -> Name {
    format!("{GATEWAY_SECRET}{secret}").into()
}

/// The SDS name of the authorities in ConfigMaps, all together.
pub(crate) fn config_maps(config_maps: &[Key]) -> Name {
    let names: Vec<String> = config_maps.iter().map(Key::to_string).collect();
    format!("{CONFIG_MAP}{}", names.join(",")).into()
}

/// Whether the data plane reads what `name` means by itself.
pub(crate) fn is_file(name: &str) -> bool {
    name.starts_with(FILE_CERTIFICATE) || name.starts_with(FILE_AUTHORITY)
}

/// An object that a credential is read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    Secret(Key),
    ConfigMap(Key),
}

/// Why a credential cannot be used, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) topic: Topic,
    pub(crate) message: String,
}

impl Problem {
    fn missing(message: String) -> Self {
        Self { topic: Topic::SecretNotFound, message }
    }

    fn invalid(message: String) -> Self {
        Self { topic: Topic::InvalidSecret, message }
    }
}

/// The objects that decide what `name` means for a proxy in `namespace`, the preferred one first.
pub(crate) fn sources(name: &str, namespace: &Name) -> Vec<Source> {
    let key = |text: &str| match text.split_once('/') {
        Some((namespace, name)) => Key { namespace: namespace.into(), name: name.into() },
        None => Key { namespace: namespace.clone(), name: text.into() },
    };
    if let Some(config_maps) = name.strip_prefix(CONFIG_MAP) {
        return config_maps.split(',').map(|config_map| Source::ConfigMap(key(config_map))).collect();
    }
    if let Some(secret) = name.strip_prefix(GATEWAY_SECRET) {
        return vec![Source::Secret(key(secret))];
    }
    let Some(secret) = name.strip_prefix(SECRET) else { return Vec::new() };
    match secret.strip_suffix(AUTHORITY_SUFFIX) {
        Some(stripped) => vec![Source::Secret(key(secret)), Source::Secret(key(stripped))],
        None => vec![Source::Secret(key(secret))],
    }
}

/// The certificate and key that `name` means for a proxy in `namespace`.
///
/// # Errors
/// Why there is none that can be used.
pub(crate) fn certificate(resources: &Resources, namespace: &Name, name: &Name) -> Result<Secret, Problem> {
    let sources = sources(name, namespace);
    let Some(Source::Secret(key)) = sources.first() else { return Err(no_identity()) };
    let create = create_tls(key);
    let namespace = if name.starts_with(GATEWAY_SECRET) { &key.namespace } else { namespace };
    let Some(found) = secret(resources, namespace, key)? else {
        return Err(Problem::missing(format!("Secret {key} does not exist; create it with `{create}`")));
    };
    pair(found)
        .map(|(certificate_chain, private_key)| Secret { name: name.clone(), certificate_chain, private_key })
        .map_err(|reason| {
            Problem::invalid(format!("Secret {key} cannot be used: {reason}; replace it, as with `{create}`"))
        })
}

/// The authorities that `name` means for a proxy in `namespace`: those of the Secret `NAME-cacert`, else those of
/// `NAME`.
///
/// # Errors
/// Why there are none that can be used.
pub(crate) fn authority(resources: &Resources, namespace: &Name, name: &Name) -> Result<Authority, Problem> {
    let sources = sources(name, namespace);
    if sources.is_empty() {
        return Err(no_identity());
    }
    if sources.len() > 1 && name.starts_with(CONFIG_MAP) {
        return together(resources, namespace, name, &sources);
    }
    for source in &sources {
        let (kind, key, values) = match source {
            Source::ConfigMap(key) => {
                let Some(map) = resources.config_maps.get(key) else { continue };
                let value = |key: &str| map.spec.data.get(key).map(|text| text.clone().into_bytes());
                ("ConfigMap", key, roots(&value))
            }
            Source::Secret(key) => {
                let Some(secret) = secret(resources, namespace, key)? else { continue };
                ("Secret", key, roots(&|key: &str| secret.get(key)))
            }
        };
        return values
            .map(|(certificates, revocation_lists)| Authority { name: name.clone(), certificates, revocation_lists })
            .map_err(|reason| {
                Problem::invalid(format!("{kind} {key} cannot be used to verify certificates: {reason}"))
            });
    }
    Err(Problem::missing(match &sources[..] {
        [Source::ConfigMap(key)] => {
            let Key { namespace, name } = key;
            format!(
                "ConfigMap {key} does not exist; create it with \
                 `kubectl create -n {namespace} configmap {name} --from-file=ca.crt=CA.pem`"
            )
        }
        [Source::Secret(own), Source::Secret(shared)] => format!(
            "neither Secret {own} nor Secret {shared} exists; create the first with `{}`, or the second with tls.crt, \
             tls.key and ca.crt",
            create_authority(own)
        ),
        _ => format!("{name} does not exist"),
    }))
}

/// The authorities of several ConfigMaps, which all must be there.
fn together(resources: &Resources, namespace: &Name, name: &Name, sources: &[Source]) -> Result<Authority, Problem> {
    let mut all = Authority { name: name.clone(), certificates: Vec::new(), revocation_lists: Vec::new() };
    for source in sources {
        let Source::ConfigMap(key) = source else { continue };
        let one = authority(resources, namespace, &config_maps(std::slice::from_ref(key)))?;
        for (texts, more) in
            [(&mut all.certificates, one.certificates), (&mut all.revocation_lists, one.revocation_lists)]
        {
            texts.extend(more);
            if texts.last().is_some_and(|last| *last != b'\n') {
                texts.push(b'\n');
            }
        }
    }
    Ok(all)
}

fn no_identity() -> Problem {
    Problem::missing("this gateway has no certificate of the mesh, which mode ISTIO_MUTUAL shows".to_owned())
}

fn create_tls(key: &Key) -> String {
    let Key { namespace, name } = key;
    format!("kubectl create -n {namespace} secret tls {name} --cert=CERT.pem --key=KEY.pem")
}

fn create_authority(key: &Key) -> String {
    let Key { namespace, name } = key;
    format!("kubectl create -n {namespace} secret generic {name} --from-file=ca.crt=CA.pem")
}

/// A Secret that may be a credential of a proxy in `namespace`, if it exists.
fn secret<'r>(resources: &'r Resources, namespace: &Name, key: &Key) -> Result<Option<&'r core::Secret>, Problem> {
    if key.namespace != *namespace {
        let message =
            format!("Secret {key} is not in namespace {namespace}, the only one whose Secrets this gateway may use");
        return Err(Problem::missing(message));
    }
    let found = resources.secrets.get(key).filter(|secret| !FOREIGN_TYPES.contains(&&*secret.spec.type_));
    Ok(found.map(|secret| &secret.spec))
}

/// Values that are there and not empty.
pub(crate) type Values<'v> = dyn Fn(&str) -> Option<Vec<u8>> + 'v;

fn value(values: &Values<'_>, key: &str) -> Option<Vec<u8>> {
    values(key).filter(|value| !value.is_empty())
}

/// Certificate chain and key of a Secret: `cert` and `key`, else `tls.crt` and `tls.key`.
pub(crate) fn pair(secret: &core::Secret) -> Result<(Vec<u8>, Vec<u8>), String> {
    let values = |key: &str| secret.get(key);
    let complete = |(certificate, key): &(&'static str, &'static str)| {
        Some((*certificate, value(&values, certificate)?, *key, value(&values, key)?))
    };
    let forms = [("cert", "key"), ("tls.crt", "tls.key")];
    let Some((certificate_name, certificate, key_name, key)) = forms.iter().find_map(complete) else {
        let is_begun = |form: &&(&str, &str)| secret.keys().any(|name| name == form.0 || name == form.1);
        let (certificate, key) = forms.iter().find(is_begun).copied().unwrap_or(("tls.crt", "tls.key"));
        let missing = if value(&values, certificate).is_none() { certificate } else { key };
        return Err(format!("it has no {missing:?}"));
    };
    match meridian_tls::check_pair(&certificate, &key) {
        Ok(()) => Ok((certificate, key)),
        Err(error) => Err(format!("{error} ({certificate_name:?} and {key_name:?})")),
    }
}

/// Authorities and revocation lists: `cacert` and `crl`, else `ca.crt` and `ca.crl`.
pub(crate) fn roots(values: &Values<'_>) -> Result<(Vec<u8>, Vec<u8>), String> {
    let forms = [("cacert", "crl"), ("ca.crt", "ca.crl")];
    let Some((name, certificates, list)) =
        forms.into_iter().find_map(|(name, list)| Some((name, value(values, name)?, list)))
    else {
        return Err("it has neither \"cacert\" nor \"ca.crt\"".to_owned());
    };
    let lists = value(values, list).unwrap_or_default();
    match meridian_tls::check_trust(&certificates, &lists) {
        Ok(()) => Ok((certificates, lists)),
        Err(error) => Err(format!("{error} ({name:?} and {list:?})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_istio_s() {
        for (credential, certificate, authority) in [
            ("a", Some("kubernetes://a"), Some("kubernetes://a-cacert")),
            ("ns/a", Some("kubernetes://ns/a"), Some("kubernetes://ns/a-cacert")),
            ("kubernetes://a", Some("kubernetes://a"), Some("kubernetes://a-cacert")),
            ("a-cacert", Some("kubernetes://a-cacert"), Some("kubernetes://a-cacert")),
            ("configmap://ns/a", None, Some("configmap://ns/a")),
            ("builtin://", Some("default"), Some("ROOTCA")),
            ("sds://provider", None, None),
        ] {
            assert_eq!(certificate_name(credential).ok().as_deref(), certificate, "{credential}");
            assert_eq!(authority_name(credential).ok().as_deref(), authority, "{credential}");
        }
    }

    #[test]
    fn authorities_are_looked_for_in_their_own_secret_first() {
        let own: Name = "own".into();
        let key = |namespace: &str, name: &str| Key { namespace: namespace.into(), name: name.into() };
        assert_eq!(sources("kubernetes://a", &own), [Source::Secret(key("own", "a"))]);
        assert_eq!(
            sources("kubernetes://a-cacert", &own),
            [Source::Secret(key("own", "a-cacert")), Source::Secret(key("own", "a"))]
        );
        assert_eq!(sources("configmap://ns/a", &own), [Source::ConfigMap(key("ns", "a"))]);
        assert!(sources("ROOTCA", &own).is_empty() && sources("file-root:/a", &own).is_empty());
    }
}
