//! `envoy.config.route.v3.RouteAction.HashPolicy`

use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use meridian_ir::hash_policy::HashPolicy;
use serde_json::{Value, json};

/// What of a request decides about its endpoint.
pub(crate) fn hash_policy(policy: &HashPolicy) -> Value {
    match policy {
        HashPolicy::Header(name) => json!({"header": {"headerName": &**name}}),
        HashPolicy::Cookie { name, path, ttl, attributes } => {
            let attributes = attributes
                .iter()
                .map(|(name, value)| Message::new().with("name", &**name).with_text("value", value).into());
            let cookie = Message::new()
                .with("name", &**name)
                .with_some("ttl", ttl.map(duration))
                .with_text("path", path)
                .with_list("attributes", attributes);
            Message::new().with("cookie", cookie).into()
        }
        HashPolicy::SourceIp => json!({"connectionProperties": {"sourceIp": true}}),
        HashPolicy::Query(name) => json!({"queryParameter": {"name": &**name}}),
    }
}

/// See [`hash_policy`].
pub(crate) fn read(node: &Node<'_>) -> Result<HashPolicy, ReadError> {
    node.message(|policy| {
        if let Some(header) = policy.get("header") {
            let name = header.message(|header| Ok(header.need("headerName")?.text()?.to_ascii_lowercase()))?;
            return Ok(HashPolicy::Header(name.into()));
        }
        if let Some(cookie) = policy.get("cookie") {
            return cookie.message(read_cookie);
        }
        if let Some(query) = policy.get("queryParameter") {
            return Ok(HashPolicy::Query(query.message(|query| query.need("name")?.name())?));
        }
        let properties = policy.get("connectionProperties");
        match properties.map(|node| node.message(|properties| properties.flag("sourceIp"))).transpose()? {
            Some(true) => Ok(HashPolicy::SourceIp),
            _ => Err(policy.error("header, cookie, connectionProperties with sourceIp, or queryParameter")),
        }
    })
}

fn read_cookie(cookie: &Fields<'_>) -> Result<HashPolicy, ReadError> {
    let attribute =
        |node: &Node<'_>| node.message(|attribute| Ok((attribute.need("name")?.name()?, attribute.name("value")?)));
    Ok(HashPolicy::Cookie {
        name: cookie.need("name")?.name()?,
        path: cookie.name("path")?,
        ttl: cookie.some("ttl", Node::duration)?,
        attributes: cookie.each("attributes", attribute)?,
    })
}
