//! `envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute`

use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_ir::SessionPersistence;
use serde_json::{Value, json};
use std::time::Duration;

/// Name of the filter, and key of its configuration in a route.
pub(crate) const FILTER: &str = "envoy.filters.http.stateful_session";

const COOKIE: &str = "envoy.http.stateful_session.cookie";
const HEADER: &str = "envoy.http.stateful_session.header";

/// How the clients of a route are kept at one endpoint.
pub(crate) fn session(session: &SessionPersistence) -> Value {
    let (name, state) = match session {
        SessionPersistence::Cookie { name, path, ttl } => {
            let cookie =
                Message::new().with("name", &**name).with_some("ttl", ttl.map(duration)).with_text("path", path);
            (COOKIE, Message::any(type_url::COOKIE_SESSION).with("cookie", cookie))
        }
        SessionPersistence::Header(name) => (HEADER, Message::any(type_url::HEADER_SESSION).with("name", &**name)),
    };
    let state = Message::new().with("name", name).with("typedConfig", state);
    Message::any(type_url::STATEFUL_SESSION_PER_ROUTE)
        .with("statefulSession", Message::new().with("sessionState", state))
        .into()
}

/// Reads what a route has of it in its `typedPerFilterConfig`.
pub(crate) fn read(per_filter: &Fields<'_>) -> Result<Option<SessionPersistence>, ReadError> {
    if per_filter.get(FILTER).is_none() {
        return Ok(None);
    }
    per_filter.any(FILTER, type_url::STATEFUL_SESSION_PER_ROUTE)?.message(|route| {
        if route.flag("disabled")? {
            return Ok(None);
        }
        route.need("statefulSession")?.message(|session| session.some("sessionState", read_state))
    })
}

fn read_state(node: &Node<'_>) -> Result<SessionPersistence, ReadError> {
    node.message(|state| {
        state.text("name")?;
        let config = state.need("typedConfig")?;
        match config.value().get("@type").and_then(Value::as_str) {
            Some(type_url::COOKIE_SESSION) => config.message(|config| config.need("cookie")?.message(read_cookie)),
            Some(type_url::HEADER_SESSION) => config.message(|config| {
                Ok(SessionPersistence::Header(config.need("name")?.text()?.to_ascii_lowercase().into()))
            }),
            _ => Err(config.error("a session in a cookie or a header")),
        }
    })
}

fn read_cookie(cookie: &Fields<'_>) -> Result<SessionPersistence, ReadError> {
    cookie.known("attributes", &json!([]));
    Ok(SessionPersistence::Cookie {
        name: cookie.need("name")?.name()?,
        path: cookie.name("path")?,
        ttl: cookie.some("ttl", Node::duration)?.filter(|ttl| *ttl > Duration::ZERO),
    })
}
