//! The options of `meridian gateway` and `meridian sidecar`.

use crate::up::seconds;
use anyhow::Context;
use meridian_grpc::Target;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Options of `meridian gateway`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian gateway --name ingressgateway --discovery 127.0.0.1:15010
  meridian gateway --name egressgateway --ip 10.0.0.7 --discovery 10.0.0.1:15012 \\
    --token-file /run/meridian/token --root-cert /run/meridian/root-cert.pem --state /var/lib/meridian")]
pub(crate) struct GatewayArgs {
    #[command(flatten)]
    pub(super) proxy: ProxyArgs,
}

/// Options of `meridian sidecar`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian sidecar --name sleep-0 --namespace default --service-account sleep --ip 10.0.0.9 --labels app=sleep \\
    --discovery 10.0.0.1:15012 --token-file /run/meridian/token --root-cert /run/meridian/root-cert.pem")]
pub(crate) struct SidecarArgs {
    #[command(flatten)]
    pub(super) proxy: ProxyArgs,
}

/// What both are told
#[derive(clap::Args, Debug)]
pub(crate) struct ProxyArgs {
    /// Name of its Pod
    #[arg(long, value_name = "NAME", env = "POD_NAME", value_parser = name)]
    pub(super) name: String,

    /// Its namespace
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE", default_value = "istio-system", value_parser = name)]
    pub(super) namespace: String,

    /// Its service account [default: a gateway's name, `default` for a sidecar]
    #[arg(long, value_name = "NAME", env = "SERVICE_ACCOUNT")]
    pub(super) service_account: Option<String>,

    /// Address of its workload; with one of each family it listens on both
    #[arg(long, value_name = "IP,..", env = "INSTANCE_IP", default_value = "127.0.0.1", value_delimiter = ',')]
    pub(super) ip: Vec<IpAddr>,

    /// Labels of its Pod, where the control plane has no Pod of that name; repeat or separate with commas
    #[arg(long, value_name = "KEY=VALUE,..", env = "POD_LABELS")]
    pub(super) labels: Vec<Labels>,

    /// File with labels of its Pod, as the downward API writes it: KEY="VALUE" on each line
    #[arg(long, value_name = "FILE")]
    pub(super) labels_file: Option<PathBuf>,

    /// The control plane: 15010 in plaintext on this machine, 15012 with mutual TLS
    #[arg(long, value_name = "HOST:PORT", env = "DISCOVERY_ADDRESS", default_value = "127.0.0.1:15010")]
    pub(super) discovery: Target,

    /// Service-account token that the certificate is asked for with, for the audience istio-ca
    #[arg(long, value_name = "FILE", requires = "root_cert")]
    pub(super) token_file: Option<PathBuf>,

    /// Root certificate of the mesh: key root-cert.pem of ConfigMap istio-ca-root-cert
    #[arg(long, value_name = "FILE")]
    pub(super) root_cert: Option<PathBuf>,

    /// Keep the last configuration and certificate here, to begin with them while the control plane is away
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,

    /// Listen on this address only [default: --ip where that is a loopback address, else all addresses]
    #[arg(long, value_name = "IP")]
    pub(super) address: Option<IpAddr>,

    /// Data-plane threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,

    /// Where the admin endpoint listens; loopback only [default: 127.0.0.1:15000]
    #[arg(long, value_name = "ADDR:PORT", value_parser = loopback)]
    pub(super) admin: Option<SocketAddr>,

    /// Where /healthz/ready listens [default: port 15021]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) readiness: Option<SocketAddr>,

    /// Where /stats/prometheus listens [default: port 15090]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) metrics: Option<SocketAddr>,

    /// Answer the kubelet's probes of the workload on this port, and serve its metrics with one's own; 0: no
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(super) status_port: u16,

    /// Write access logs to FILE instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) access_log: Option<PathBuf>,

    /// Name of the Kubernetes cluster
    #[arg(long, value_name = "NAME", env = "ISTIO_META_CLUSTER_ID", default_value = "Kubernetes")]
    pub(super) cluster: String,

    /// Where it is: REGION/ZONE/SUBZONE
    #[arg(long, value_name = "LOCALITY", default_value = "")]
    pub(super) locality: String,

    /// Answer for the mesh's names on the address of --dns
    #[arg(long, env = "ISTIO_META_DNS_CAPTURE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) dns_capture: bool,

    /// Where questions for names are answered, over UDP and TCP; other names are asked for as /etc/resolv.conf says
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:15053")]
    pub(super) dns: SocketAddr,

    /// How long the process goes on accepting after it was told to stop, in seconds: it is not ready any more, and
    /// connections end after the request that they are at, so that load balancers turn to others
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub(super) drain_delay: Duration,

    /// How long open requests may take to end when the process stops, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(super) drain_time: Duration,

    /// Level of the log on standard error: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: String,

    /// Stop when the process that started this one ends; its id
    #[arg(long, value_name = "PID", hide = true)]
    pub(super) with_parent: Option<u32>,
}

impl ProxyArgs {
    /// The labels of its Pod: those of the file, and over them those of the command line.
    ///
    /// # Errors
    /// The file cannot be read, or says something else.
    pub(super) fn all_labels(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut all = match &self.labels_file {
            Some(file) => {
                let text =
                    std::fs::read_to_string(file).with_context(|| format!("--labels-file {}", file.display()))?;
                downward_labels(&text).with_context(|| format!("--labels-file {}", file.display()))?
            }
            None => BTreeMap::new(),
        };
        all.extend(self.labels.iter().flat_map(|labels| labels.0.clone()));
        Ok(all)
    }

