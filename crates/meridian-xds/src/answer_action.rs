//! `envoy.config.route.v3.RedirectAction` and `DirectResponseAction`: answers without an upstream.

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_ir::route::{DirectResponse, Redirect, RedirectPath};
use serde_json::{Value, json};

/// Names of the statuses; that of 301, the default, is left out.
const STATUSES: [(&str, u16); 5] = [
    ("MOVED_PERMANENTLY", 301),
    ("FOUND", 302),
    ("SEE_OTHER", 303),
    ("TEMPORARY_REDIRECT", 307),
    ("PERMANENT_REDIRECT", 308),
];

/// A redirect.
pub fn redirect_action(redirect: &Redirect) -> Value {
    let code = STATUSES[1..].iter().find(|(_, status)| *status == redirect.status).map(|(name, _)| *name);
    let message = Message::new()
        .with_some("schemeRedirect", redirect.scheme.as_deref())
        .with_some("hostRedirect", redirect.host.as_deref())
        .with_some("portRedirect", redirect.port)
        .with_some("responseCode", code);
    match &redirect.path {
        None => message,
        Some(RedirectPath::Full(path)) => message.with("pathRedirect", &**path),
        Some(RedirectPath::Prefix(prefix)) => message.with("prefixRewrite", &**prefix),
    }
    .into()
}

/// An answer without an upstream.
pub fn direct_response_action(response: &DirectResponse) -> Value {
    let body = match std::str::from_utf8(&response.body) {
        Ok("") => None,
        Ok(text) => Some(json!({"inlineString": text})),
        Err(_) => Some(json!({"inlineBytes": STANDARD.encode(&response.body)})),
    };
    Message::new().with("status", response.status).with_some("body", body).into()
}

/// See [`redirect_action`].
pub(crate) fn read_redirect(node: &Node<'_>) -> Result<Redirect, ReadError> {
    node.message(|fields| {
        let path = match (fields.some_name("pathRedirect")?, fields.some_name("prefixRewrite")?) {
            (Some(path), _) => Some(RedirectPath::Full(path)),
            (None, Some(prefix)) => Some(RedirectPath::Prefix(prefix)),
            (None, None) => None,
        };
        let https = fields.flag("httpsRedirect")?;
        Ok(Redirect {
            status: fields.choice("responseCode", &STATUSES, 301)?,
            scheme: fields.some_name("schemeRedirect")?.or_else(|| https.then(|| "https".into())),
            host: fields.some_name("hostRedirect")?,
            port: fields.some("portRedirect", Node::u16)?.filter(|port| *port != 0),
            path,
        })
    })
}

/// See [`direct_response_action`].
pub(crate) fn read_direct_response(node: &Node<'_>) -> Result<DirectResponse, ReadError> {
    let body = |node: &Node<'_>| {
        node.message(|source: &Fields<'_>| match source.get("inlineString") {
            Some(text) => Ok(text.text()?.as_bytes().to_vec()),
            None => source.need("inlineBytes")?.bytes(),
        })
    };
    node.message(|response| {
        let status = response.need("status")?;
        match status.u16()? {
            found @ 200..=599 => {
                Ok(DirectResponse { status: found, body: response.some("body", body)?.unwrap_or_default() })
            }
            _ => Err(status.error("a status from 200 to 599")),
        }
    })
}
