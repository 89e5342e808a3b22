//! Certificates for tests.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use std::path::Path;

/// A certificate chain and its key in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
    pub(crate) public_key_info: Vec<u8>,
}

impl Pair {
    /// Writes `<name>.crt` and `<name>.key`.
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.crt")), &self.chain).expect("a file");
        std::fs::write(folder.join(format!("{name}.key")), &self.key).expect("a file");
    }
}

/// An authority.
pub(crate) struct Ca {
    pub(crate) pem: String,
    pub(crate) key: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, key: key.serialize_pem(), issuer: Issuer::new(params, key) }
    }

    /// A certificate with these host names and URIs, and the serial number `serial`; `change` has the last word.
    pub(crate) fn issue(&self, names: &[&str], serial: u8, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "good");
        params.distinguished_name.push(DnType::OrganizationName, "some organization");
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.contains("://") {
                true => SanType::URI((*name).try_into().expect("ASCII")),
                false => SanType::DnsName((*name).try_into().expect("ASCII")),
            })
            .collect();
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
            public_key_info: rcgen::PublicKeyData::subject_public_key_info(&key),
        }
    }

    /// A good certificate.
    pub(crate) fn good(&self, names: &[&str]) -> Pair {
        self.issue(names, 1, |_| {})
    }

    /// A list that revokes `serials` and holds to the end of `year`.
    pub(crate) fn revocation_list(&self, serials: &[u8], year: i32) -> String {
        let revoked = |serial: &u8| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date_time_ymd(2020, 1, 2),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 12, 31),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

/// Valid in the past.
pub(crate) fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
}

/// Valid in the future.
pub(crate) fn not_yet_valid(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2100, 1, 1), date_time_ymd(2101, 1, 1));
}
