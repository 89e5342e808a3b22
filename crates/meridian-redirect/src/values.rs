//! The values of the options: ports, address ranges, interfaces, owners. Lists are separated by commas, blanks do not count.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

#[cfg(test)]
mod tests;

/// A value that is not what its option takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {allowed}")]
pub struct ValueError {
    /// The part of the value that is wrong.
    pub found: String,
    /// What would be right.
    pub allowed: &'static str,
}

/// A port, or a range of them with both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port, not below the first.
    pub last: u16,
}

/// Which ports, or none when the list is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// `*`: every port.
    All,
    /// These.
    Only(Vec<PortRange>),
}

/// Which destination addresses, or none when the list is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// `*`: every address, IPv4 and IPv6.
    All,
    /// These.
    Only(Vec<IpNet>),
}

/// A network interface by name; a trailing `+` or `*` stands for any ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The name, or what it begins with.
    pub name: String,
    /// Whether any ending matches.
    pub wildcard: bool,
}

/// A user or a group, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

/// Of which groups' processes the outbound traffic is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// Of all but these.
    Except(Vec<Owner>),
    /// Of these only.
    Only(Vec<Owner>),
}

/// The parts of a comma-separated list.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A comma-separated list; an empty one has no items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T: FromStr<Err = ValueError>> FromStr for List<T> {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        list(text).map(Self)
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(List(items): List<T>) -> Self {
        items
    }
}

/// Reads a comma-separated list; an empty one is no items.
///
/// # Errors
/// The first part that is not a `T`.
pub fn list<T: FromStr<Err = ValueError>>(text: &str) -> Result<Vec<T>, ValueError> {
    parts(text).map(str::parse).collect()
}

impl FromStr for PortRange {
    type Err = ValueError;

    /// `80`, or a range `8000-8010` (also `8000:8010`, as `iptables` writes it).
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError {
            found: text.to_owned(),
            allowed: "a port from 1 to 65535, or a range of ports such as 8000-8010",
        };
        let port = |text: &str| text.parse().ok().filter(|port: &u16| *port > 0 && !text.starts_with('+'));
        let (first, last) = text.split_once(['-', ':']).unwrap_or((text, text));
        let (first, last) = (port(first).ok_or_else(wrong)?, port(last).ok_or_else(wrong)?);
        if first <= last { Ok(Self { first, last }) } else { Err(wrong()) }
    }
}

impl fmt::Display for PortRange {
    /// As it can be parsed again, which is also as `nft` reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

impl From<u16> for PortRange {
    fn from(port: u16) -> Self {
        Self { first: port, last: port }
    }
}

impl FromStr for Ports {
    type Err = ValueError;

    /// `*`, or a list of ports.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.trim() == "*" { Ok(Self::All) } else { list(text).map(Self::Only) }
    }
}

/// Reads a list of ranges in CIDR form; a bare address is a range of one.
///
/// # Errors
/// The first part that is neither.
pub fn ranges(text: &str) -> Result<Vec<IpNet>, ValueError> {
    parts(text).map(range).collect()
}

fn range(text: &str) -> Result<IpNet, ValueError> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let wrong = |_| ValueError {
        found: text.to_owned(),
        allowed: "a range of addresses such as 10.0.0.0/8 or fd00::/8; names are not resolved",
    };
    net.map(|net| net.trunc()).map_err(wrong)
}

impl FromStr for Ranges {
    type Err = ValueError;

    /// `*`, or a list of ranges.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.trim() == "*" { Ok(Self::All) } else { ranges(text).map(Self::Only) }
    }
}

impl Ranges {
    /// Whether a range begins on the loopback, so that traffic to it is wanted.
    #[must_use]
    pub fn has_loopback(&self) -> bool {
        match self {
            Self::All => false,
            Self::Only(ranges) => ranges.iter().any(|range| range.addr().is_loopback()),
        }
    }
}

impl FromStr for Interface {
    type Err = ValueError;

    /// A name of at most 15 characters, as the kernel's.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = text.strip_suffix(['+', '*']).unwrap_or(text);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        if name.is_empty() || name.len() > 15 || !name.chars().all(plain) || name.starts_with('-') {
            let allowed = "the name of a network interface such as eth1, or eth+ for all that begin so";
            return Err(ValueError { found: text.to_owned(), allowed });
        }
        Ok(Self { name: name.to_owned(), wildcard: name.len() < text.len() })
    }
}

impl FromStr for Owner {
    type Err = ValueError;

    /// A number, or a name as `useradd` allows it.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let number = text.parse::<u32>().is_ok() && !text.starts_with('+');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if number || (begins && text.len() <= 32 && text.chars().all(plain)) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError { found: text.to_owned(), allowed: "a user or group, by number or by name" })
    }
}

impl From<u32> for Owner {
    fn from(id: u32) -> Self {
        Self(id.to_string())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
