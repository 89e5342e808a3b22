//! The options of `istio-iptables`, by its names.

use std::net::IpAddr;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use meridian_redirect::annotations;
use meridian_redirect::settings::{Dns, Settings};
use meridian_redirect::values::{Groups, Interface, List, Owner, PortRange, Ports, Ranges};

use super::kernel::Backend;
use super::pod;

/// Which program sets the rules.
#[derive(Args, Debug)]
pub(crate) struct Program {
    /// The program that sets the rules: nft, or iptables-restore and ip6tables-restore
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    pub(crate) backend: Choice,
}

/// A choice of program.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// nft where it is installed, else iptables.
    Auto,
    /// `nft`.
    Nftables,
    /// `iptables-restore` and `ip6tables-restore`.
    Iptables,
}

impl Choice {
    fn backends(self) -> &'static [Backend] {
        match self {
            Self::Auto => &Backend::ALL,
            Self::Nftables => &[Backend::Nftables],
            Self::Iptables => &[Backend::Iptables],
        }
    }

    /// Those of the choice that are installed, the best first.
    pub(crate) fn installed(self) -> Vec<Backend> {
        self.backends().iter().copied().filter(|backend| backend.is_installed()).collect()
    }

    /// The one that is used, or would be if it were installed.
    pub(crate) fn preferred(self) -> Backend {
        self.installed().first().copied().unwrap_or(self.backends()[0])
    }

    /// What is missing when none is installed.
    pub(crate) fn missing(self) -> String {
        let names: Vec<_> = self.backends().iter().map(|backend| backend.package()).collect();
        format!("{} is not installed", names.join(" or "))
    }
}

/// How connections are captured.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
#[value(rename_all = "UPPER")]
pub(crate) enum Mode {
    /// By changing their destination.
    Redirect,
    /// With transparent sockets.
    Tproxy,
}

/// What is captured. What is not said is as injection does it for a pod.
#[derive(Args, Debug, Default)]
pub(crate) struct Capture {
    /// A pod's annotations: NAME=VALUE, or a file with a Pod, a Deployment or the annotations alone; options go before them
    #[arg(long, value_name = "FILE|NAME=VALUE")]
    pub(crate) annotations: Vec<String>,
    /// The sidecar's port for outbound connections [default: 15001]
    #[arg(short = 'p', long, value_name = "PORT")]
    envoy_port: Option<u16>,
    /// The sidecar's port for inbound connections [default: 15006]
    #[arg(short = 'z', long, value_name = "PORT")]
    inbound_capture_port: Option<u16>,
    /// The port of mesh tunnels, which is never redirected [default: 15008]
    #[arg(short = 'e', long, value_name = "PORT")]
    inbound_tunnel_port: Option<u16>,
    /// The users of the sidecar, whose connections are not captured [default: 1337]
    #[arg(short = 'u', long, value_name = "USERS")]
    proxy_uid: Option<List<Owner>>,
    /// The groups of the sidecar [default: those of --proxy-uid]
    #[arg(short = 'g', long, value_name = "GROUPS")]
    proxy_gid: Option<List<Owner>>,
    /// How connections are captured; only REDIRECT is supported
    #[arg(short = 'm', long, value_enum, ignore_case = true, value_name = "MODE")]
    istio_inbound_interception_mode: Option<Mode>,
    /// Inbound ports to capture; * for all, an empty list for none [default: *]
    #[arg(short = 'b', long, value_name = "PORTS")]
    istio_inbound_ports: Option<Ports>,
    /// Inbound ports not to capture when all others are [default: 15090,15021,15020]
    #[arg(short = 'd', long, value_name = "PORTS")]
    istio_local_exclude_ports: Option<List<PortRange>>,
    /// Destinations to capture, such as 10.0.0.0/8; * for all, an empty list for none [default: *]
    #[arg(short = 'i', long, value_name = "RANGES")]
    istio_service_cidr: Option<Ranges>,
    /// Destinations not to capture
    #[arg(short = 'x', long, value_name = "RANGES")]
    istio_service_exclude_cidr: Option<Ranges>,
    /// Outbound ports to capture whatever the destination
    #[arg(short = 'q', long, value_name = "PORTS")]
    istio_outbound_ports: Option<List<PortRange>>,
    /// Outbound ports not to capture
    #[arg(short = 'o', long, value_name = "PORTS")]
    istio_local_outbound_ports_exclude: Option<List<PortRange>>,
    /// Interfaces whose traffic is not captured in either direction
    #[arg(short = 'c', long, value_name = "NAMES")]
    istio_exclude_interfaces: Option<List<Interface>>,
    /// Interfaces of virtual machines, whose incoming traffic is outbound traffic
    #[arg(short = 'k', long, value_name = "NAMES")]
    kube_virt_interfaces: Option<List<Interface>>,
    /// Lead DNS queries to the resolvers of /etc/resolv.conf to the sidecar's DNS proxy, port 15053, UDP and TCP
    #[arg(long)]
    redirect_dns: bool,
    /// With --redirect-dns: lead queries to any server there
    #[arg(long, requires = "redirect_dns")]
    capture_all_dns: bool,
    /// Drop packets that belong to no connection
    #[arg(long)]
    drop_invalid: bool,
    /// Capture outbound traffic of these groups' processes only
    #[arg(long, value_name = "GROUPS")]
    outbound_owner_groups: Option<List<Owner>>,
    /// Do not capture outbound traffic of these groups' processes
    #[arg(long, value_name = "GROUPS", conflicts_with = "outbound_owner_groups")]
    outbound_owner_groups_exclude: Option<List<Owner>>,
    /// Destinations on the loopback that the workload means itself by [default: 127.0.0.1/32]
    #[arg(long, value_name = "RANGE")]
    outbound_ipv4_loopback_cidr: Option<Ranges>,
}

