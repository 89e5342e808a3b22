//! The commands on objects: `apply`, `get`, `delete` and their relatives, on the API that the kubeconfig names.

use crate::client::kubeconfig;
use meridian_kubectl::{Command, Io};
use std::process::ExitCode;

/// Runs a command.
///
/// # Errors
/// There is no kubeconfig that can be used. Everything else is told by the command itself, in kubectl's words.
pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let connection = command.connection();
    let api = kubeconfig::connect(connection.kubeconfig(), connection.context(), None).await?;
    Ok(meridian_kubectl::run(command, api.client().clone(), api.namespace(), &mut Io::standard()).await)
}
