//! Which API a command speaks to.

use std::path::{Path, PathBuf};

/// Which API a command speaks to, and which namespace is meant.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// The kubeconfig [default: $KUBECONFIG, what `meridian up` has written, or ~/.kube/config]
    #[arg(long, value_name = "FILE", global = true)]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", global = true)]
    context: Option<String>,
    /// The namespace [default: that of the context]
    #[arg(short, long, value_name = "NAME", global = true)]
    pub(crate) namespace: Option<String>,
}

impl ConnectionArgs {
    /// The kubeconfig that was named.
    #[must_use]
    pub fn kubeconfig(&self) -> Option<&Path> {
        self.kubeconfig.as_deref()
    }

    /// The context that was named.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }
}
