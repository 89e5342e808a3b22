//! From the discovery client to the proxy.

use meridian_discovery::client::Apply;
use meridian_proxy::ProxyHandle;
use std::sync::Arc;

/// Runs configurations on a proxy. The first one is told, for whoever waits for it.
pub(super) fn apply(handle: Arc<ProxyHandle>) -> Apply {
    let mut is_first = true;
    Box::new(move |config| {
        let (handle, is_first) = (handle.clone(), std::mem::take(&mut is_first));
        Box::pin(async move {
            let applied = handle.apply(config).await.ok()?;
            let errors: Vec<_> =
                applied.listener_errors.iter().map(|error| (error.name.clone(), error.to_string())).collect();
            for (_, error) in &errors {
                tracing::error!("{error}");
            }
            if is_first {
                tracing::info!("ready: the first configuration runs");
            }
            Some(errors)
        })
    })
}
