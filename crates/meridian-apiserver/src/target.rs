//! What a URL path means.

use percent_encoding::percent_decode_str;

use crate::resource::{self, ApiResource};
use crate::reviews::{self, Question, Review};

/// The meaning of a path.
#[derive(Debug, PartialEq)]
pub(crate) enum Target {
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/`.
    Root,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(&'static str),
    /// `/api/v1` and `/apis/GROUP/VERSION`.
    Resources(&'static str, &'static str),
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`.
    OpenApiV3,
    /// `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`.
    OpenApiV3Document(&'static str, &'static str),
    /// All objects, as a backup.
    Export,
    /// A review, and what it asks.
    Review(Objects, Question),
    /// Objects.
    Objects(Objects),
    /// A part that an object of this kind does not have, such as the scale of a Service.
    NoPart(&'static ApiResource, String),
}

/// Objects of one resource: all, those of a namespace, or one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Objects {
    pub(crate) resource: &'static ApiResource,
    pub(crate) version: &'static str,
    /// The namespace; `None` for all, and for resources without namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<Subresource>,
}

impl Objects {
    /// The `apiVersion` under which the client reads and writes them.
    pub(crate) fn api_version(&self) -> String {
        self.resource.api_version(self.version)
    }

    /// Whether replacing the object creates it when it is not there.
    pub(crate) fn is_created_by_update(&self) -> bool {
        self.subresource.is_none() && self.resource.is_created_by_update()
    }
}

/// The parts of an object that have a URL of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subresource {
    /// Its status.
    Status,
    /// A token for a service account.
    Token,
    /// How many pods there should be.
    Scale,
    /// What keeps a namespace that is being deleted.
    Finalize,
    /// A Pod's deletion that a budget may forbid.
    Eviction,
    /// The program that runs in it.
    Program(Program),
}

/// What clients want of a running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Exec,
    Attach,
    Log,
    PortForward,
    Proxy,
    EphemeralContainers,
}

impl Subresource {
    /// Its name in URLs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Subresource::Status => "status",
            Subresource::Token => "token",
            Subresource::Scale => "scale",
            Subresource::Finalize => "finalize",
            Subresource::Eviction => "eviction",
            Subresource::Program(Program::Exec) => "exec",
            Subresource::Program(Program::Attach) => "attach",
            Subresource::Program(Program::Log) => "log",
            Subresource::Program(Program::PortForward) => "portforward",
            Subresource::Program(Program::Proxy) => "proxy",
            Subresource::Program(Program::EphemeralContainers) => "ephemeralcontainers",
        }
    }

    /// The subresource of a resource by its name in URLs.
    fn of(resource: &ApiResource, name: &str) -> Option<Subresource> {
        let core = |plural: &str| resource.group.is_empty() && resource.plural == plural;
        Some(match name {
            "status" if resource.status_subresource => Subresource::Status,
            "scale" if resource.scale => Subresource::Scale,
            "token" if resource.is_service_accounts() => Subresource::Token,
            "finalize" if resource.is_namespaces() => Subresource::Finalize,
            "proxy" if core("pods") || core("services") || core("nodes") => Subresource::Program(Program::Proxy),
            "eviction" if core("pods") => Subresource::Eviction,
            "exec" if core("pods") => Subresource::Program(Program::Exec),
            "attach" if core("pods") => Subresource::Program(Program::Attach),
            "log" if core("pods") => Subresource::Program(Program::Log),
            "portforward" if core("pods") => Subresource::Program(Program::PortForward),
            "ephemeralcontainers" if core("pods") => Subresource::Program(Program::EphemeralContainers),
            _ => return None,
        })
    }
}