/// Replaces `setting` when the option was given.
fn set<T, V: Into<T>>(setting: &mut T, option: Option<V>) {
    if let Some(value) = option {
        *setting = value.into();
    }
}

impl Capture {
    /// What the options and annotations come to.
    ///
    /// # Errors
    /// One that is wrong or not supported.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        for given in &self.annotations {
            let all = pod::annotations(given)?;
            let all = all.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            annotations::read(all, &mut settings)?;
        }
        if self.istio_inbound_interception_mode == Some(Mode::Tproxy) {
            bail!("-m TPROXY is not supported: the sidecar has no transparent sockets; use -m REDIRECT");
        }
        set(&mut settings.proxy_port, self.envoy_port);
        set(&mut settings.inbound_capture_port, self.inbound_capture_port);
        set(&mut settings.inbound_tunnel_port, self.inbound_tunnel_port);
        set(&mut settings.proxy_gids, self.proxy_gid.clone().or_else(|| self.proxy_uid.clone()));
        set(&mut settings.proxy_uids, self.proxy_uid.clone());
        set(&mut settings.inbound_ports, self.istio_inbound_ports.clone());
        set(&mut settings.exclude_inbound_ports, self.istio_local_exclude_ports.clone());
        set(&mut settings.outbound_ranges, self.istio_service_cidr.clone());
        match self.istio_service_exclude_cidr.clone() {
            Some(Ranges::All) => bail!("-x '*' would exclude everything; use -i '' to capture no outbound traffic"),
            Some(Ranges::Only(ranges)) => settings.exclude_outbound_ranges = ranges,
            None => {}
        }
        set(&mut settings.outbound_ports, self.istio_outbound_ports.clone());
        set(&mut settings.exclude_outbound_ports, self.istio_local_outbound_ports_exclude.clone());
        set(&mut settings.exclude_interfaces, self.istio_exclude_interfaces.clone());
        set(&mut settings.virtual_interfaces, self.kube_virt_interfaces.clone());
        settings.drop_invalid |= self.drop_invalid;
        if let Some(List(groups)) = &self.outbound_owner_groups {
            settings.groups = Groups::Only(groups.clone());
        }
        if let Some(List(groups)) = &self.outbound_owner_groups_exclude {
            settings.groups = Groups::Except(groups.clone());
        }
        self.loopback(&mut settings)?;
        self.dns(&mut settings)?;
        if settings.proxy_uids.is_empty() && settings.proxy_gids.is_empty() {
            bail!("-u '' and -g '' leave the sidecar without an owner: its own connections would come back to it");
        }
        Ok(settings)
    }

    fn loopback(&self, settings: &mut Settings) -> anyhow::Result<()> {
        let Some(given) = &self.outbound_ipv4_loopback_cidr else { return Ok(()) };
        match given {
            Ranges::Only(ranges) => match ranges.as_slice() {
                [ipnet::IpNet::V4(range)] if range.addr().is_loopback() => settings.loopback = *range,
                _ => bail!("--outbound-ipv4-loopback-cidr is one range of 127.0.0.0/8"),
            },
            Ranges::All => bail!("--outbound-ipv4-loopback-cidr is one range of 127.0.0.0/8"),
        }
        Ok(())
    }

    fn dns(&self, settings: &mut Settings) -> anyhow::Result<()> {
        settings.dns = match (self.redirect_dns, self.capture_all_dns) {
            (false, _) => Dns::Off,
            (true, true) => Dns::All,
            (true, false) => Dns::Servers(resolvers()?),
        };
        Ok(())
    }
}

/// The resolvers of `/etc/resolv.conf`.
fn resolvers() -> anyhow::Result<Vec<IpAddr>> {
    let file = "/etc/resolv.conf";
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {file}, which --redirect-dns needs"))?;
    let servers = nameservers(&text);
    if servers.is_empty() {
        bail!("{file} names no server; say --capture-all-dns to lead all queries to the DNS proxy");
    }
    Ok(servers)
}

/// The addresses of the `nameserver` lines, without their zones.
fn nameservers(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.split('%').next()?.parse().ok()
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::nameservers;

    #[test]
    fn resolvers_are_the_nameserver_lines() {
        let text = "# nameserver 9.9.9.9\nsearch a.test\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver x\n";
        let found: Vec<_> = nameservers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.1", "fe80::1"]);
    }
}
