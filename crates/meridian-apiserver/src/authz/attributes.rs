//! What a request does, read from its method and path alone, as Kubernetes' `RequestInfo` does: also for what is not
//! served, so that a refusal tells nobody what there is.

use std::fmt;

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::query::Query;

/// What is to be done, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attributes {
    /// Something with objects.
    Resource {
        /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; or what a review asks for.
        verb: String,
        /// The group; empty for core.
        group: String,
        /// The name in URLs.
        resource: String,
        /// Empty, or a part such as `status`.
        subresource: String,
        /// Empty for all namespaces, and for what is in none.
        namespace: String,
        /// Empty for all objects.
        name: String,
    },
    /// Something with a document.
    Path {
        /// The method in lowercase.
        verb: String,
        /// The path.
        path: String,
    },
}

impl Attributes {
    /// What a request does.
    pub(crate) fn of_request(method: &Method, path: &str, query: &Query) -> Attributes {
        let decoded: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let (group, rest) = match parts[..] {
            ["api", _version, ref rest @ ..] if !rest.is_empty() => ("", rest),
            ["apis", group, _version, ref rest @ ..] if !rest.is_empty() => (group, rest),
            _ => return Attributes::Path { verb: method.as_str().to_ascii_lowercase(), path: path.to_owned() },
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, "status" | "finalize", ..] | ["namespaces", namespace] => (*namespace, rest),
            ["namespaces", namespace, rest @ ..] => (*namespace, rest),
            rest => ("", rest),
        };
        let part = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        let (resource, mut name, subresource) = (part(0), part(1), part(2));
        let verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if name.is_empty() => "deletecollection",
            Method::DELETE => "delete",
            Method::GET | Method::HEAD if !name.is_empty() => "get",
            Method::GET | Method::HEAD => {
                name = named_by_selector(query).unwrap_or_default();
                if query.flag("watch") { "watch" } else { "list" }
            }
            _ => "",
        };
        let (verb, group, namespace) = (verb.to_owned(), group.to_owned(), namespace.to_owned());
        Attributes::Resource { verb, group, resource, subresource, namespace, name }
    }

    /// Something with all objects of a resource.
    pub(crate) fn of_resource(verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> Attributes {
        Attributes::Resource {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: String::new(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The one object that a field selector leaves.
fn named_by_selector(query: &Query) -> Option<String> {
    let selector = query.get("fieldSelector")?;
    let name = selector.split(',').find_map(|term| term.strip_prefix("metadata.name="))?;
    Some(name.trim_start_matches('=').to_owned()).filter(|name| !name.is_empty())
}

/// What somebody cannot do, in Kubernetes' words.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attributes::Path { verb, path } => write!(f, "{verb} path {path:?}"),
            Attributes::Resource { verb, group, resource, subresource, namespace, .. } => {
                let slash = if subresource.is_empty() { "" } else { "/" };
                write!(f, "{verb} resource \"{resource}{slash}{subresource}\" in API group {group:?} ")?;
                if namespace.is_empty() {
                    f.write_str("at the cluster scope")
                } else {
                    write!(f, "in the namespace {namespace:?}")
                }
            }
        }
    }
}
