//! The options of `meridian up`.

use super::pods::PodArgs;
use anyhow::{Context, bail};
use meridian_control::{AddressRange, standalone};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What every process with a control plane is told
#[derive(clap::Args, Debug)]
pub(crate) struct ControlArgs {
    /// Where objects live [default: $XDG_DATA_HOME/meridian or ~/.local/share/meridian]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Also load and follow a folder of YAML
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,

    /// A MeshConfig in YAML, which is followed; the ConfigMap istio in istio-system is laid over it
    #[arg(long, value_name = "FILE")]
    pub mesh_config: Option<PathBuf>,

    /// A setting over all of the mesh configuration, such as meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY; repeat
    /// for several
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub settings: Vec<meridian_control::mesh::Setting>,

    /// Where the kubectl-compatible API listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:16443")]
    pub api: SocketAddr,

    /// Another host name or address by which clients reach the API, for its certificate; repeat for several
    #[arg(long = "api-name", value_name = "NAME")]
    pub api_names: Vec<String>,

    /// Bearer tokens of the API: a CSV file with lines TOKEN,USER,UID,"GROUP1,GROUP2", as kube-apiserver reads it
    #[arg(long, value_name = "FILE")]
    pub token_auth_file: Option<PathBuf>,

    /// Where proxies of this machine get their configurations in plaintext; loopback only
    /// [default: 127.0.0.1:15010, or the first gateway's own loopback address]
    #[arg(long, value_name = "ADDR:PORT", value_parser = loopback)]
    pub xds: Option<SocketAddr>,

    /// Where proxies get their configurations and certificates with mutual TLS
    /// [default: 127.0.0.1:15012, or the first gateway's own loopback address]
    #[arg(long, value_name = "ADDR:PORT")]
    pub xds_tls: Option<SocketAddr>,

    /// Where the webhook listens that puts sidecars into pods, such as 0.0.0.0:15017 [default: nowhere]
    #[arg(long, value_name = "ADDR:PORT")]
    pub injection: Option<SocketAddr>,

    /// Level of the log on standard error: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let allowed = || format!("found {text:?}, allowed: a loopback address and port, such as 127.0.0.1:15010");
    let address: SocketAddr = text.parse().map_err(|_| allowed())?;
    if address.ip().is_loopback() { Ok(address) } else { Err(allowed() + "; for proxies elsewhere there is --xds-tls") }
}

/// Options of `meridian control-plane`
#[derive(clap::Args, Debug)]
pub(crate) struct ControlPlaneArgs {
    #[command(flatten)]
    pub control: ControlArgs,

    #[command(flatten)]
    pub pods: PodArgs,

    #[command(flatten)]
    pub kubernetes: KubernetesArgs,

    /// Where the debug endpoint listens: how far each proxy is, and what is wanted of it, without keys
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:15014")]
    pub debug: SocketAddr,
}

/// Options of a control plane beside a real Kubernetes API
#[derive(clap::Args, Debug)]
pub(crate) struct KubernetesArgs {
    /// Use the Kubernetes API of a kubeconfig instead of an API of its own; without FILE that of $KUBECONFIG or
    /// ~/.kube/config [in a pod, without --data: the API of its cluster]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "config", "api", "api_names", "token_auth_file"])]
    pub kubeconfig: Option<Option<PathBuf>>,

    /// The control plane's namespace: there are its lease, the mesh's authority and ConfigMap istio
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = standalone::NAMESPACE)]
    pub namespace: String,

    /// How long a control plane that leads, and does not renew its lease, is not replaced, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub lease_duration: Duration,

    /// After how long without a renewal a control plane stops to lead, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub lease_renew_deadline: Duration,

    /// The pause between two tries to get or renew the lease, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub lease_retry_period: Duration,
}

/// Options of `meridian up`
#[derive(clap::Args, Debug)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub control: ControlArgs,

    /// Data-plane threads of each gateway [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Start an httpbin-like backend on 127.0.0.1:8000 and apply the example, so that the first curl works
    #[arg(long)]
    pub demo: bool,

    /// A gateway to run, and the address that it listens on; repeat for several
    /// [default: ingressgateway=127.0.0.1 egressgateway=127.0.0.2]
    #[arg(long = "gateway", value_name = "NAME[=IP]")]
    pub gateways: Vec<GatewayArg>,

    /// Loopback addresses for Gateways of Gateway API, each of which is a process with an address of its own
    #[arg(long, value_name = "CIDR", default_value = "127.1.0.0/16")]
    pub gateway_addresses: Option<AddressRange>,

    /// Write access logs to DIR/GATEWAY.log instead of standard output
    #[arg(long, value_name = "DIR")]
    pub access_logs: Option<PathBuf>,

    /// How long open requests may take to end when the process stops, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub drain_time: Duration,
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("found {text:?}, allowed: a number of seconds, such as 5"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// `NAME` or `NAME=IP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayArg {
    pub name: String,
    pub address: IpAddr,
}

