//! `--demo`: a backend and the example's route to it.

use crate::httpbin;
use anyhow::{Context, anyhow};
use meridian_apiserver::Api;
use meridian_resources::yaml;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The address that `examples/httpbin.yaml` names.
const BACKEND: &str = "127.0.0.1:8000";
const EXAMPLE: &str = include_str!("../../../../examples/httpbin.yaml");

/// The backend; it ends when this is dropped.
pub(super) struct Demo(AbortHandle);

impl Drop for Demo {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts the backend and applies the example, through the same admission as `kubectl apply`.
///
/// # Errors
/// The backend's address is taken.
pub(super) async fn start(api: &Api) -> anyhow::Result<Demo> {
    let listener = TcpListener::bind(BACKEND)
        .await
        .with_context(|| format!("--demo: the backend cannot listen on {BACKEND}; free it, or start without --demo"))?;
    let backend = tokio::spawn(async move {
        if let Err(error) = httpbin::serve(listener, std::future::pending::<()>()).await {
            tracing::error!(%error, "the demo's backend ends");
        }
    });
    for document in yaml::parse(EXAMPLE, "examples/httpbin.yaml") {
        let object = document.object.map_err(|diagnostics| match diagnostics.first() {
            Some(diagnostic) => anyhow!("{diagnostic}"),
            None => anyhow!("examples/httpbin.yaml cannot be read"),
        })?;
        api.put(object.kind, object.value).await?;
    }
    Ok(Demo(backend.abort_handle()))
}
