//! `meridian envoy-bootstrap`: a stock Envoy as a proxy of Meridian's control plane.

mod bootstrap;
mod run;
mod secrets;

use crate::logging;
use anyhow::{Context, bail};
use bootstrap::{Bootstrap, Tls};
use clap::{Args, ValueEnum};
use meridian_discovery::{Node, NodeType};
use meridian_grpc::Target;
use meridian_grpc::tls::CONTROL_PLANE;
use meridian_identity::WorkloadCertificate;
use meridian_identity::client::{Discovery, Source, fetch};
use meridian_ir::tls::{MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_ir::{Authority, Secret};
use meridian_xds::{secret, type_url, wire};
use prost::Message;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Write what a stock Envoy needs to be a gateway or sidecar of Meridian's control plane, or run it
///
/// Fetches the proxy's certificate from the control plane, and writes the bootstrap and the certificate to a folder.
/// With --run, Envoy is started with it, its certificate is renewed in time, and it gets the secrets that are not the
/// control plane's to give: its identity in the mesh, and files.
#[derive(Args, Debug)]
pub(crate) struct EnvoyBootstrapArgs {
    /// What the proxy is for
    #[arg(long = "type", value_enum, default_value_t = ProxyType::Router, value_name = "TYPE")]
    proxy_type: ProxyType,
    /// Name of the proxy's pod
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Its namespace
    #[arg(short, long, default_value = "istio-system", value_name = "NAMESPACE")]
    namespace: String,
    /// Its service account
    #[arg(long, default_value = "default", value_name = "NAME")]
    service_account: String,
    /// Its address
    #[arg(long, value_name = "IP")]
    ip: IpAddr,
    /// Labels of its pod, by which Gateways select it
    #[arg(long, value_delimiter = ',', value_parser = label, value_name = "KEY=VALUE")]
    labels: Vec<(String, String)>,
    /// The control plane: 15010 in plaintext on this machine, 15012 with mutual TLS
    #[arg(long, default_value = "127.0.0.1:15010", value_name = "HOST:PORT")]
    discovery: Target,
    /// Service-account token that the certificate is asked for with, for the audience istio-ca
    #[arg(long, value_name = "FILE", requires = "root_cert")]
    token_file: Option<PathBuf>,
    /// Root certificate of the mesh: key root-cert.pem of ConfigMap istio-ca-root-cert
    #[arg(long, value_name = "FILE", requires = "token_file")]
    root_cert: Option<PathBuf>,
    /// The folder for bootstrap.json and the certificate; without one, the bootstrap goes to standard output
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run this Envoy and stay beside it
    #[arg(long, value_name = "ENVOY", requires = "out")]
    run: Option<PathBuf>,
    /// Further arguments of Envoy
    #[arg(last = true, requires = "run", value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// What a proxy is for, in the words of node ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProxyType {
    /// A gateway
    Router,
    /// Beside a workload
    Sidecar,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("found {text:?}, allowed: KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Runs the command.
///
/// # Errors
/// The control plane gives no certificate, a file cannot be written, or Envoy cannot be run.
pub(crate) async fn run(args: EnvoyBootstrapArgs) -> anyhow::Result<()> {
    logging::start("info")?;
    args.check()?;
    let Some(folder) = args.out.clone() else {
        return print(&args.bootstrap(Path::new("sds.sock"), None)?);
    };
    let folder = prepare(&folder)?;
    let certificate = match args.identity() {
        Some(identity) => Some(fetch(&identity, None).await?),
        None => None,
    };
    let files = certificate.as_ref().map(|certificate| Files::write(&folder, certificate)).transpose()?;
    let bootstrap = folder.join("bootstrap.json");
    let socket = run::Socket::place(&folder)?;
    let text = serde_json::to_string_pretty(&args.bootstrap(&socket.path, files.as_ref())?)?;
    write(&bootstrap, text.as_bytes())?;
    match &args.run {
        Some(envoy) => {
            let beside = run::Beside { folder: &folder, socket: &socket, identity: args.identity(), certificate };
            run::run(envoy, &bootstrap, &args.arguments, beside).await
        }
        None => Ok(writeln!(std::io::stdout(), "envoy -c {}", bootstrap.display())?),
    }
}

fn print(bootstrap: &Value) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(bootstrap)?)?)
}

