//! What an HTTP route does with requests: redirect, answer, rewrite, mirror, retry, fail on purpose, CORS.

use crate::istio::virtual_service::{
    Abort, CorsPolicy, Delay, GRPC_STATUSES, HttpDirectResponse, HttpFaultInjection, HttpMatchRequest, HttpRedirect,
    HttpRetry, HttpRewrite, HttpRoute, Percent,
};
use crate::istio::{StringMatch, rules};
use crate::rules::{Findings, headers, net};
use crate::schema::path::Path;

/// The largest body of a direct response, in bytes, and the largest that is not remarked.
const LARGEST_BODY: usize = 1024 * 1024;
const LARGE_BODY: usize = 100 * 1024;

const CORS_METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];

/// The conditions of Envoy's `x-envoy-retry-on` and `x-envoy-retry-grpc-on`.
const RETRY_ON: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

pub(super) fn check(findings: &mut Findings, path: &Path<'_>, route: &HttpRoute) {
    if let Some(policy) = &route.cors_policy {
        check_cors(findings, &path.field("corsPolicy"), policy);
    }
    if let Some(fault) = &route.fault {
        check_fault(findings, &path.field("fault"), fault);
    }
    check_mirrors(findings, path, route);
    if let Some(redirect) = &route.redirect {
        check_redirect(findings, &path.field("redirect"), redirect, &route.matches);
    }
    if let Some(response) = &route.direct_response {
        check_direct_response(findings, &path.field("directResponse"), response);
    }
    if let Some(retries) = &route.retries {
        check_retries(findings, &path.field("retries"), retries);
    }
    if let Some(rewrite) = &route.rewrite {
        check_rewrite(findings, &path.field("rewrite"), rewrite);
    }
}

fn check_cors(findings: &mut Findings, path: &Path<'_>, policy: &CorsPolicy) {
    let list = path.field("allowOrigins");
    for (index, origin) in policy.allow_origins.iter().enumerate() {
        let path = list.index(index);
        match origin {
            StringMatch::Present => {
                findings.invalid(&path, "", "'' is not a valid match type for CORS allow origins");
            }
            StringMatch::Exact(text) | StringMatch::Prefix(text) | StringMatch::Regex(text) if text.is_empty() => {
                findings.invalid(&path, "", "'' is not a valid match type for CORS allow origins");
            }
            origin => rules::regex_match(findings, &path, origin, "corsPolicy.allowOrigins"),
        }
    }
    let list = path.field("allowMethods");
    for (index, method) in policy.allow_methods.iter().enumerate() {
        if !CORS_METHODS.contains(&method.as_str()) {
            let detail = format!("{method:?} is not a supported HTTP method");
            findings.invalid(&list.index(index), method.as_str(), detail);
        }
    }
    for (field, names) in [("allowHeaders", &policy.allow_headers), ("exposeHeaders", &policy.expose_headers)] {
        let list = path.field(field);
        for (index, name) in names.iter().enumerate() {
            findings.check(&list.index(index), name, headers::cors_name(name));
        }
    }
    if let Some(age) = policy.max_age {
        let path = path.field("maxAge");
        net::duration(findings, &path, Some(age));
        if age.as_nanos() % 1_000_000_000 != 0 {
            let before = findings.errors.len();
            findings.invalid(&path, age.to_string(), "max_age duration is accurate only to seconds precision");
            findings.listed_since(before);
        }
    }
}

fn check_fault(findings: &mut Findings, path: &Path<'_>, fault: &HttpFaultInjection) {
    if fault.abort.is_none() && fault.delay.is_none() {
        let before = findings.errors.len();
        findings.required(path, "HTTP fault injection must have an abort and/or a delay");
        findings.listed_since(before);
    }
    if let Some(abort) = &fault.abort {
        check_abort(findings, &path.field("abort"), abort);
    }
    if let Some(delay) = &fault.delay {
        check_delay(findings, &path.field("delay"), delay);
    }
}

fn check_abort(findings: &mut Findings, path: &Path<'_>, abort: &Abort) {
    check_percentage(findings, path, abort.percentage);
    if let Some(status) = abort.http_status {
        check_status(findings, &path.field("httpStatus"), status.into());
    }
    if let Some(status) = abort.grpc_status.as_deref().filter(|status| !GRPC_STATUSES.contains(status)) {
        let detail = format!(
            "gRPC status {status:?} is not supported. See \
             https://github.com/grpc/grpc/blob/master/doc/statuscodes.md for a list of supported codes, for example \
             'NOT_FOUND'"
        );
        findings.invalid(&path.field("grpcStatus"), status, detail);
    }
    if let Some(error) = &abort.http2_error {
        let detail = "HTTP/2 abort fault injection not supported yet";
        findings.invalid(&path.field("http2Error"), error.as_str(), detail);
    }
    if abort.http_status.is_none() && abort.grpc_status.is_none() && abort.http2_error.is_none() {
        findings.warn(path, "abort configured, but error type not set");
    }
}

