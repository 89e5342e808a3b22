//! The authority of the webhook's certificate, in the configuration by which the API server finds the webhook.

use meridian_control::{Cluster, ClusterError};
use meridian_identity::MeshAuthority;
use meridian_inject::{Settings, webhook};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether somebody has made the configuration anew: it is not watched.
const PERIOD: Duration = Duration::from_secs(15);

/// Keeps the authority there, while this control plane leads.
pub(super) async fn keep(cluster: Cluster, authority: MeshAuthority, mut settings: watch::Receiver<Arc<Settings>>) {
    let (mut leads, mut mesh) = (cluster.leadership(), authority.subscribe());
    let mut said = String::new();
    loop {
        let leading = *leads.borrow_and_update();
        let roots = mesh.borrow_and_update().authority.as_ref().map(|authority| authority.roots().to_owned());
        let name = webhook::name(&settings.borrow_and_update());
        if let Some(roots) = roots.filter(|_| leading) {
            let told = match put(&cluster, &name, &roots).await {
                Ok(true) => {
                    tracing::info!(name, "the API server knows the authority of the webhook's certificate");
                    String::new()
                }
                Ok(false) => String::new(),
                Err(error) => error.to_string(),
            };
            if told != said && !told.is_empty() {
                tracing::error!(
                    "the authority cannot be put into {} {name}: {told}; no pod can be injected until it is",
                    webhook::KIND
                );
            }
            said = told;
        }
        tokio::select! {
            changed = leads.changed() => if changed.is_err() { return },
            changed = mesh.changed() => if changed.is_err() { return },
            changed = settings.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Puts the authority where it is not; whether it was not. Without a configuration there is nothing to do.
async fn put(cluster: &Cluster, name: &str, roots: &str) -> Result<bool, ClusterError> {
    let Some(found) = cluster.get(webhook::API_VERSION, webhook::KIND, "", name).await? else { return Ok(false) };
    let Some(ours) = webhook::with_authority(&found, roots) else { return Ok(false) };
    cluster.apply(&ours).await?;
    Ok(true)
}