impl EnvoyBootstrapArgs {
    /// Refuses a control plane that cannot be known, and a certificate that has no place.
    fn check(&self) -> anyhow::Result<()> {
        let host = &self.discovery.host;
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if self.root_cert.is_none() && !is_here {
            bail!(
                "--discovery {}: a control plane elsewhere is spoken to with TLS; name the mesh's root certificate with \
                 --root-cert (key root-cert.pem of ConfigMap istio-ca-root-cert) and a token with --token-file",
                self.discovery
            );
        }
        if self.root_cert.is_some() && self.out.is_none() {
            bail!("--root-cert needs --out, the folder for the certificate that the control plane gives");
        }
        Ok(())
    }

    /// Where the proxy's certificate comes from; `None` without TLS.
    fn identity(&self) -> Option<Discovery> {
        Some(Discovery {
            target: self.discovery.clone(),
            server_name: CONTROL_PLANE.to_owned(),
            roots: Source::File(self.root_cert.clone()?),
            token: Some(Source::File(self.token_file.clone()?)),
        })
    }

    fn bootstrap(&self, socket: &Path, files: Option<&Files>) -> anyhow::Result<Value> {
        let bootstrap = Bootstrap {
            node: self.node()?,
            discovery: &self.discovery,
            tls: files.map(|files| Tls {
                server_name: CONTROL_PLANE,
                certificate: &files.certificate,
                roots: &files.roots,
            }),
            socket,
        };
        Ok(bootstrap.json())
    }

    /// Who the proxy is, in Istio's words.
    fn node(&self) -> anyhow::Result<Value> {
        const NODE: &str = "type.googleapis.com/envoy.config.core.v3.Node";
        let node_type = match self.proxy_type {
            ProxyType::Router => NodeType::Router,
            ProxyType::Sidecar => NodeType::Sidecar,
        };
        let mut node = Node::new(node_type, &self.name, &self.namespace, self.ip);
        node.service_account.clone_from(&self.service_account);
        node.labels = self.labels.iter().cloned().collect::<BTreeMap<_, _>>();
        let mut message = wire::decode(NODE, &node.message().encode_to_vec())?;
        if let Value::Object(fields) = &mut message {
            // Envoy tells what it is by itself.
            for name in ["@type", "userAgentName", "userAgentVersion"] {
                fields.remove(name);
            }
        }
        Ok(message)
    }
}

/// The folder, which only its owner may look into: it holds keys. Its path is absolute, so that Envoy may start
/// anywhere.
fn prepare(folder: &Path) -> anyhow::Result<PathBuf> {
    let create = || std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    create().with_context(|| format!("{} cannot be created", folder.display()))?;
    folder.canonicalize().with_context(|| folder.display().to_string())
}

/// The certificate as Envoy reads it: two files with a secret each.
struct Files {
    certificate: PathBuf,
    roots: PathBuf,
}

impl Files {
    /// Writes or replaces them, each at once: Envoy looks at them when they are moved in.
    fn write(folder: &Path, own: &WorkloadCertificate) -> anyhow::Result<Self> {
        let files = Self { certificate: folder.join("default.json"), roots: folder.join("ROOTCA.json") };
        let certificate = Secret {
            name: WORKLOAD_CERTIFICATE.into(),
            certificate_chain: own.chain.clone().into_bytes(),
            private_key: own.key.clone().into_bytes(),
        };
        let roots = Authority {
            name: MESH_AUTHORITY.into(),
            certificates: own.roots.clone().into_bytes(),
            revocation_lists: Vec::new(),
        };
        for (path, mut resource) in
            [(&files.roots, secret::validation_context(&roots)), (&files.certificate, secret::secret(&certificate))]
        {
            resource["@type"] = type_url::SECRET.into();
            write(path, json!({"resources": [resource]}).to_string().as_bytes())?;
        }
        Ok(files)
    }
}

/// Replaces a file that only its owner may read.
fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let replace = || {
        let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(content)?;
        std::fs::rename(&new, path)
    };
    replace().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests;
