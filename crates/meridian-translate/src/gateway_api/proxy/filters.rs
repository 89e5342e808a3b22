//! Filters of rules and of their backends.

use super::backends::{Compiler, Speech};
use super::rewrite::with_slash;
use crate::istio::cluster::ClusterId;
use crate::pool::Pool;
use meridian_ir::cors::Cors;
use meridian_ir::ext_authz::{AuthzService, ExtAuthz, HttpAuthz};
use meridian_ir::format::Format;
use meridian_ir::fraction::Fraction;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::route::Mirror;
use meridian_ir::{HeaderEdits, Name, StringMatch};
use meridian_resources::gateway_api::common::{
    CookieLifetimeType, SessionPersistence, SessionPersistenceType, duration,
};
use meridian_resources::gateway_api::filter::{
    CorsFilter, ExternalAuthFilter, ExternalAuthProtocol, HeaderFilter, HttpPathModifier, HttpRouteFilter,
    PathModifierType, RequestMirrorFilter, RequestRedirectFilter,
};
use std::sync::Arc;

/// The cookie or header of sessions that have no name.
const SESSION_NAME: &str = "meridian-session";

/// What the filters of a rule, or of one of its backends, add up to.
#[derive(Debug, Default)]
pub(crate) struct Filters<'r> {
    pub(crate) request: HeaderEdits,
    pub(crate) response: HeaderEdits,
    /// The host that backends are told.
    pub(crate) host: Option<Name>,
    pub(crate) path: Option<PathChange<'r>>,
    pub(crate) redirect: Option<&'r RequestRedirectFilter>,
    pub(crate) mirrors: Vec<Mirror>,
    pub(crate) cors: Option<Arc<Cors>>,
    pub(crate) ext_authz: Option<Arc<ExtAuthz>>,
    /// Someone must be asked about requests who cannot be: none may pass.
    pub(crate) is_barred: bool,
}

/// What becomes of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathChange<'r> {
    /// It is replaced as a whole.
    Full(Name),
    /// What matched of it is replaced.
    Prefix(&'r str),
}

impl<'r> PathChange<'r> {
    pub(crate) fn of(modifier: &'r HttpPathModifier) -> Self {
        match modifier.type_ {
            PathModifierType::ReplaceFullPath => {
                let path = with_slash(modifier.replace_full_path.as_deref().unwrap_or_default());
                Self::Full(if path.is_empty() { "/".into() } else { path })
            }
            PathModifierType::ReplacePrefixMatch => {
                Self::Prefix(modifier.replace_prefix_match.as_deref().unwrap_or_default())
            }
        }
    }
}

/// Compiles filters of which none is unsupported; mirrors speak `speech`.
pub(crate) fn compile<'r>(
    compiler: &mut Compiler<'_, '_>,
    filters: &'r [HttpRouteFilter],
    speech: Speech,
) -> Filters<'r> {
    let mut compiled = Filters::default();
    for filter in filters {
        let pool = &mut *compiler.scope.pool;
        if let Some(edits) = &filter.request_header_modifier {
            compiled.host = host_of(edits).or(compiled.host.take());
            append(&mut compiled.request, header_edits(edits, pool));
        }
        if let Some(edits) = &filter.response_header_modifier {
            append(&mut compiled.response, header_edits(edits, pool));
        }
        if let Some(rewrite) = &filter.url_rewrite {
            compiled.host = rewrite.hostname.as_deref().map(Name::from).or(compiled.host.take());
            compiled.path = rewrite.path.as_ref().map(PathChange::of).or(compiled.path.take());
        }
        if let Some(redirect) = &filter.request_redirect {
            compiled.redirect = Some(redirect);
        }
        if let Some(policy) = &filter.cors {
            compiled.cors = Some(Arc::new(cors(policy, pool)));
        }
        if let Some(mirror) = &filter.request_mirror {
            compiled.mirrors.extend(self::mirror(compiler, mirror, speech));
        }
        if let Some(filter) = &filter.external_auth {
            compiled.ext_authz = ext_authz(compiler, filter).map(Arc::new);
            compiled.is_barred |= compiled.ext_authz.is_none();
        }
    }
    compiled
}

/// A copy of requests; `None` when it leads nowhere, or is of none.
fn mirror(compiler: &mut Compiler<'_, '_>, mirror: &RequestMirrorFilter, speech: Speech) -> Option<Mirror> {
    let millionths = match (&mirror.fraction, mirror.percent) {
        (Some(fraction), _) => {
            let numerator = u64::try_from(fraction.numerator).unwrap_or_default();
            let denominator = u64::try_from(fraction.denominator).unwrap_or_default().max(1);
            u32::try_from(numerator * 1_000_000 / denominator).unwrap_or(u32::MAX)
        }
        (None, Some(percent)) => u32::try_from(percent).unwrap_or_default().saturating_mul(10_000),
        (None, None) => 1_000_000,
    };
    let cluster = compiler.cluster(&mirror.backend_ref, speech)?;
    (millionths > 0).then(|| Mirror { cluster: cluster.name, fraction: Fraction::from_millionths(millionths) })
}

