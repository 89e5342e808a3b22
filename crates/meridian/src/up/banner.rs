//! What `up` tells when it is ready: where everything listens, what to export, and a first command to try.

use super::args::GatewayPlan;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// What there is to tell.
pub(super) struct Ready<'a> {
    pub(super) api: SocketAddr,
    pub(super) kubeconfig: &'a Path,
    pub(super) data: &'a Path,
    pub(super) plans: &'a [GatewayPlan],
    /// Where proxies get their configurations: in plaintext, and with mutual TLS.
    pub(super) xds: [SocketAddr; 2],
    pub(super) demo: bool,
}

/// Prints it to standard error, beside the log.
pub(super) fn ready(ready: &Ready<'_>) {
    eprint!("{ready}");
}

impl fmt::Display for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nMeridian {} is ready\n", env!("CARGO_PKG_VERSION"))?;
        writeln!(f, "  {:<16} https://{}   objects in {}", "API", self.api, self.data.display())?;
        let [plain, tls] = self.xds;
        writeln!(f, "  {:<16} http://{plain} for this machine   https://{tls} with mutual TLS", "discovery")?;
        for plan in self.plans {
            writeln!(
                f,
                "  {:<16} {}   80 -> 8080, 443 -> 8443   admin http://{}   ready http://{}/healthz/ready",
                plan.name, plan.address, plan.admin, plan.readiness
            )?;
        }
        writeln!(f, "\n  export KUBECONFIG={}", self.kubeconfig.display())?;
        let edge = self.plans.first().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |plan| plan.identity().reachable());
        if self.plans.is_empty() {
            return writeln!(f, "  meridian gateway --name ingressgateway --discovery {plain}\n");
        }
        if !self.demo {
            writeln!(f, "  kubectl apply -f examples/httpbin.yaml      # its backend: meridian httpbin")?;
        }
        let edge = SocketAddr::new(edge, 8080);
        writeln!(f, "  curl -HHost:httpbin.example.com http://{edge}/status/418\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_newcomer_needs() {
        let plan = GatewayPlan {
            control_plane: "127.0.0.1:15014".parse().unwrap(),
            name: "ingressgateway".into(),
            address: "0.0.0.0".parse().unwrap(),
            admin: "127.0.0.1:15000".parse().unwrap(),
            readiness: "0.0.0.0:15021".parse().unwrap(),
            metrics: "0.0.0.0:15090".parse().unwrap(),
        };
        let text = Ready {
            api: "127.0.0.1:16443".parse().unwrap(),
            kubeconfig: Path::new("/data/kubeconfig"),
            data: Path::new("/data"),
            plans: &[plan],
            xds: ["127.0.0.1:15010".parse().unwrap(), "127.0.0.1:15012".parse().unwrap()],
            demo: false,
        }
        .to_string();
        for expected in [
            "is ready",
            "https://127.0.0.1:16443",
            "export KUBECONFIG=/data/kubeconfig",
            "kubectl apply -f examples/httpbin.yaml",
            "http://127.0.0.1:8080/status/418",
            "admin http://127.0.0.1:15000",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
        }
    }
}