/// Finds the meaning of a path; `None` when it has none.
pub(crate) fn parse(path: &str) -> Option<Target> {
    let decoded: Option<Vec<String>> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8().ok().map(Into::into))
        .collect();
    let segments = decoded?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Some(match segments[..] {
        [] => Target::Root,
        ["version"] => Target::Version,
        ["healthz" | "livez" | "readyz", ..] => Target::Health,
        ["api"] => Target::CoreVersions,
        ["apis"] => Target::Groups,
        ["meridian", "v1", "export"] => Target::Export,
        ["openapi", "v2"] => Target::OpenApiV2,
        ["openapi", "v3"] => Target::OpenApiV3,
        ["openapi", "v3", "api", version] => version_of("", version, Target::OpenApiV3Document)?,
        ["openapi", "v3", "apis", group, version] => version_of(group, version, Target::OpenApiV3Document)?,
        ["api", version] => version_of("", version, Target::Resources)?,
        ["apis", group] => Target::Group(known_group(group)?),
        ["apis", group, version] => version_of(group, version, Target::Resources)?,
        ["api", version, ref rest @ ..] => objects("", version, rest)?,
        ["apis", group, version, ref rest @ ..] => match review(group, version, rest) {
            Some(review) => review,
            None => objects(group, version, rest)?,
        },
        _ => return None,
    })
}

fn known_group(group: &str) -> Option<&'static str> {
    let mut groups = resource::groups().into_iter().map(|(known, _)| known);
    groups.find(|known| !known.is_empty() && *known == group)
}

fn version_of(group: &str, version: &str, target: fn(&'static str, &'static str) -> Target) -> Option<Target> {
    let (group, versions) = resource::groups().into_iter().find(|(known, _)| *known == group)?;
    versions.into_iter().find(|known| *known == version).map(|version| target(group, version))
}

fn review(group: &str, version: &str, rest: &[&str]) -> Option<Target> {
    let (namespace, plural) = match rest {
        ["namespaces", namespace, plural] => (Some((*namespace).to_owned()), *plural),
        [plural] => (None, *plural),
        _ => return None,
    };
    let is_meant =
        |review: &Review| review.resource.plural == plural && review.resource.namespaced == namespace.is_some();
    let Review { resource, question } = reviews::of_version(group, version).find(|review| is_meant(review))?;
    let version = resource.versions[0];
    Some(Target::Review(Objects { resource, version, namespace, name: None, subresource: None }, *question))
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Option<Target> {
    let (namespace, rest) = match rest {
        // A namespace itself, or its status, is an object; anything after it is inside.
        ["namespaces", namespace, rest @ ..] if !matches!(rest, [] | ["status" | "finalize"]) => {
            (Some(*namespace), rest)
        }
        rest => (None, rest),
    };
    let (plural, name, part) = match rest {
        [plural] => (*plural, None, None),
        [plural, name] => (*plural, Some(*name), None),
        [plural, name, "proxy", ..] => (*plural, Some(*name), Some("proxy")),
        [plural, name, part] => (*plural, Some(*name), Some(*part)),
        _ => return None,
    };
    let resource = resource::by_plural(group, plural)?;
    let version = resource.versions.iter().find(|served| **served == version)?;
    // An object of a namespaced resource has no URL outside a namespace, and the other way round.
    let misplaced = if resource.namespaced { namespace.is_none() && name.is_some() } else { namespace.is_some() };
    if misplaced {
        return None;
    }
    let subresource = match part.map(|part| Subresource::of(resource, part)) {
        None => None,
        Some(Some(subresource)) => Some(subresource),
        Some(None) => return Some(Target::NoPart(resource, name.unwrap_or_default().to_owned())),
    };
    Some(Target::Objects(Objects {
        resource,
        version,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        subresource,
    }))
}

/// Whether a path is one of Kubernetes' own groups in a version that is served. What is not there is answered with a
/// `Status` then, elsewhere with a text.
pub(crate) fn is_of_our_own(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments[..] {
        ["api", ..] => true,
        ["apis", group, version, ..] => resource::of_version(group, version).any(resource::ApiResource::built_in),
        _ => false,
    }
}
