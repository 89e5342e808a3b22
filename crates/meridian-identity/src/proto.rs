//! The messages of `istio.v1.auth.IstioCertificateService` (`security/v1alpha1/ca.proto`).

use std::collections::HashMap;

/// `IstioCertificateRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CertificateRequest {
    /// PKCS#10 in PEM.
    #[prost(string, tag = "1")]
    pub csr: String,
    /// How long the certificate is to be valid, in seconds; 0: as the authority thinks.
    #[prost(int64, tag = "3")]
    pub validity_duration: i64,
    /// Who signs, and for whom; see [`Metadata`].
    #[prost(message, optional, tag = "4")]
    pub metadata: Option<Metadata>,
}

/// A `google.protobuf.Struct` of which only texts count.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Metadata {
    /// Its members.
    #[prost(map = "string, message", tag = "1")]
    pub fields: HashMap<String, MetadataValue>,
}

/// A `google.protobuf.Value` of which only the text counts; empty when it is none.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MetadataValue {
    /// `string_value`
    #[prost(string, tag = "3")]
    pub string_value: String,
}

/// `IstioCertificateResponse`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CertificateResponse {
    /// The certificate first, the roots last, each as PEM.
    #[prost(string, repeated, tag = "1")]
    pub cert_chain: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn a_request_as_istio_s_agent_sends_it() {
        let sent = b"\x0a\x01x\x18\x80\xa3\x05\x22\x12\x0a\x10\x0a\x0aCertSigner\x12\x02\x1a\x00";
        let request = CertificateRequest::decode(&sent[..]).unwrap();
        let fields = HashMap::from([("CertSigner".to_owned(), MetadataValue::default())]);
        let expected =
            CertificateRequest { csr: "x".into(), validity_duration: 86400, metadata: Some(Metadata { fields }) };
        assert_eq!(request, expected);
    }
}
