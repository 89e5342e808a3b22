//! What the pods of all Gateways have in common.

use std::net::IpAddr;
use std::str::FromStr;

/// What the pods of all Gateways have in common, and which addresses Gateways may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The image of the container; its entry point is `meridian`.
    pub image: String,
    /// When it is pulled: `Always`, `IfNotPresent` or `Never`; left to Kubernetes when absent.
    pub image_pull_policy: Option<String>,
    /// Where pods reach the control plane, `HOST:PORT`.
    pub discovery: String,
    /// The level of their logs.
    pub log_level: String,
    /// How many seconds a pod goes on accepting after it was told to stop, so that load balancers notice.
    pub drain_delay: u32,
    /// How many seconds open requests may take to end after that.
    pub drain_time: u32,
    /// Addresses that Gateways may ask for beside those that the load balancer gives: they are routed to the nodes by
    /// whoever runs the cluster, and become `externalIPs` of the Service.
    pub addresses: Vec<AddressRange>,
}

impl Default for Installation {
    fn default() -> Self {
        Self {
            image: format!("meridian:{}", env!("CARGO_PKG_VERSION")),
            image_pull_policy: None,
            discovery: "istiod.istio-system.svc:15012".to_owned(),
            log_level: "info".to_owned(),
            drain_delay: 5,
            drain_time: 30,
            addresses: Vec::new(),
        }
    }
}

impl Installation {
    /// Whether Gateways may have this address without being given it by a load balancer.
    pub(crate) fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|range| range.contains(address))
    }
}

/// Addresses in CIDR notation, `127.1.0.0/16`; a single address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    /// How many leading bits are the same for all.
    length: u8,
}

/// Why a range cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?}, allowed: an address range such as 127.1.0.0/16, without bits after its prefix")]
pub struct AddressRangeError(String);

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || AddressRangeError(text.to_owned());
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let first: IpAddr = address.parse().map_err(|_| error())?;
        let bits = if first.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(bits), |length| length.parse().map_err(|_| error()))?;
        let range = AddressRange { first, length };
        if length > bits || number(first) & range.host_mask() != 0 {
            return Err(error());
        }
        Ok(range)
    }
}

impl AddressRange {
    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && number(address) & !self.host_mask() == number(self.first)
    }

    /// The addresses of hosts in it, in order: all but the first and the last, where there are more than two.
    pub fn hosts(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let (first, mask) = (self.first, self.host_mask());
        let (from, to) = if mask > 1 { (1, mask - 1) } else { (0, mask) };
        (from..=to).map(move |offset| address(first, number(first) + offset))
    }

    /// Ones where its addresses differ.
    fn host_mask(&self) -> u128 {
        let bits: u32 = if self.first.is_ipv4() { 32 } else { 128 };
        let host_bits = bits.saturating_sub(u32::from(self.length));
        u128::MAX.checked_shr(128 - host_bits).unwrap_or(0)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of a number, in the family of `like`.
fn address(like: IpAddr, number: u128) -> IpAddr {
    match like {
        // The number is within the range of an IPv4 address, so nothing is cut off.
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::from_bits((number & u128::from(u32::MAX)) as u32)),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::from_bits(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_hold_their_addresses() {
        assert!(range("127.1.0.0/16").contains("127.1.255.1".parse().unwrap()));
        assert!(!range("127.1.0.0/16").contains("127.2.0.1".parse().unwrap()));
        assert!(!range("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(range("0.0.0.0/0").contains("255.255.255.255".parse().unwrap()));
        assert!(range("::/0").contains("ffff::1".parse().unwrap()));
        assert!(range("fd00::1").contains("fd00::1".parse().unwrap()));
        assert!(!range("fd00::1").contains("fd00::2".parse().unwrap()));
    }

    #[test]
    fn hosts_are_counted_from_the_first() {
        let hosts = |text: &str| range(text).hosts().take(3).map(|host| host.to_string()).collect::<Vec<_>>();
        assert_eq!(hosts("127.1.0.0/16"), ["127.1.0.1", "127.1.0.2", "127.1.0.3"]);
        assert_eq!(hosts("10.0.0.4/30"), ["10.0.0.5", "10.0.0.6"]);
        assert_eq!(hosts("10.0.0.4/31"), ["10.0.0.4", "10.0.0.5"]);
        assert_eq!(hosts("10.0.0.4"), ["10.0.0.4"]);
        assert_eq!(hosts("fd00::/64"), ["fd00::1", "fd00::2", "fd00::3"]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "a", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "fd00::/129"] {
            let error = text.parse::<AddressRange>().unwrap_err().to_string();
            assert!(error.contains("allowed: an address range"), "{text}: {error}");
        }
    }
}