fn check_delay(findings: &mut Findings, path: &Path<'_>, delay: &Delay) {
    check_percentage(findings, path, delay.percentage);
    if delay.percent != 0 {
        let detail = "using deprecated setting \"percent\", use \"percentage\" instead";
        findings.warn(&path.field("percent"), detail);
    }
    net::duration(findings, &path.field("fixedDelay"), delay.fixed_delay);
    if let Some(exponential) = delay.exponential_delay {
        let path = path.field("exponentialDelay");
        let before = findings.errors.len();
        findings.invalid(&path, exponential.to_string(), "exponentialDelay not supported yet");
        findings.listed_since(before);
    }
}

fn check_percentage(findings: &mut Findings, path: &Path<'_>, percentage: Option<Percent>) {
    let Some(Percent { value }) = percentage else { return };
    if value != 0.0 && !(0.0001..=100.0).contains(&value) {
        let detail = format!("percentage {value} is neither 0.0, nor in range [0.0001, 100.0]");
        findings.invalid(&path.field("percentage").field("value"), value, detail);
    }
}

/// Istio's own limits, which include 600.
fn check_status(findings: &mut Findings, path: &Path<'_>, status: i64) {
    if !(200..=600).contains(&status) {
        findings.invalid(path, status, format!("HTTP status {status} is not in range 200-599"));
        // Istio has it in 32 bits.
        let status = i32::from_le_bytes((status as u32).to_le_bytes());
        findings.in_istios_words(format!("HTTP status {status} is not in range 200-599"));
    }
}

fn check_mirrors(findings: &mut Findings, path: &Path<'_>, route: &HttpRoute) {
    if let Some(percent) = route.mirror_percent {
        let path = path.field("mirrorPercent");
        if percent > 100 {
            let detail = format!("mirror_percent must have a max value of 100 (it has {percent})");
            findings.invalid(&path, percent, detail);
        }
        findings.warn(&path, "using deprecated setting \"mirrorPercent\", use \"mirrorPercentage\" instead");
    }
    let mut within = |path: &Path<'_>, name: &str, percentage: Option<Percent>| {
        let Some(Percent { value }) = percentage else { return };
        let path = path.field("value");
        if value > 100.0 {
            findings.invalid(&path, value, format!("{name} must have a max value of 100 (it has {value:.6})"));
        } else if value < 0.0 {
            findings.invalid(&path, value, format!("{name} must have a min value of 0 (it has {value:.6})"));
        }
    };
    within(&path.field("mirrorPercentage"), "mirror_percentage", route.mirror_percentage);
    let list = path.field("mirrors");
    for (index, mirror) in route.mirrors.iter().enumerate() {
        within(&list.index(index).field("percentage"), "mirror percentage", mirror.percentage);
    }
    if let Some(mirror) = &route.mirror {
        rules::destination(findings, &path.field("mirror"), mirror);
    }
    for (index, mirror) in route.mirrors.iter().enumerate() {
        rules::destination(findings, &list.index(index).field("destination"), &mirror.destination);
    }
}

fn check_redirect(findings: &mut Findings, path: &Path<'_>, redirect: &HttpRedirect, matches: &[HttpMatchRequest]) {
    if !redirect.uri.is_empty() && !redirect.prefix_rewrite.is_empty() {
        findings.forbidden(path, "redirect may only specify one of uri or prefix_rewrite");
    }
    let by_prefix = |matcher: &HttpMatchRequest| matches!(matcher.uri, None | Some(StringMatch::Prefix(_)));
    if !redirect.prefix_rewrite.is_empty() && !matches.iter().all(by_prefix) {
        let detail = "redirect prefix_rewrite requires all URI matches to use prefix match type";
        findings.forbidden(&path.field("prefixRewrite"), detail);
    }
    let texts = [&redirect.uri, &redirect.prefix_rewrite, &redirect.authority, &redirect.scheme];
    if texts.iter().all(|text| text.is_empty()) && redirect.port.is_none() && redirect.derive_port.is_none() {
        findings.required(path, "redirect must specify URI, authority, scheme, or port");
    }
    let code = redirect.redirect_code;
    if code != 0 && !(300..=399).contains(&code) {
        let detail = format!("{code} is not a valid redirect code, must be 3xx");
        findings.invalid(&path.field("redirectCode"), code, detail);
    }
    if !matches!(redirect.scheme.as_str(), "" | "http" | "https") {
        let detail = "invalid redirect scheme, must be \"http\" or \"https\"";
        findings.invalid(&path.field("scheme"), redirect.scheme.as_str(), detail);
    }
    rules::match_port(findings, &path.field("port"), redirect.port.unwrap_or(0));
}

