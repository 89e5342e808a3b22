//! Filters of rules and of their backends.

use super::backends::{Compiler, Speech};
use super::rewrite::with_slash;
use crate::pool::Pool;
use meridian_ir::cors::Cors;
use meridian_ir::format::Format;
use meridian_ir::fraction::Fraction;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::route::Mirror;
use meridian_ir::{HeaderEdits, Name, StringMatch};
use meridian_resources::gateway_api::filter::{
    CorsFilter, HeaderFilter, HttpPathModifier, HttpRouteFilter, PathModifierType, RequestMirrorFilter,
    RequestRedirectFilter,
};
use std::sync::Arc;

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
    let joined = |values: &[String]| (!values.is_empty()).then(|| Name::from(values.join(",")));
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
    if origin == "*" {
        return Some(StringMatch::Prefix(pool.name("")));
    }
    let Some((scheme, rest)) = origin.split_once('*') else { return Some(StringMatch::Exact(pool.name(origin))) };
    let literal = |text: &str| {
        let escaped = text.chars().flat_map(|char| [(!char.is_alphanumeric()).then_some('\\'), Some(char)]);
        escaped.flatten().collect::<String>()
    };
    let pattern = format!("{}[^/:]+{}", literal(scheme), literal(rest));
    // Text without operators, and one that is always the same: a pattern.
    pool.regex(&pattern).ok().map(StringMatch::Regex)
}
