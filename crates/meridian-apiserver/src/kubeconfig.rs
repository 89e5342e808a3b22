//! The file that tells `kubectl` where the API is, and the API who asks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::pki::Pair;

/// By what the user of a kubeconfig is known.
#[derive(Debug, Clone, Copy)]
pub enum Credentials<'a> {
    /// By nothing.
    None,
    /// By a certificate.
    Certificate(&'a Pair),
    /// By a bearer token.
    Token(&'a str),
}

/// A kubeconfig with one cluster at `server` (`https://127.0.0.1:16443`) that `authority` (PEM) vouches for, and one
/// context, which is the current one.
pub fn kubeconfig(server: &str, authority: Option<&str>, credentials: Credentials<'_>) -> String {
    let encoded = |pem: &str| STANDARD.encode(pem);
    let authority =
        authority.map(|pem| format!("    certificate-authority-data: {}\n", encoded(pem))).unwrap_or_default();
    let user = match credentials {
        Credentials::None => "  user: {}\n".to_owned(),
        Credentials::Certificate(pair) => format!(
            "  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
            encoded(&pair.certificate),
            encoded(&pair.key)
        ),
        Credentials::Token(token) => format!("  user:\n    token: {token}\n"),
    };
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: meridian\n  cluster:\n{authority}    server: {server}\n\
         users:\n\
         - name: meridian\n{user}\
         contexts:\n\
         - name: meridian\n  context:\n    cluster: meridian\n    user: meridian\n    namespace: default\n\
         current-context: meridian\n"
    )
}
