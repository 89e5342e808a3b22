//! `meridian kubeconfig`: access for somebody else to the API of `meridian up`.

use crate::client::{self, output};
use crate::folder::default_data;
use anyhow::{Context, bail};
use meridian_apiserver::pki::{ClientAuthority, write_private};
use meridian_apiserver::{Credentials, kubeconfig};
use meridian_kube::Connection;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Options of `meridian kubeconfig`
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("who").required(true).args(["user", "service_account"])))]
#[command(after_help = "Examples:
  meridian kubeconfig --user ann > ann.kubeconfig
  meridian kubeconfig --user root --group system:masters -o root.kubeconfig
  meridian kubeconfig --service-account ci -n shop --duration 86400 -o ci.kubeconfig")]
pub(crate) struct KubeconfigArgs {
    /// A user, by a certificate that is valid for a year
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The user's group; system:masters may do everything
    #[arg(long, value_name = "NAME", requires = "user")]
    group: Option<String>,

    /// A service account, by a token; the API must be running
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,

    /// Namespace of the service account
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default", requires = "service_account")]
    namespace: String,

    /// How long the token is valid, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3600", requires = "service_account",
          value_parser = crate::up::seconds)]
    duration: Duration,

    /// Where its user reaches the API, such as https://edge.example.com:16443 [default: as this machine does]
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// Data folder of `meridian up` [default: $XDG_DATA_HOME/meridian or ~/.local/share/meridian]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Write to a file of mode 0600 [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the kubeconfig.
///
/// # Errors
/// There is no data folder of `meridian up`, or its API does not answer where a token is asked for.
pub(crate) async fn run(args: KubeconfigArgs) -> anyhow::Result<()> {
    let data = args.data.clone().or_else(default_data).context("HOME is not set; name the data folder with --data")?;
    let authority = ClientAuthority::open(&data.join("pki"))?;
    let own = client::connect(None, None, Some(&data)).await?;
    let server = args.server.as_deref().unwrap_or_else(|| own.server());
    if !server.starts_with("https://") {
        bail!("--server: found {server:?}, allowed: an address such as https://edge.example.com:16443");
    }
    let trusted = Some(authority.certificate());
    let text = match (&args.user, &args.service_account) {
        (Some(user), _) => {
            let pair = authority.issue_client(user, args.group.as_deref(), SystemTime::now())?;
            kubeconfig(server, trusted, Credentials::Certificate(&pair))
        }
        (None, account) => {
            let token = token(&own, &args, account.as_deref().unwrap_or_default()).await?;
            kubeconfig(server, trusted, Credentials::Token(&token))
        }
    };
    match &args.output {
        Some(file) => Ok(write_private(file, &text)?),
        None => output::print(&text),
    }
}

async fn token(own: &Connection, args: &KubeconfigArgs, account: &str) -> anyhow::Result<String> {
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{account}/token", args.namespace);
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": args.duration.as_secs()},
    });
    let (code, answer) = own
        .call("POST", &path, Some(&request))
        .await
        .with_context(|| format!("cannot reach the API at {}: is `meridian up` running?", own.server()))?;
    match answer["status"]["token"].as_str() {
        Some(token) if code == 201 => Ok(token.to_owned()),
        _ => bail!("no token for {account} in namespace {}: {}", args.namespace, answer["message"]),
    }
}
