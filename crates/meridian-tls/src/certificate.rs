//! What an X.509 certificate says of itself (RFC 5280): for headers, logs, `/certs` and `proxy-config secret`.

use crate::der::{Der, SEQUENCE};
use crate::distinguished_name;
use crate::parts::Parts;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The fields that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Lowercase hexadecimal, two digits a byte, without zero bytes in front.
    pub serial_number: String,
    /// The subject's name as RFC 2253 writes it, last part first: `CN=good,O=some organization` in the certificate is
    /// `O=some organization,CN=good` here.
    pub subject: String,
    /// The issuer's name, likewise.
    pub issuer: String,
    /// Seconds since 1970 from which it is valid.
    pub not_before: i64,
    /// Seconds since 1970 to which it is valid.
    pub not_after: i64,
    /// Subject alternative names.
    pub alternative_names: Vec<AlternativeName>,
}

/// A subject alternative name (RFC 5280 section 4.2.1.6) of a kind that TLS uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlternativeName {
    /// `dNSName`
    Dns(String),
    /// `uniformResourceIdentifier`, such as a SPIFFE identity.
    Uri(String),
    /// `iPAddress`
    Ip(String),
    /// `rfc822Name`
    Email(String),
}

impl AlternativeName {
    /// The name without its kind.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let (Self::Dns(name) | Self::Uri(name) | Self::Ip(name) | Self::Email(name)) = self;
        name
    }
}

impl fmt::Display for AlternativeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Certificate {
    /// The alternative names that are URIs.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.alternative_names.iter().filter_map(|name| match name {
            AlternativeName::Uri(uri) => Some(&**uri),
            _ => None,
        })
    }

    /// The alternative names that are host names.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.alternative_names.iter().filter_map(|name| match name {
            AlternativeName::Dns(name) => Some(&**name),
            _ => None,
        })
    }
}

/// Reads the first certificate of a PEM text; `None` when there is none or it is malformed.
#[must_use]
pub fn first_of_pem(pem: &[u8]) -> Option<Certificate> {
    parse(&CertificateDer::from_pem_slice(pem).ok()?)
}

/// Reads a certificate in DER; `None` when it is malformed.
#[must_use]
pub fn parse(der: &[u8]) -> Option<Certificate> {
    let parts = Parts::parse(der)?;
    Some(Certificate {
        serial_number: serial_number(parts.serial),
        subject: distinguished_name::rfc2253(parts.subject)?,
        issuer: distinguished_name::rfc2253(parts.issuer)?,
        not_before: parts.not_before,
        not_after: parts.not_after,
        alternative_names: alternative_names(&parts)?,
    })
}

/// 2.5.29.17
pub(crate) const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1D, 0x11];

/// The subject alternative names; `None` when the extension is malformed.
#[must_use]
pub fn alternative_names(parts: &Parts<'_>) -> Option<Vec<AlternativeName>> {
    let Some(extension) = parts.extension(&SUBJECT_ALT_NAME) else { return Some(Vec::new()) };
    let mut list = Der(Der(extension.value).expect(SEQUENCE)?);
    let mut found = Vec::new();
    while !list.0.is_empty() {
        let name = list.next()?;
        let text = || String::from_utf8_lossy(name.content).into_owned();
        match name.tag {
            0x81 => found.push(AlternativeName::Email(text())),
            0x82 => found.push(AlternativeName::Dns(text())),
            0x86 => found.push(AlternativeName::Uri(text())),
            0x87 => found.extend(address(name.content).map(AlternativeName::Ip)),
            _ => {}
        }
    }
    Some(found)
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string())
}

/// `bytes` in lowercase hexadecimal.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// As BoringSSL's `BN_bn2hex`, which Envoy shows.
fn serial_number(integer: &[u8]) -> String {
    let first = integer.iter().position(|byte| *byte != 0);
    first.map_or_else(|| "0".to_owned(), |first| hexadecimal(&integer[first..]))
}

#[cfg(test)]
mod tests;
