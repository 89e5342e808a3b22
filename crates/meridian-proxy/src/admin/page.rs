//! Requests and answers of the admin endpoint, and which function makes which answer.

use super::{Context, certs, clusters, config_dump, listeners, logging, server_info, stats};
use crate::control::State;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::PrettyFormatter;

/// Parameters of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b`; percent escapes and `+` are decoded.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let decode = |part: &str| {
            let part = part.replace('+', " ");
            percent_encoding::percent_decode_str(&part).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((name, value)) => (decode(name), decode(value)),
            None => (decode(pair), String::new()),
        });
        Self(pairs.collect())
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there, with any value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// `content-type`
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

const TEXT: &str = "text/plain; charset=UTF-8";
const JSON: &str = "application/json";

impl Page {
    /// 200 with text.
    pub(super) fn text(body: impl Into<String>) -> Self {
        Self { status: 200, content_type: TEXT, body: body.into() }
    }

    /// An error with its reason.
    pub(super) fn error(status: u16, reason: impl Into<String>) -> Self {
        Self { status, content_type: TEXT, body: reason.into() }
    }

    /// 200 with JSON, indented by one blank as Envoy does.
    pub(super) fn json(value: &Value) -> Self {
        let mut body = Vec::new();
        let formatter = PrettyFormatter::with_indent(b" ");
        let written = value.serialize(&mut serde_json::Serializer::with_formatter(&mut body, formatter));
        match written
            .map_err(|error| error.to_string())
            .and_then(|()| String::from_utf8(body).map_err(|e| e.to_string()))
        {
            Ok(body) => Self { status: 200, content_type: JSON, body: body + "\n" },
            Err(error) => Self::error(500, error),
        }
    }
}

/// A page of the admin endpoint.
struct Entry {
    path: &'static str,
    /// Whether it changes something: then only POST is answered.
    post: bool,
    help: &'static str,
    make: fn(&Context, &Query) -> Page,
}

const fn entry(path: &'static str, help: &'static str, make: fn(&Context, &Query) -> Page) -> Entry {
    Entry { path, post: false, help, make }
}

const fn post(path: &'static str, help: &'static str, make: fn(&Context, &Query) -> Page) -> Entry {
    Entry { path, post: true, help, make }
}

const ENTRIES: [Entry; 15] = [
    entry("/", "this list", |_, _| help()),
    entry("/certs", "certificates in use, with the days until they expire", |context, _| certs::page(context)),
    entry("/clusters", "clusters and their endpoints (?filter=REGEX, ?format=json)", clusters::page),
    entry(
        "/config_dump",
        "the configuration that runs (?resource=, ?mask=, ?name_regex=, ?include_eds)",
        config_dump::page,
    ),
    entry("/healthcheck/ok", "always answers OK", |_, _| Page::text("OK\n")),
    entry("/help", "this list", |_, _| help()),
    entry("/listeners", "listeners and their addresses (?format=json)", listeners::page),
    post(
        "/logging",
        "query or change log levels (?level=LEVEL, ?LOGGER=LEVEL, ?paths=LOGGER:LEVEL,...)",
        |_, query| logging::page(query),
    ),
    entry("/memory", "memory of the process", |_, _| server_info::memory()),
    post("/quitquitquit", "end the process in order", |context, _| {
        (context.quit)();
        Page::text("OK\n")
    }),
    entry("/ready", "200 LIVE when configured, otherwise 503", |context, _| ready(context)),
    post("/reopen_logs", "open access-log files again", |context, _| {
        context.logs.reopen();
        Page::text("OK\n")
    }),
    entry("/server_info", "version, state and options", |context, _| server_info::page(context)),
    entry("/stats", "metrics (?filter=REGEX, ?usedonly, ?format=json|prometheus)", stats::page),
    entry("/stats/prometheus", "metrics for Prometheus (?filter=REGEX, ?usedonly)", stats::prometheus_page),
];

/// Answers a request to the admin endpoint.
pub(super) fn admin(context: &Context, method: &str, path: &str, query: &Query) -> Page {
    let Some(entry) = ENTRIES.iter().find(|entry| entry.path == path) else {
        return Page::error(404, format!("invalid path. {}", help().body));
    };
    match method {
        "POST" => (entry.make)(context, query),
        "GET" | "HEAD" if !entry.post => (entry.make)(context, query),
        other => {
            let allowed = if entry.post { "POST" } else { "GET" };
            Page::error(405, format!("Method {other} not allowed, {allowed} required."))
        }
    }
}

/// Answers a request to the readiness endpoint.
pub(super) fn readiness(context: &Context, _method: &str, path: &str, _query: &Query) -> Page {
    match path {
        "/healthz/ready" | "/ready" => ready(context),
        _ => Page::error(404, "only /healthz/ready is here\n"),
    }
}

/// Answers a request to the metrics endpoint.
pub(super) fn metrics(context: &Context, _method: &str, path: &str, query: &Query) -> Page {
    match path {
        "/stats/prometheus" | "/metrics" => stats::prometheus_page(context, query),
        _ => Page::error(404, "only /stats/prometheus is here\n"),
    }
}

fn ready(context: &Context) -> Page {
    let state = context.shared.state();
    let status = if state == State::Live { 200 } else { 503 };
    Page { status, ..Page::text(format!("{}\n", state.name())) }
}

fn help() -> Page {
    let mut body = "admin commands are:\n".to_owned();
    for Entry { path, post, help, .. } in &ENTRIES {
        body += &format!("  {path}{}: {help}\n", if *post { " (POST)" } else { "" });
    }
    Page::text(body)
}

/// A regular expression of a parameter.
pub(super) fn regex(query: &Query, name: &str) -> Result<Option<regex::Regex>, Page> {
    query
        .get(name)
        .filter(|pattern| !pattern.is_empty())
        .map(regex::Regex::new)
        .transpose()
        .map_err(|error| Page::error(400, format!("Invalid re2 regex in {name}: {error}\n")))
}