fn check_direct_response(findings: &mut Findings, path: &Path<'_>, response: &HttpDirectResponse) {
    if let Some(body) = &response.body {
        // Four characters of base64 are three bytes.
        let bytes = body.bytes.as_ref().map_or(0, |bytes| bytes.len() / 4 * 3);
        let size = bytes.max(body.string.as_ref().map_or(0, String::len));
        let path = path.field("body");
        if size > LARGEST_BODY {
            let detail = "large direct_responses may impact control plane performance, must be less than 1MB";
            findings.forbidden(&path, detail);
        } else if size > LARGE_BODY {
            findings.warn(&path, "large direct_responses may impact control plane performance");
        }
    }
    check_status(findings, &path.field("status"), response.status.into());
}

fn check_retries(findings: &mut Findings, path: &Path<'_>, retries: &HttpRetry) {
    if retries.attempts < 0 {
        let before = findings.errors.len();
        findings.invalid(&path.field("attempts"), retries.attempts, "attempts cannot be negative");
        findings.listed_since(before);
    }
    let configured =
        retries.per_try_timeout.is_some() || !retries.retry_on.is_empty() || retries.retry_remote_localities.is_some();
    if retries.attempts == 0 && configured {
        let detail = "http retry policy configured when attempts are set to 0 (disabled)";
        findings.invalid(&path.field("attempts"), 0, detail);
    }
    net::duration(findings, &path.field("perTryTimeout"), retries.per_try_timeout);
    net::duration(findings, &path.field("backoff"), retries.backoff);
    if retries.retry_on.is_empty() {
        return;
    }
    for policy in retries.retry_on.split(',') {
        let status = policy.parse::<u16>().is_ok_and(is_known_status);
        if !status && !RETRY_ON.contains(&policy) {
            let detail = format!("{policy:?} is not a valid retryOn policy");
            findings.invalid(&path.field("retryOn"), retries.retry_on.as_str(), detail);
        }
    }
}

/// The status codes with a registered meaning (those for which Go has a text).
fn is_known_status(status: u16) -> bool {
    matches!(
        status,
        100..=103 | 200..=208 | 226 | 300..=305 | 307..=308 | 400..=418 | 421..=426 | 428..=429 | 431 | 451
            | 500..=508 | 510..=511
    )
}

fn check_rewrite(findings: &mut Findings, path: &Path<'_>, rewrite: &HttpRewrite) {
    if !rewrite.uri.is_empty() && rewrite.uri_regex_rewrite.is_some() {
        findings.forbidden(path, "rewrite may only contain one of URI or UriRegexRewrite");
        let said = findings.errors.len();
        check_substitution(findings, path, rewrite);
        findings.unsaid_since(said);
        return;
    }
    if rewrite.uri.is_empty() && rewrite.uri_regex_rewrite.is_none() && rewrite.authority.is_empty() {
        let detail = "rewrite must specify at least one of URI, UriRegexRewrite, or authority. Only one of URI or \
                      UriRegexRewrite may be specified";
        findings.required(path, detail);
    }
    check_substitution(findings, path, rewrite);
}

fn check_substitution(findings: &mut Findings, path: &Path<'_>, rewrite: &HttpRewrite) {
    if let Some(substitution) = &rewrite.uri_regex_rewrite {
        let path = path.field("uriRegexRewrite");
        if substitution.matches.is_empty() || substitution.rewrite.is_empty() {
            let detail = "UriRegexRewrite requires both Rewrite and Match fields to be specified";
            findings.required(&path, detail);
            findings.in_istios_words(format!("UriRegexRewrite has errors\n{detail}"));
        } else {
            let subject = "HTTPRewrite.UriRegexRewrite.Match";
            rules::regex(findings, &path.field("match"), &substitution.matches, subject);
        }
    }
}
