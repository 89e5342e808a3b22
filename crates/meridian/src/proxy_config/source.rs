//! Where a configuration comes from: a proxy's admin endpoint, found by name or address, or a file.

use super::CONFIG_DUMP;
use super::api::{self, PodName};
use super::dump::Dump;
use crate::client::{self, http};
use anyhow::{Context, bail};
use hyper::StatusCode;
use meridian_control::standalone::ADMIN_ANNOTATION;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the configuration comes from.
#[derive(clap::Args, Debug, Default)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["proxy", "file", "admin"])))]
pub(super) struct SourceArgs {
    /// Pod of the proxy: NAME or NAME.NAMESPACE
    #[arg(value_name = "PROXY")]
    proxy: Option<String>,
    /// Read what an admin endpoint answered from a file; - is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Ask the admin endpoint at this address
    #[arg(long, value_name = "ADDR:PORT")]
    admin: Option<String>,
    /// Namespace of the proxy
    #[arg(short, long, value_name = "NAMESPACE", default_value = "istio-system")]
    namespace: String,
    /// Kubeconfig of the API that knows the proxy [default: $KUBECONFIG, that of the data folder, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Data folder of `meridian up` [default: $XDG_DATA_HOME/meridian or ~/.local/share/meridian]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Who is asked for a configuration.
struct Endpoint {
    /// `host:port`
    address: String,
    /// What it is, for messages.
    what: String,
    /// Where it answers with a config dump.
    config_dump: String,
    /// Whether it is the proxy's own, which can tell more.
    is_admin: bool,
}

impl SourceArgs {
    /// The configuration, from `preferred` where the admin endpoint answers there with one, or from its config dump.
    ///
    /// # Errors
    /// See [`SourceArgs::answer`]; or the answer is no configuration.
    pub(super) async fn dump(&self, preferred: Option<&str>) -> anyhow::Result<Dump> {
        if let Some(file) = &self.file {
            return Dump::parse(&read(file)?, &file.display().to_string());
        }
        let endpoint = self.endpoint().await?;
        if let Some(path) = preferred.filter(|_| endpoint.is_admin)
            && let Ok(answer) = endpoint.ask(path).await
            && let Ok(dump) = Dump::parse(&answer, &endpoint.url(path))
        {
            return Ok(dump);
        }
        Dump::parse(&endpoint.ask(&endpoint.config_dump).await?, &endpoint.url(&endpoint.config_dump))
    }

    /// The config dump as it was answered, and where that was.
    ///
    /// # Errors
    /// The file cannot be read; or the proxy is not known, or does not answer. The message says what to do.
    pub(super) async fn answer(&self) -> anyhow::Result<(String, String)> {
        if let Some(file) = &self.file {
            return Ok((read(file)?, file.display().to_string()));
        }
        let endpoint = self.endpoint().await?;
        Ok((endpoint.ask(&endpoint.config_dump).await?, endpoint.url(&endpoint.config_dump)))
    }

    async fn endpoint(&self) -> anyhow::Result<Endpoint> {
        if let Some(address) = &self.admin {
            let has_port =
                address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            if !has_port {
                bail!("--admin: found {address:?}, allowed: ADDR:PORT, such as 127.0.0.1:15000");
            }
            return Ok(Endpoint::admin(address.clone(), ""));
        }
        let pod = PodName::parse(self.proxy.as_deref().unwrap_or_default(), &self.namespace)?;
        let server = client::connect(self.kubeconfig.as_deref(), self.context.as_deref(), self.data.as_deref()).await?;
        let pods = api::pods(&server).await?;
        let (admin, control_planes) =
            (api::annotation(&pods, &pod, ADMIN_ANNOTATION), api::control_planes(&server, &pods).await);
        match admin {
            Ok(address) => Ok(Endpoint::admin(address, &format!(" of {}.{}", pod.name, pod.namespace))),
            Err(error) => find(&control_planes, &pod).await.ok_or(error),
        }
    }
}

/// The control plane that a proxy is connected to. It knows what is wanted of it, wherever the proxy is.
async fn find(control_planes: &BTreeSet<String>, pod: &PodName) -> Option<Endpoint> {
    let config_dump = format!("/debug/config_dump?proxyID={}.{}", pod.name, pod.namespace);
    for address in control_planes {
        if http::get(address, &config_dump).await.is_ok_and(|answer| answer.status == StatusCode::OK) {
            let what = "control plane".to_owned();
            return Some(Endpoint { address: address.clone(), what, config_dump, is_admin: false });
        }
    }
    None
}

impl Endpoint {
    fn admin(address: String, owner: &str) -> Endpoint {
        Endpoint {
            address,
            what: format!("admin endpoint{owner}"),
            config_dump: CONFIG_DUMP.to_owned(),
            is_admin: true,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn ask(&self, path: &str) -> anyhow::Result<String> {
        let Self { address, what, .. } = self;
        let answer = http::get(address, path)
            .await
            .with_context(|| format!("cannot reach the {what} at {address}: is the proxy running there?"))?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => bail!("{} answers {status}; is that the admin endpoint of a proxy?", self.url(path)),
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}
