//! `meridian proxy-status`: how far proxies are with what the control plane wants of them, as `istioctl proxy-status`
//! shows it; and for one proxy, where what it runs differs from what is wanted.

mod compare;
mod fleet;
mod overview;
mod sync;
#[cfg(test)]
mod tests;

pub(crate) use fleet::Fleet;
pub(crate) use sync::{Acknowledged, Progress};

use crate::client::output::{self, OutputFormat};
use crate::client::{self, http};
use crate::proxy_config::CONFIG_DUMP;
use crate::proxy_config::api::{self, PodName};
use crate::proxy_config::dump::Dump;
use anyhow::{Context, bail};
use hyper::StatusCode;
use meridian_control::standalone::{ADMIN_ANNOTATION, CONTROL_PLANE_ANNOTATION};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Options of `meridian proxy-status`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian proxy-status
  meridian ps ingressgateway
  meridian ps -o json")]
pub(crate) struct ProxyStatusArgs {
    /// Compare what this proxy runs with what is wanted of it: NAME or NAME.NAMESPACE of its Pod
    #[arg(value_name = "PROXY")]
    proxy: Option<String>,
    /// Namespace of the proxy
    #[arg(short, long, value_name = "NAMESPACE", default_value = "istio-system")]
    namespace: String,
    /// Kubeconfig of the API that knows the proxies [default: $KUBECONFIG, that of the data folder, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Data folder of `meridian up` [default: $XDG_DATA_HOME/meridian or ~/.local/share/meridian]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How to print the list
    #[arg(short, long, value_enum, default_value_t, conflicts_with = "proxy")]
    output: OutputFormat,
}

/// Runs the command.
///
/// # Errors
/// The API, the control plane or the proxy is not known or does not answer; the message says what to do.
pub(crate) async fn run(args: ProxyStatusArgs) -> anyhow::Result<()> {
    output::print(&text(&args).await?)
}

async fn text(args: &ProxyStatusArgs) -> anyhow::Result<String> {
    let server = client::connect(args.kubeconfig.as_deref(), args.context.as_deref(), args.data.as_deref()).await?;
    let pods = api::pods(&server).await?;
    let control_planes = api::control_planes(&server, &pods).await;
    match &args.proxy {
        Some(proxy) => difference(&pods, &control_planes, &PodName::parse(proxy, &args.namespace)?).await,
        None => list(&control_planes, args.output).await,
    }
}

async fn difference(pods: &Value, control_planes: &BTreeSet<String>, pod: &PodName) -> anyhow::Result<String> {
    let control_plane = match (api::annotation(pods, pod, CONTROL_PLANE_ANNOTATION), control_planes.first()) {
        (Ok(address), _) => address,
        (Err(_), Some(first)) => first.clone(),
        (Err(error), None) => return Err(error),
    };
    let admin = api::annotation(pods, pod, ADMIN_ANNOTATION).with_context(|| {
        format!(
            "what {}.{} runs is not known here; `meridian proxy-config all --admin ADDR:PORT` asks it",
            pod.name, pod.namespace
        )
    })?;
    let path = format!("/debug/config_dump?proxyID={}.{}", pod.name, pod.namespace);
    let wanted = dump("control plane", &control_plane, &path).await?;
    Ok(compare::compare(&wanted, &dump("proxy", &admin, CONFIG_DUMP).await?))
}

async fn list(control_planes: &BTreeSet<String>, format: OutputFormat) -> anyhow::Result<String> {
    let mut proxies = Vec::new();
    for control_plane in control_planes {
        let answer = ask("control plane", control_plane, "/debug/syncz").await?;
        let list: Vec<Value> = serde_json::from_str(&answer)
            .with_context(|| format!("http://{control_plane}/debug/syncz is no list of proxies"))?;
        proxies.extend(list);
    }
    Ok(match format {
        OutputFormat::Short => overview::table(&proxies).to_string(),
        format => output::messages(&proxies.into(), format),
    })
}

async fn dump(whose: &str, address: &str, path: &str) -> anyhow::Result<Dump> {
    Dump::parse(&ask(whose, address, path).await?, &format!("http://{address}{path}"))
}

/// What the endpoint at `address` answers.
async fn ask(whose: &str, address: &str, path: &str) -> anyhow::Result<String> {
    let answer = http::get(address, path)
        .await
        .with_context(|| format!("cannot reach the {whose} at {address}: is `meridian up` running there?"))?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        status => bail!("http://{address}{path} answers {status}: {}", answer.body.trim_end()),
    }
}
