//! Where a request or connection goes whose host is known only now ([`meridian_ir::dynamic_forward`]).

use crate::dns::Resolver;
use meridian_ir::dynamic_forward::{DynamicForward, Refusal};
use meridian_ir::route_config::without_port;
use std::net::{IpAddr, SocketAddr};

/// Why it goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreachable {
    /// It must not.
    Refused(Refusal),
    /// The host has no address.
    Unresolved,
}

/// What a client has named: a Host header's value with the port in it, or a server name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    host: Vec<u8>,
    port: Option<u16>,
}

impl Named {
    /// Of a Host header. A port that is none is as good as no port; the request was refused before for worse.
    pub fn of_authority(authority: &[u8], default_port: u16) -> Self {
        let host = without_port(authority);
        let port = authority.get(host.len() + 1..).and_then(|port| std::str::from_utf8(port).ok());
        Self { host: host.to_vec(), port: Some(port.and_then(|port| port.parse().ok()).unwrap_or(default_port)) }
    }

    /// Of a ClientHello; without one nothing is named.
    pub fn of_server_name(server_name: Option<&str>) -> Self {
        Self { host: server_name.unwrap_or_default().as_bytes().to_vec(), port: None }
    }
}

/// The address to connect to. `captured` is where the client was going, as far as that is known; it gives the port where
/// neither the configuration nor the client names one.
///
/// # Errors
/// See [`Unreachable`].
pub async fn destination(
    resolver: &Resolver,
    forward: &DynamicForward,
    named: &Named,
    captured: Option<SocketAddr>,
) -> Result<SocketAddr, Unreachable> {
    let host = forward.host(&named.host).map_err(Unreachable::Refused)?;
    let port = forward.port.or(named.port).or(captured.map(|captured| captured.port()));
    let port = port.ok_or(Unreachable::Refused(Refusal::NoHost))?;
    let address = match host.parse::<IpAddr>() {
        Ok(literal) => forward.address(&[literal]),
        Err(_) => {
            let addresses = resolver.lookup(&host).await.map_err(|reason| {
                tracing::debug!(host, "a host that was asked for has no address: {reason}");
                Unreachable::Unresolved
            })?;
            forward.address(&addresses)
        }
    };
    let address = address.map_err(|refusal| {
        tracing::info!(host, "refused to forward: {refusal}; see meridian.dev/allow-private-addresses");
        Unreachable::Refused(refusal)
    })?;
    Ok(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_names_a_port_or_leaves_it_to_the_scheme() {
        for (authority, host, port) in [
            ("a.test", "a.test", 80),
            ("a.test:8080", "a.test", 8080),
            ("[2001:db8::1]", "[2001:db8::1]", 80),
            ("[2001:db8::1]:81", "[2001:db8::1]", 81),
            ("a.test:", "a.test", 80),
            ("a.test:99999", "a.test", 80),
        ] {
            let expected = Named { host: host.as_bytes().to_vec(), port: Some(port) };
            assert_eq!(Named::of_authority(authority.as_bytes(), 80), expected, "{authority}");
        }
    }
}