impl FromStr for GatewayArg {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, address) = text.split_once('=').unwrap_or((text, "127.0.0.1"));
        let legal = !name.is_empty()
            && name.len() <= 57
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        if !legal {
            bail!("found the name {name:?}, allowed: lowercase letters, digits and '-', such as ingressgateway");
        }
        let address = address
            .parse()
            .with_context(|| format!("found {address:?}, allowed: an IP address, such as {name}=127.0.0.1"))?;
        Ok(Self { name: name.to_owned(), address })
    }
}

/// Where one gateway's listeners and endpoints are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayPlan {
    pub name: String,
    /// Its servers listen here.
    pub address: IpAddr,
    /// Envoy's admin endpoint; loopback only.
    pub admin: SocketAddr,
    /// The control plane's debug endpoint; loopback only, the same for all.
    pub control_plane: SocketAddr,
    /// `/healthz/ready`
    pub readiness: SocketAddr,
    /// `/stats/prometheus`
    pub metrics: SocketAddr,
}

impl GatewayPlan {
    /// The gateway as its Service and Pod describe it.
    pub(crate) fn identity(&self) -> standalone::Gateway {
        standalone::Gateway {
            name: self.name.clone(),
            address: self.address,
            admin: self.admin,
            control_plane: self.control_plane,
        }
    }
}

/// The gateways to run. The admin endpoint is always on loopback: on the gateway's own address where that is one,
/// otherwise on 127.0.0.1 for the first gateway, 127.0.0.2 for the second and so on.
pub(crate) fn gateway_plans(args: &UpArgs) -> anyhow::Result<Vec<GatewayPlan>> {
    let mut gateways = args.gateways.clone();
    if gateways.is_empty() {
        gateways = vec![
            GatewayArg { name: "ingressgateway".into(), address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            GatewayArg { name: "egressgateway".into(), address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)) },
        ];
    }
    let mut plans: Vec<GatewayPlan> = Vec::new();
    for (index, gateway) in gateways.into_iter().enumerate() {
        let taken = |plan: &&GatewayPlan| plan.name == gateway.name || overlap(plan.address, gateway.address);
        if let Some(other) = plans.iter().find(taken) {
            bail!(
                "--gateway {}={}: {} has that name or address already; give each gateway its own, such as {}=127.0.0.{}",
                gateway.name,
                gateway.address,
                other.name,
                gateway.name,
                index + 2
            );
        }
        let loopback = if gateway.address.is_loopback() {
            gateway.address
        } else {
            let last = u8::try_from(index + 1).context("too many gateways for one process: at most 254")?;
            IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
        };
        let of_first = plans.first().map_or(loopback, |first| first.admin.ip());
        plans.push(GatewayPlan {
            control_plane: SocketAddr::new(of_first, 15014),
            admin: SocketAddr::new(loopback, 15000),
            readiness: SocketAddr::new(gateway.address, 15021),
            metrics: SocketAddr::new(gateway.address, 15090),
            name: gateway.name,
            address: gateway.address,
        });
    }
    Ok(plans)
}

/// Whether two gateways there would want the same ports; all addresses overlap with each.
fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        up: UpArgs,
    }

    fn plans(args: &[&str]) -> anyhow::Result<Vec<GatewayPlan>> {
        gateway_plans(&Cli::try_parse_from([&["up"], args].concat())?.up)
    }

    #[test]
    fn an_ingress_and_an_egress_gateway_by_default() {
        let plans = plans(&[]).unwrap();
        assert_eq!(plans[0].name, "ingressgateway");
        assert_eq!(plans[0].admin, "127.0.0.1:15000".parse().unwrap());
        assert_eq!(plans[0].readiness, "127.0.0.1:15021".parse().unwrap());
        assert_eq!(plans[1].name, "egressgateway");
        assert_eq!(plans[1].admin, "127.0.0.2:15000".parse().unwrap());
    }

    #[test]
    fn the_admin_endpoint_never_leaves_loopback() {
        let plans = plans(&["--gateway", "a=10.10.2.10", "--gateway", "b=127.9.9.9"]).unwrap();
        assert_eq!(plans[0].admin, "127.0.0.1:15000".parse().unwrap());
        assert_eq!(plans[1].admin, "127.9.9.9:15000".parse().unwrap());
        assert_eq!(plans[1].metrics, "127.9.9.9:15090".parse().unwrap());
    }

    #[test]
    fn two_gateways_on_one_address_are_refused() {
        for a in ["a", "a=0.0.0.0"] {
            let error = plans(&["--gateway", a, "--gateway", "b"]).unwrap_err().to_string();
            assert!(error.contains("a has that name or address already") && error.contains("b=127.0.0.3"), "{error}");
        }
    }

    #[test]
    fn a_bad_address_says_what_is_allowed() {
        let error = plans(&["--gateway", "a=nowhere"]).unwrap_err().to_string();
        assert!(error.contains("\"nowhere\"") && error.contains("allowed: an IP address"), "{error}");
    }
}
