//! The two messages of `istio.v1.auth.IstioCertificateService` (`security/v1alpha1/ca.proto`), in protobuf's encoding.
//!
//! Written by hand: three fields one way and one the other do not ask for a code generator.

/// `IstioCertificateRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateRequest {
    /// PKCS#10 in PEM.
    pub csr: String,
    /// How long the certificate is to be valid, in seconds; 0: as the authority thinks.
    pub validity_duration: i64,
    /// Members of `metadata` whose values are text, without the empty ones.
    pub metadata: Vec<(String, String)>,
}

/// `IstioCertificateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateResponse {
    /// The certificate first, the root last, each as PEM.
    pub cert_chain: Vec<String>,
}

/// The bytes are no such message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message is not what istio.v1.auth.IstioCertificateService defines")]
pub struct DecodeError;

/// The value of a field on the wire.
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// 32 or 64 bits, which no field here has.
    Fixed,
}

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(DecodeError)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(length).map_err(|_| DecodeError)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DecodeError)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next field's number and value; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, DecodeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => self.take(8).map(|_| Wire::Fixed)?,
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed)?,
            _ => return Err(DecodeError),
        };
        Ok(Some((tag >> 3, value)))
    }
}

fn text(bytes: &[u8]) -> Result<String, DecodeError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl CertificateRequest {
    /// Reads the message. Fields that are not known are passed over, as protobuf wants it.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        let mut fields = Fields(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (1, Wire::Bytes(bytes)) => message.csr = text(bytes)?,
                (3, Wire::Varint(value)) => message.validity_duration = value.cast_signed(),
                (4, Wire::Bytes(bytes)) => message.metadata.extend(structure(bytes)?),
                (1 | 3 | 4, _) => return Err(DecodeError),
                _ => {}
            }
        }
        Ok(message)
    }

    /// Writes the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.csr.len() + 16);
        if !self.csr.is_empty() {
            put_bytes(&mut out, 1, self.csr.as_bytes());
        }
        if self.validity_duration != 0 {
            put_varint(&mut out, 3 << 3);
            put_varint(&mut out, self.validity_duration.cast_unsigned());
        }
        let mut members = Vec::new();
        for (name, value) in &self.metadata {
            let (mut member, mut inner) = (Vec::new(), Vec::new());
            put_bytes(&mut inner, 3, value.as_bytes());
            put_bytes(&mut member, 1, name.as_bytes());
            put_bytes(&mut member, 2, &inner);
            put_bytes(&mut members, 1, &member);
        }
        if !members.is_empty() {
            put_bytes(&mut out, 4, &members);
        }
        out
    }
}

/// The members of a `google.protobuf.Struct` that are text and not empty.
fn structure(bytes: &[u8]) -> Result<Vec<(String, String)>, DecodeError> {
    let mut members = Vec::new();
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        let (1, Wire::Bytes(entry)) = field else { continue };
        let (mut name, mut value) = (String::new(), String::new());
        let mut entry = Fields(entry);
        while let Some(field) = entry.next()? {
            match field {
                (1, Wire::Bytes(bytes)) => name = text(bytes)?,
                (2, Wire::Bytes(bytes)) => value = string_value(bytes)?,
                _ => {}
            }
        }
        if !value.is_empty() {
            members.push((name, value));
        }
    }
    Ok(members)
}

/// The text of a `google.protobuf.Value`; empty when it is none.
fn string_value(bytes: &[u8]) -> Result<String, DecodeError> {
    let mut value = String::new();
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        if let (3, Wire::Bytes(bytes)) = field {
            value = text(bytes)?;
        }
    }
    Ok(value)
}

impl CertificateResponse {
    /// Reads the message.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        let mut fields = Fields(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (1, Wire::Bytes(bytes)) => message.cert_chain.push(text(bytes)?),
                (1, _) => return Err(DecodeError),
                _ => {}
            }
        }
        Ok(message)
    }

    /// Writes the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for certificate in &self.cert_chain {
            put_bytes(&mut out, 1, certificate.as_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_as_istio_s_agent_sends_it() {
        // protoc --encode of csr: "x" validity_duration: 86400 metadata {fields {key: "CertSigner" value {string_value: ""}}}
        let sent = b"\x0a\x01x\x18\x80\xa3\x05\x22\x12\x0a\x10\x0a\x0aCertSigner\x12\x02\x1a\x00";
        let request = CertificateRequest::decode(sent).unwrap();
        assert_eq!(request, CertificateRequest { csr: "x".into(), validity_duration: 86400, metadata: Vec::new() });
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_refused() {
        let whole = CertificateRequest { csr: "abc".into(), validity_duration: 1, metadata: Vec::new() }.encode();
        assert!(CertificateRequest::decode(&whole[..3]).is_err());
        assert!(CertificateRequest::decode(b"\x08\x01").is_err());
        assert!(CertificateRequest::decode(b"\x0a\x01\xff").is_err());
        assert!(CertificateRequest::decode(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").is_err());
        assert!(CertificateRequest::decode(b"\x52\x01x").is_ok_and(|request| request == CertificateRequest::default()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            csr in ".{0,300}", validity_duration: i64, metadata in prop::collection::vec((".{0,9}", ".{1,9}"), 0..3),
            cert_chain in prop::collection::vec(".{0,200}", 0..4),
        ) {
            let request = CertificateRequest { csr, validity_duration, metadata };
            prop_assert_eq!(CertificateRequest::decode(&request.encode()), Ok(request));
            let response = CertificateResponse { cert_chain };
            prop_assert_eq!(CertificateResponse::decode(&response.encode()), Ok(response));
        }

        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>) {
            let _ = CertificateRequest::decode(&bytes);
            let _ = CertificateResponse::decode(&bytes);
        }
    }
}
