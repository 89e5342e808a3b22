//! What is captured and what is not.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::values::{Groups, Interface, Owner, PortRange, Ports, Ranges};

/// The user that sidecars run as, unless said otherwise.
pub const PROXY_UID: u32 = 1337;
/// The port of the outbound listener.
pub const OUTBOUND_PORT: u16 = 15001;
/// The port of the inbound listener.
pub const INBOUND_PORT: u16 = 15006;
/// The port of mesh tunnels (HBONE), which are never redirected.
pub const TUNNEL_PORT: u16 = 15008;
/// The port of the DNS proxy.
pub const DNS_PORT: u16 = 15053;
/// The sidecar's own ports: metrics, readiness, merged metrics.
pub const SIDECAR_PORTS: [u16; 3] = [15090, 15021, 15020];

/// Which DNS queries go to the DNS proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// None.
    Off,
    /// Those to these servers, which are the machine's own resolvers.
    Servers(Vec<IpAddr>),
    /// All to port 53.
    All,
}

/// The settings of `istio-iptables`. The default is what injection gives to a pod without annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `-p`: where outbound connections go.
    pub proxy_port: u16,
    /// `-z`: where inbound connections go.
    pub inbound_capture_port: u16,
    /// `-e`: the port of mesh tunnels.
    pub inbound_tunnel_port: u16,
    /// `-u`: the proxy's users; their own connections are not captured.
    pub proxy_uids: Vec<Owner>,
    /// `-g`: the proxy's groups; likewise.
    pub proxy_gids: Vec<Owner>,
    /// `-b`: inbound ports that are captured.
    pub inbound_ports: Ports,
    /// `-d`: inbound ports that are not, where all others are.
    pub exclude_inbound_ports: Vec<PortRange>,
    /// `-i`: destinations of outbound connections that are captured.
    pub outbound_ranges: Ranges,
    /// `-x`: destinations that are not; they go before what is included.
    pub exclude_outbound_ranges: Vec<IpNet>,
    /// `-q`: outbound ports that are captured whatever the address.
    pub outbound_ports: Vec<PortRange>,
    /// `-o`: outbound ports that are not; they go before everything else.
    pub exclude_outbound_ports: Vec<PortRange>,
    /// `-c`: interfaces whose traffic is not captured in either direction.
    pub exclude_interfaces: Vec<Interface>,
    /// `-k`: interfaces of virtual machines, whose incoming traffic is outbound traffic.
    pub virtual_interfaces: Vec<Interface>,
    /// `--redirect-dns`, `--capture-all-dns`: which DNS queries go to the DNS proxy.
    pub dns: Dns,
    /// `--drop-invalid`: drop packets that belong to no connection, instead of having them reset.
    pub drop_invalid: bool,
    /// Destinations on the loopback that the workload means itself by; the proxy's connections to others are inbound.
    pub loopback: Ipv4Net,
    /// Of which groups' processes the outbound traffic is captured.
    pub groups: Groups,
}

impl Default for Settings {
    fn default() -> Self {
        let loopback = Ipv4Net::new(std::net::Ipv4Addr::LOCALHOST, 32).expect("32 is a prefix length of IPv4");
        Self {
            proxy_port: OUTBOUND_PORT,
            inbound_capture_port: INBOUND_PORT,
            inbound_tunnel_port: TUNNEL_PORT,
            proxy_uids: vec![PROXY_UID.into()],
            proxy_gids: vec![PROXY_UID.into()],
            inbound_ports: Ports::All,
            exclude_inbound_ports: SIDECAR_PORTS.map(PortRange::from).to_vec(),
            outbound_ranges: Ranges::All,
            exclude_outbound_ranges: Vec::new(),
            outbound_ports: Vec::new(),
            exclude_outbound_ports: Vec::new(),
            exclude_interfaces: Vec::new(),
            virtual_interfaces: Vec::new(),
            dns: Dns::Off,
            drop_invalid: false,
            loopback,
            groups: Groups::Except(Vec::new()),
        }
    }
}