    /// The address that listeners on all addresses are bound to; `None`: all.
    pub(super) fn bind(&self) -> Option<IpAddr> {
        let only = match self.ip[..] {
            [only] => Some(only).filter(IpAddr::is_loopback),
            _ => None,
        };
        self.address.or(only)
    }

    /// Where the admin endpoint listens: never off this machine.
    pub(super) fn admin(&self) -> SocketAddr {
        let own = self.bind().filter(IpAddr::is_loopback).unwrap_or(Ipv4Addr::LOCALHOST.into());
        self.admin.unwrap_or(SocketAddr::new(own, 15000))
    }

    pub(super) fn readiness(&self) -> SocketAddr {
        self.readiness.unwrap_or(SocketAddr::new(self.everywhere(), 15021))
    }

    pub(super) fn metrics(&self) -> SocketAddr {
        self.metrics.unwrap_or(SocketAddr::new(self.everywhere(), 15090))
    }

    /// Where probes of the workload and merged metrics are answered, if they are.
    pub(super) fn status(&self) -> Option<SocketAddr> {
        (self.status_port != 0).then(|| SocketAddr::new(self.everywhere(), self.status_port))
    }

    fn everywhere(&self) -> IpAddr {
        // The wildcard of IPv6 takes IPv4 too.
        let all = match self.ip.first() {
            Some(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        self.bind().unwrap_or(all)
    }
}

/// Labels as the downward API writes them: `key="value"` on each line, the value in quotes as Go and JSON have them.
fn downward_labels(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let label = |(index, line): (usize, &str)| {
        let pair =
            line.split_once('=').and_then(|(key, value)| Some((key.to_owned(), serde_json::from_str(value).ok()?)));
        pair.with_context(|| format!("line {}: found {line:?}, allowed: KEY=\"VALUE\"", index + 1))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(label).collect()
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let allowed = || format!("found {text:?}, allowed: a loopback address and port, such as 127.0.0.1:15000");
    let address: SocketAddr = text.parse().map_err(|_| allowed())?;
    if address.ip().is_loopback() { Ok(address) } else { Err(allowed()) }
}

/// A name as Kubernetes has them, which is part of the node id.
fn name(text: &str) -> Result<String, String> {
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    if text.is_empty() || text.len() > 253 || !text.bytes().all(is_legal) {
        return Err(format!("found {text:?}, allowed: lowercase letters, digits, '-' and '.', such as sleep-0"));
    }
    Ok(text.to_owned())
}

/// `KEY=VALUE,KEY=VALUE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels(pub(super) BTreeMap<String, String>);

impl FromStr for Labels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
            _ => Err(format!("found {pair:?}, allowed: KEY=VALUE, such as app=sleep")),
        };
        text.split(',').filter(|one| !one.trim().is_empty()).map(pair).collect::<Result<_, _>>().map(Labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        proxy: ProxyArgs,
    }

    fn parse(args: &[&str]) -> Result<ProxyArgs, String> {
        let args = [&["proxy", "--name", "a"], args].concat();
        Cli::try_parse_from(args).map(|cli| cli.proxy).map_err(|error| error.to_string())
    }

    #[test]
    fn labels_are_pairs() {
        let args = parse(&["--labels", "app=sleep,version=v1", "--labels", "a=b=c"]).unwrap();
        let all: BTreeMap<String, String> = args.labels.into_iter().flat_map(|labels| labels.0).collect();
        assert_eq!(format!("{all:?}"), r#"{"a": "b=c", "app": "sleep", "version": "v1"}"#);
        assert!(parse(&["--labels", "app"]).unwrap_err().contains("allowed: KEY=VALUE"));
    }

    #[test]
    fn labels_of_the_pod_are_read_from_a_file() {
        let text = "app=\"edge\"\ngateway.networking.k8s.io/gateway-name=\"a=b\"\n\n";
        let all = downward_labels(text).unwrap();
        assert_eq!(format!("{all:?}"), r#"{"app": "edge", "gateway.networking.k8s.io/gateway-name": "a=b"}"#);
        let error = downward_labels("a=\"b\"\napp").unwrap_err().to_string();
        assert_eq!(error, "line 2: found \"app\", allowed: KEY=\"VALUE\"");
    }

    #[test]
    fn a_proxy_on_loopback_stays_there() {
        let args = parse(&["--ip", "127.3.2.1"]).unwrap();
        assert_eq!((args.bind(), args.admin()), (Some(args.ip[0]), "127.3.2.1:15000".parse().unwrap()));
        let args = parse(&["--ip", "10.0.0.1"]).unwrap();
        assert_eq!((args.bind(), args.admin()), (None, "127.0.0.1:15000".parse().unwrap()));
        assert_eq!(args.readiness(), "0.0.0.0:15021".parse().unwrap());
        assert_eq!(parse(&["--ip", "fd00::1"]).unwrap().readiness(), "[::]:15021".parse().unwrap());
        assert!(parse(&["--admin", "0.0.0.0:15000"]).unwrap_err().contains("loopback"));
    }

    #[test]
    fn a_token_is_shown_only_to_a_control_plane_that_can_be_known() {
        let error = parse(&["--token-file", "/token"]).unwrap_err();
        assert!(error.contains("--root-cert"), "{error}");
    }
}