/// Whom to ask about requests; `None` when the reference leads nowhere.
fn ext_authz(compiler: &mut Compiler<'_, '_>, filter: &ExternalAuthFilter) -> Option<ExtAuthz> {
    let named = |headers: &[String]| -> Vec<StringMatch> {
        headers.iter().map(|name| StringMatch::Exact(name.to_ascii_lowercase().into())).collect()
    };
    let max_body_bytes = filter.forward_body.as_ref().map_or(0, |body| body.max_size);
    let (service, allowed_headers) = match filter.protocol {
        ExternalAuthProtocol::Grpc => {
            let cluster = compiler.cluster(&filter.backend_ref, Speech::Grpc)?;
            let headers = filter.grpc.as_ref().map_or(Vec::new(), |grpc| named(&grpc.allowed_headers));
            (AuthzService::Grpc { cluster: cluster.name, authority: Some(cluster.host) }, headers)
        }
        ExternalAuthProtocol::Http => {
            let ClusterId { name, host, port, .. } = compiler.cluster(&filter.backend_ref, Speech::Plain)?;
            let http = filter.http.clone().unwrap_or_default();
            let answered = &http.allowed_response_headers;
            let service = HttpAuthz {
                cluster: name,
                uri: format!("http://{host}:{port}").into(),
                path_prefix: http.path.as_str().into(),
                allowed_response_headers: (!answered.is_empty()).then(|| named(answered)),
            };
            (AuthzService::Http(service), named(&http.allowed_headers))
        }
    };
    Some(ExtAuthz { service, allowed_headers, max_body_bytes, ..ExtAuthz::default() })
}

/// How the requests of a session stay together.
pub(crate) fn session(persistence: &SessionPersistence, pool: &mut Pool) -> meridian_ir::SessionPersistence {
    let name = persistence.session_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(SESSION_NAME);
    match persistence.type_ {
        SessionPersistenceType::Header => {
            meridian_ir::SessionPersistence::Header(pool.name(&name.to_ascii_lowercase()))
        }
        SessionPersistenceType::Cookie => {
            let lifetime = persistence.cookie_config.as_ref().map(|cookie| cookie.lifetime_type).unwrap_or_default();
            let limit = persistence.absolute_timeout.as_deref().and_then(duration);
            meridian_ir::SessionPersistence::Cookie {
                name: pool.name(name),
                path: pool.name("/"),
                ttl: limit.filter(|_| lifetime == CookieLifetimeType::Permanent),
            }
        }
    }
}

/// Edits of headers; of several for one name in one list the first counts.
fn header_edits(filter: &HeaderFilter, pool: &mut Pool) -> HeaderEdits {
    let is_host = |name: &str| name.eq_ignore_ascii_case("host");
    let mut write: Vec<HeaderValue> = Vec::with_capacity(filter.set.len() + filter.add.len());
    for (headers, action) in [(&filter.set, AppendAction::Overwrite), (&filter.add, AppendAction::Append)] {
        let first = write.len();
        for header in headers.iter().filter(|header| !is_host(&header.name)) {
            let name = pool.name(&header.name.to_ascii_lowercase());
            if write[first..].iter().all(|known| known.name != name) {
                write.push(HeaderValue { name, value: Format::literal(&header.value), action });
            }
        }
    }
    let remove = filter.remove.iter().filter(|name| !is_host(name));
    HeaderEdits { remove: remove.map(|name| pool.name(&name.to_ascii_lowercase())).collect(), write }
}

/// What `host` is set to.
fn host_of(filter: &HeaderFilter) -> Option<Name> {
    let host = filter.set.iter().chain(&filter.add).find(|header| header.name.eq_ignore_ascii_case("host"));
    host.map(|header| header.value.as_str().into())
}

fn append(edits: &mut HeaderEdits, more: HeaderEdits) {
    edits.remove.extend(more.remove);
    edits.write.extend(more.write);
}

fn cors(filter: &CorsFilter, pool: &mut Pool) -> Cors {
    // The data plane repeats what was asked for where all is allowed.
    let joined = |values: &[String]| match values.iter().any(|value| value == "*") {
        true => Some("*".into()),
        false => (!values.is_empty()).then(|| Name::from(values.join(","))),
    };
    let origins = filter.allow_origins.iter();
    Cors {
        allow_origins: origins.filter_map(|origin| self::origin(origin, pool)).collect(),
        allow_methods: joined(&filter.allow_methods),
        allow_headers: joined(&filter.allow_headers),
        expose_headers: joined(&filter.expose_headers),
        max_age: Some(filter.max_age.to_string().into()),
        allow_credentials: filter.allow_credentials,
        forward_unmatched_preflights: false,
    }
}

/// `*`, or an origin in which `*` stands for what is before the rest of the host.
fn origin(origin: &str, pool: &mut Pool) -> Option<StringMatch> {
    let wildcard = origin.split_once('*').filter(|(scheme, _)| !scheme.is_empty());
    // The data plane takes an origin that is `*` as all of them.
    let Some((scheme, rest)) = wildcard else { return Some(StringMatch::Exact(pool.name(origin))) };
    let literal = |text: &str| {
        let escaped = text.chars().flat_map(|char| [(!char.is_alphanumeric()).then_some('\\'), Some(char)]);
        escaped.flatten().collect::<String>()
    };
    let pattern = format!("{}[^/:]+{}", literal(scheme), literal(rest));
    // Text without operators, and one that is always the same: a pattern.
    pool.regex(&pattern).ok().map(StringMatch::Regex)
}
