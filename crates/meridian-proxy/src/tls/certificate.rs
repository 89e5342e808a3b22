//! What an X.509 certificate says of itself (RFC 5280): for `/certs` and `proxy-config secret`, not for trust.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The fields that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Lowercase hexadecimal, without leading zeros.
    pub serial_number: String,
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
}

/// Reads the first certificate of a PEM text; `None` when there is none or it is malformed.
#[must_use]
pub fn first_of_pem(pem: &[u8]) -> Option<Certificate> {
    parse(&CertificateDer::from_pem_slice(pem).ok()?)
}

/// Reads a certificate in DER; `None` when it is malformed.
#[must_use]
pub fn parse(der: &[u8]) -> Option<Certificate> {
    let mut certificate = Der(Der(der).expect(SEQUENCE)?);
    let mut body = Der(certificate.expect(SEQUENCE)?);
    body.skip(context(0)); // version
    let serial_number = hexadecimal(body.expect(INTEGER)?);
    body.expect(SEQUENCE)?; // signature algorithm
    body.expect(SEQUENCE)?; // issuer
    let mut validity = Der(body.expect(SEQUENCE)?);
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    body.expect(SEQUENCE)?; // subject
    body.expect(SEQUENCE)?; // public key
    let mut alternative_names = Vec::new();
    while let Some((tag, content)) = body.next() {
        if tag == context(3) {
            alternative_names = names(Der(Der(content).expect(SEQUENCE)?))?;
        }
    }
    Some(Certificate { serial_number, not_before, not_after, alternative_names })
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// 2.5.29.17
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1D, 0x11];

const fn context(number: u8) -> u8 {
    0xA0 | number
}

fn names(mut extensions: Der<'_>) -> Option<Vec<AlternativeName>> {
    let mut found = Vec::new();
    while !extensions.0.is_empty() {
        let mut extension = Der(extensions.expect(SEQUENCE)?);
        let id = extension.expect(OBJECT_IDENTIFIER)?;
        extension.skip(BOOLEAN); // critical
        if id != SUBJECT_ALT_NAME {
            continue;
        }
        let mut list = Der(Der(extension.expect(OCTET_STRING)?).expect(SEQUENCE)?);
        while let Some((tag, content)) = list.next() {
            let text = || String::from_utf8_lossy(content).into_owned();
            match tag {
                0x82 => found.push(AlternativeName::Dns(text())),
                0x86 => found.push(AlternativeName::Uri(text())),
                0x87 => found.extend(address(content).map(AlternativeName::Ip)),
                _ => {}
            }
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

fn hexadecimal(integer: &[u8]) -> String {
    let mut text = String::new();
    for byte in integer {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    let trimmed = text.trim_start_matches('0');
    if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() }
}

/// DER values in a row.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Tag and content of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, short], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match short {
            0..=0x7F => (usize::from(short), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x0F))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// Content of the next value, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// Leaves out the next value if it has this tag.
    fn skip(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            self.next();
        }
    }

    /// RFC 5280 section 4.1.2.5.
    fn time(&mut self) -> Option<i64> {
        let (tag, text) = self.next()?;
        let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let year: i64 = digits.get(..2)?.parse().ok()?;
                (if year < 50 { 2000 + year } else { 1900 + year }, digits.get(2..)?)
            }
            GENERALIZED_TIME => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
            _ => return None,
        };
        let field = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
        let days = days_from_civil(year, field(0)?, field(2)?);
        Some(days * 86_400 + field(4)? * 3_600 + field(6)? * 60 + field(8)?)
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::tests::openssl;

    #[test]
    fn reads_what_openssl_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let names = "subjectAltName=DNS:a.example.com,IP:10.0.0.1,IP:2001:db8::1,URI:spiffe://td/ns/a/sa/b,email:a@b.c";
        openssl(
            folder.path(),
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=a -days 30 -set_serial 0x0a1b -addext {names}"
            ),
        );
        let certificate = first_of_pem(&std::fs::read(folder.path().join("c")).unwrap()).unwrap();
        assert_eq!(certificate.serial_number, "a1b");
        assert_eq!(certificate.not_after - certificate.not_before, 30 * 86_400);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        assert!((now - 600..=now).contains(&certificate.not_before));
        assert_eq!(
            certificate.alternative_names,
            [
                AlternativeName::Dns("a.example.com".to_owned()),
                AlternativeName::Ip("10.0.0.1".to_owned()),
                AlternativeName::Ip("2001:db8::1".to_owned()),
                AlternativeName::Uri("spiffe://td/ns/a/sa/b".to_owned()),
            ]
        );
    }

    #[test]
    fn cut_certificates_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        openssl(folder.path(), "req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=a -outform der");
        let der = std::fs::read(folder.path().join("c")).unwrap();
        assert!(parse(&der).is_some());
        for end in 0..der.len() {
            assert_eq!(parse(&der[..end]), None, "{end}");
        }
    }

    #[test]
    fn dates_before_1970_and_in_leap_years() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(1969, 12, 31), -1);
        assert_eq!(days_from_civil(2024, 2, 29), 19_782);
        assert_eq!(days_from_civil(2050, 1, 1), 29_220);
    }
}
