//! Cross-origin requests (the Fetch standard), as Envoy's CORS filter answers them.

use super::connection::{After, Connection};
use super::fields::Extra;
use super::routed::Routed;
use crate::outcome::{Ending, LocalBody, LocalReply};
use meridian_http::{Fields, KnownHeader, Method};
use meridian_ir::cors::Cors;

/// What a request is to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Not a request of another origin, or one of an origin that is not allowed: it goes on, and its response stays as
    /// it is.
    Unconcerned,
    /// It goes on, and its response says that the origin is allowed.
    Allowed,
    /// The question of a browser whether it may; answered here.
    Preflight,
    /// The same of an origin that is not allowed, where such questions do not go to the upstream.
    ForeignPreflight,
}

/// Judges a request. A preflight is an `OPTIONS` with `origin` and `access-control-request-method`.
fn judge(policy: &Cors, method: Method, origin: Option<&[u8]>, requested_method: Option<&[u8]>) -> Verdict {
    let Some(origin) = origin.filter(|origin| !origin.is_empty()) else { return Verdict::Unconcerned };
    // As in Envoy, a matcher that takes `*` takes every origin.
    let is_allowed = policy.allow_origins.iter().any(|allowed| allowed.is_match(b"*") || allowed.is_match(origin));
    let is_preflight = method == Method::Options && requested_method.is_some_and(|method| !method.is_empty());
    match (is_allowed, is_preflight) {
        (true, true) => Verdict::Preflight,
        (true, false) => Verdict::Allowed,
        (false, true) if !policy.forward_unmatched_preflights => Verdict::ForeignPreflight,
        (false, _) => Verdict::Unconcerned,
    }
}

/// Says in a response that `origin` is allowed; replaces what the upstream or the route's edits said about it.
pub(super) fn allow(policy: &Cors, origin: &[u8], fields: &mut Fields, extra: &mut Extra) {
    let mut set = |known: KnownHeader, value: &[u8]| {
        fields.remove_known(known);
        extra.remove_known(known);
        extra.add(known, value);
    };
    set(KnownHeader::AccessControlAllowOrigin, origin);
    if policy.allow_credentials {
        set(KnownHeader::AccessControlAllowCredentials, b"true");
    }
    if let Some(exposed) = said(policy.expose_headers.as_deref()) {
        set(KnownHeader::AccessControlExposeHeaders, exposed);
    }
}

/// Adds the answer to a preflight. `*` for methods or headers repeats what was asked for.
fn answer_preflight(policy: &Cors, request: &Fields, buf: &[u8], extra: &mut Extra) {
    let asked = |known| request.get(known, buf).unwrap_or_default();
    extra.add(KnownHeader::AccessControlAllowOrigin, asked(KnownHeader::Origin));
    if policy.allow_credentials {
        extra.add(KnownHeader::AccessControlAllowCredentials, b"true");
    }
    let mut allow = |field, allowed: Option<&str>, requested| {
        let Some(allowed) = said(allowed) else { return };
        let allowed = if allowed == b"*" { asked(requested) } else { allowed };
        if !allowed.is_empty() {
            extra.add(field, allowed);
        }
    };
    let (methods, headers) = (policy.allow_methods.as_deref(), policy.allow_headers.as_deref());
    allow(KnownHeader::AccessControlAllowMethods, methods, KnownHeader::AccessControlRequestMethod);
    allow(KnownHeader::AccessControlAllowHeaders, headers, KnownHeader::AccessControlRequestHeaders);
    if let Some(seconds) = said(policy.max_age.as_deref()) {
        extra.add(KnownHeader::AccessControlMaxAge, seconds);
    }
    if let Some(exposed) = said(policy.expose_headers.as_deref()) {
        extra.add(KnownHeader::AccessControlExposeHeaders, exposed);
    }
}

fn said(value: Option<&str>) -> Option<&[u8]> {
    value.map(str::as_bytes).filter(|value| !value.is_empty())
}

impl Connection {
    /// Runs the policy of a route that forwards. What is known of the answer after it; `None` when the request is a
    /// preflight, whose answer is prepared.
    pub(super) fn cross_origin<'p>(&mut self, policy: &'p Cors, routed: Routed<'p>) -> Option<Routed<'p>> {
        let buf = self.client.input.message();
        let fields = self.request.head.fields();
        let value = |known| fields.get(known, buf);
        let asked = value(KnownHeader::AccessControlRequestMethod);
        match judge(policy, self.request.head.method(), value(KnownHeader::Origin), asked) {
            Verdict::Unconcerned => Some(routed),
            Verdict::Allowed => {
                let origin =
                    fields.iter().find(|field| field.known() == KnownHeader::Origin).map(|field| field.value());
                Some(routed.with_origin(policy, origin.unwrap_or_default()))
            }
            Verdict::Preflight => {
                answer_preflight(policy, fields, buf, &mut self.response.extra);
                None
            }
            Verdict::ForeignPreflight => None,
        }
    }

    /// Sends the answer to a preflight.
    pub(super) async fn end_preflight(&mut self, routed: &Routed<'_>) -> After {
        let reply =
            LocalReply { status: 200, body: LocalBody::Empty, close: false, overloaded: false, grpc_status: None };
        self.answer(reply, &[], &routed.without_edits(), Ending::Preflight).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_ir::StringMatch;
    use meridian_ir::string_match::FullRegex;

    #[test]
    fn requests_are_judged_as_by_envoy() {
        let policy = |origin: StringMatch| Cors {
            allow_origins: vec![origin],
            forward_unmatched_preflights: true,
            ..Cors::default()
        };
        let exact = || StringMatch::Exact("https://a.example.com".into());
        let strict = Cors { forward_unmatched_preflights: false, ..policy(exact()) };
        let (a, b) = ("https://a.example.com", "https://b.example.com");
        for (policy, method, origin, requested, expected) in [
            (policy(exact()), Method::Get, a, "", Verdict::Allowed),
            (policy(exact()), Method::Get, "https://A.example.com", "", Verdict::Unconcerned),
            (policy(exact()), Method::Get, "", "", Verdict::Unconcerned),
            (policy(exact()), Method::Options, a, "PUT", Verdict::Preflight),
            (policy(exact()), Method::Options, a, "", Verdict::Allowed),
            (policy(exact()), Method::Get, a, "PUT", Verdict::Allowed),
            (policy(exact()), Method::Options, b, "PUT", Verdict::Unconcerned),
            (strict.clone(), Method::Options, b, "PUT", Verdict::ForeignPreflight),
            (strict, Method::Options, b, "", Verdict::Unconcerned),
            (policy(StringMatch::Exact("*".into())), Method::Get, b, "", Verdict::Allowed),
            (policy(StringMatch::Prefix("https://b.".into())), Method::Get, b, "", Verdict::Allowed),
            (policy(StringMatch::Regex(FullRegex::new(".*").expect("a regex"))), Method::Get, b, "", Verdict::Allowed),
        ] {
            let some = |text: &'static str| (!text.is_empty()).then_some(text.as_bytes());
            let verdict = judge(&policy, method, some(origin), some(requested));
            assert_eq!(verdict, expected, "{method:?} of {origin} for {requested} under {policy:?}");
        }
    }
}
