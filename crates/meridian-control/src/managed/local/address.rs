//! Which Gateway has which address of this machine.

use crate::managed::AddressRange;
use meridian_translate::{ManagedGateway, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

/// Where each process has endpoints of its own: admin, readiness, metrics.
const ENDPOINTS: [u16; 3] = [15000, super::super::objects::STATUS_PORT, 15090];

/// The addresses in use.
#[derive(Debug)]
pub(super) struct Addresses<K> {
    range: AddressRange,
    reserved: Vec<IpAddr>,
    taken: BTreeMap<IpAddr, K>,
    /// Those that another process has.
    avoided: BTreeSet<IpAddr>,
}

impl<K: Ord + Clone + fmt::Debug> Addresses<K> {
    pub(super) fn new(range: AddressRange, reserved: &[IpAddr]) -> Self {
        Self { range, reserved: reserved.to_vec(), taken: BTreeMap::new(), avoided: BTreeSet::new() }
    }

    /// An address is a Gateway's already.
    pub(super) fn keep(&mut self, key: &K, address: IpAddr) {
        self.taken.entry(address).or_insert_with(|| key.clone());
    }

    /// Somebody else has an address, or has it still: nobody gets it who does not ask for it, until [`Self::look_again`].
    pub(super) fn avoid(&mut self, address: IpAddr) {
        self.taken.remove(&address);
        self.avoided.insert(address);
    }

    /// What somebody else had may be free.
    pub(super) fn look_again(&mut self) {
        self.avoided.clear();
    }

    /// Nobody needs the address of a Gateway any more.
    pub(super) fn forget(&mut self, key: &K) {
        self.taken.retain(|_, owner| owner != key);
    }

    /// The address of a Gateway: the one that it asks for, the one that it has, or the next free one.
    ///
    /// # Errors
    /// The one that it asks for cannot be had, or there is none any more; for people.
    pub(super) fn choose(&mut self, key: &K, gateway: &ManagedGateway) -> Result<IpAddr, String> {
        let asked: Vec<(&str, &str)> = gateway
            .addresses
            .iter()
            .filter_map(|address| Some((address.type_.0.as_str(), address.value.as_deref().filter(|v| !v.is_empty())?)))
            .collect();
        let address = match asked[..] {
            [] => self.any(key, gateway)?,
            [("IPAddress", value)] => self.asked(key, value)?,
            [(kind, value)] => return Err(format!("spec.addresses: found {kind} {value}, allowed here: an IPAddress")),
            _ => return Err("spec.addresses: a Gateway has one address here; remove the others".to_owned()),
        };
        self.forget(key);
        self.taken.insert(address, key.clone());
        Ok(address)
    }

    fn any(&self, key: &K, gateway: &ManagedGateway) -> Result<IpAddr, String> {
        if let Some(address) = gateway.addresses.iter().find(|address| address.type_.0 != "IPAddress") {
            return Err(format!("spec.addresses: found the type {}, allowed here: IPAddress", address.type_.0));
        }
        let own = self.taken.iter().find(|(address, owner)| *owner == key && self.range.contains(**address));
        if let Some((address, _)) = own {
            return Ok(*address);
        }
        let is_free = |address: &IpAddr| {
            !self.taken.contains_key(address) && !self.reserved.contains(address) && !self.avoided.contains(address)
        };
        self.range
            .hosts()
            .find(is_free)
            .ok_or_else(|| "all addresses for Gateways are taken: give more with --gateway-addresses".to_owned())
    }

    fn asked(&self, key: &K, value: &str) -> Result<IpAddr, String> {
        let address: IpAddr =
            value.parse().map_err(|_| format!("spec.addresses: found {value:?}, allowed: an IP address"))?;
        if self.reserved.contains(&address) {
            return Err(format!(
                "spec.addresses: {address} is the address of a gateway that was started with this process"
            ));
        }
        match self.taken.get(&address) {
            Some(owner) if owner != key => Err(format!("spec.addresses: {address} is another Gateway's, {owner:?}")),
            _ if address.is_unspecified() => Err(format!("spec.addresses: {address} is no single address")),
            _ => Ok(address),
        }
    }
}

/// Whether this process may listen at an address, and on ports which are not served there already.
///
/// # Errors
/// What is in the way, and a remedy; for people.
pub(super) fn check(
    address: IpAddr,
    ports: &BTreeSet<(u16, Transport)>,
    served: &BTreeSet<(u16, Transport)>,
) -> Result<(), String> {
    is_local(address)?;
    for (port, transport) in ports {
        let at = SocketAddr::new(address, *port);
        let bound = match transport {
            Transport::Tcp => TcpListener::bind(at).map(drop),
            Transport::Udp => UdpSocket::bind(at).map(drop),
        };
        match bound {
            Err(error) if error.kind() == ErrorKind::AddrInUse && served.contains(&(*port, *transport)) => {}
            Err(error) => return Err(remedy(at, &error)),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn is_local(address: IpAddr) -> Result<(), String> {
    TcpListener::bind((address, 0)).map(drop).map_err(|error| {
        format!("{address} is not an address of this machine ({error}): ask for another one, or for none")
    })
}

/// Whether no other process has its own endpoints at an address: another `meridian up`, for example.
pub(super) fn has_room(address: IpAddr) -> Result<(), String> {
    is_local(address)?;
    for port in ENDPOINTS {
        let at = SocketAddr::new(address, port);
        TcpListener::bind(at).map(drop).map_err(|error| remedy(at, &error))?;
    }
    Ok(())
}

fn remedy(at: SocketAddr, error: &Error) -> String {
    let port = at.port();
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "{at} needs a right that this process does not have ({error}): allow ports from {port} on to everybody with \
             `sysctl -w net.ipv4.ip_unprivileged_port_start={port}`, or give it to the program with `setcap \
             cap_net_bind_service=+ep $(command -v meridian)`, or use a port from 1024 on"
        ),
        ErrorKind::AddrInUse => {
            format!("{at} is taken by another process ({error}): `ss -lntup` shows which; end it, or use another port")
        }
        _ => format!("{at} cannot be listened on: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managed::tests::{address, gateway};

    fn addresses() -> Addresses<&'static str> {
        Addresses::new("127.1.0.0/30".parse().unwrap(), &["127.0.0.1".parse().unwrap()])
    }

    fn asking(value: Option<&str>) -> ManagedGateway {
        ManagedGateway { addresses: vec![address("IPAddress", value)], ..gateway() }
    }

    #[test]
    fn each_gateway_has_one_and_keeps_it() {
        let mut all = addresses();
        all.keep(&"old", "127.1.0.1".parse().unwrap());
        assert_eq!(all.choose(&"new", &gateway()).unwrap().to_string(), "127.1.0.2");
        assert_eq!(all.choose(&"old", &gateway()).unwrap().to_string(), "127.1.0.1");
        assert_eq!(all.choose(&"new", &gateway()).unwrap().to_string(), "127.1.0.2");
        assert!(all.choose(&"third", &gateway()).unwrap_err().contains("--gateway-addresses"));
        all.forget(&"old");
        assert_eq!(all.choose(&"third", &asking(None)).unwrap().to_string(), "127.1.0.1");
    }

    #[test]
    fn an_address_that_is_asked_for_is_given_once() {
        let mut all = addresses();
        assert_eq!(all.choose(&"a", &asking(Some("127.9.9.9"))).unwrap().to_string(), "127.9.9.9");
        for (value, expected) in [
            ("127.9.9.9", "is another Gateway's, \"a\""),
            ("127.0.0.1", "was started with this process"),
            ("nowhere", "allowed: an IP address"),
            ("0.0.0.0", "is no single address"),
        ] {
            let error = all.choose(&"b", &asking(Some(value))).unwrap_err();
            assert!(error.contains(expected), "{value}: {error}");
        }
        assert_eq!(all.choose(&"a", &gateway()).unwrap().to_string(), "127.1.0.1", "it is not asked for any more");
        assert_eq!(all.choose(&"b", &asking(Some("127.9.9.9"))).unwrap().to_string(), "127.9.9.9");
    }

    #[test]
    fn what_cannot_be_listened_on_is_told() {
        let (here, elsewhere) = ("127.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let error = check(elsewhere, &BTreeSet::new(), &BTreeSet::new()).unwrap_err();
        assert!(error.contains("192.0.2.1 is not an address of this machine"), "{error}");
        let other = TcpListener::bind((here, 0)).unwrap();
        let port = BTreeSet::from([(other.local_addr().unwrap().port(), Transport::Tcp)]);
        let error = check(here, &port, &BTreeSet::new()).unwrap_err();
        assert!(error.contains("is taken by another process"), "{error}");
        assert_eq!(check(here, &port, &port), Ok(()), "it is the Gateway's own");
        let denied = remedy("127.1.0.1:80".parse().unwrap(), &ErrorKind::PermissionDenied.into());
        assert!(denied.contains("ip_unprivileged_port_start=80") && denied.contains("setcap"), "{denied}");
    }
}
