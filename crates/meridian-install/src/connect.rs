//! The way to an API server, as kubectl finds it.

use crate::{Error, chain};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::Path;

/// A client for the API server that `kubeconfig` and `context` name; without them the one of `$KUBECONFIG`, of
/// `~/.kube/config`, or the one of the pod that this process runs in.
///
/// # Errors
/// There is no such file, context or API server.
pub async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client, Error> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let config = match (kubeconfig, context) {
        (Some(path), _) => {
            let error = |reason: String| Error::Connection(format!("{}: {reason}", path.display()));
            let file = Kubeconfig::read_from(path).map_err(|e| error(chain(&e)))?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|e| error(chain(&e)))?
        }
        (None, Some(context)) => Config::from_kubeconfig(&options)
            .await
            .map_err(|e| Error::Connection(format!("context {context}: {}", chain(&e))))?,
        (None, None) => Config::infer().await.map_err(|e| {
            Error::Connection(format!("no API server is known ({}); name one with --kubeconfig", chain(&e)))
        })?,
    };
    Client::try_from(config).map_err(|e| Error::Connection(chain(&e)))
}
