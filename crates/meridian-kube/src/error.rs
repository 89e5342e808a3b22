//! Why the API did not do what was asked for.

use std::error::Error as _;

/// Why a request failed. The texts are the API server's, where it has answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kubeconfig, or what a pod has instead, cannot be used.
    #[error("{0}")]
    Config(String),
    /// 404: the object, its namespace or its kind does not exist.
    #[error("{0}")]
    NotFound(String),
    /// 409 `AlreadyExists`.
    #[error("{0}")]
    AlreadyExists(String),
    /// 409: somebody else has changed the object meanwhile.
    #[error("{0}")]
    Conflict(String),
    /// 401, 403: these credentials may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// Another answer that stays the same when the request is repeated.
    #[error("{0}")]
    Refused(String),
    /// No answer, or one that says that the server cannot answer now.
    #[error("{0}")]
    Unavailable(String),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        let kube::Error::Api(status) = &error else { return Self::Unavailable(whole_text(&error)) };
        let text = status.message.clone();
        match status.code {
            401 | 403 => Self::Forbidden(text),
            404 => Self::NotFound(text),
            409 if status.reason == "AlreadyExists" => Self::AlreadyExists(text),
            409 => Self::Conflict(text),
            429 | 500.. => Self::Unavailable(text),
            _ => Self::Refused(text),
        }
    }
}

/// An error with its reasons, those that it quotes itself but once.
#[must_use]
pub fn whole_text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let reason_text = reason.to_string();
        if !text.contains(&reason_text) {
            text = format!("{text}: {reason_text}");
        }
        source = reason.source();
    }
    text
}

/// Whether the server has answered, so that this concerns one kind and not all.
pub(crate) fn is_answer(error: &kube::runtime::watcher::Error) -> bool {
    use kube::runtime::watcher::Error as Watching;
    matches!(
        error,
        Watching::InitialListFailed(kube::Error::Api(_))
            | Watching::WatchStartFailed(kube::Error::Api(_))
            | Watching::WatchFailed(kube::Error::Api(_))
            | Watching::WatchError(_)
    )
}

/// What an error of a watch is, and its text.
pub(crate) fn of_watch(error: &kube::runtime::watcher::Error) -> String {
    use kube::runtime::watcher::Error as Watching;
    match error {
        Watching::InitialListFailed(error) | Watching::WatchStartFailed(error) | Watching::WatchFailed(error) => {
            match error {
                kube::Error::Api(status) => status.message.clone(),
                other => whole_text(other),
            }
        }
        Watching::WatchError(status) => status.message.clone(),
        other => other.source().map_or_else(|| other.to_string(), whole_text),
    }
}
