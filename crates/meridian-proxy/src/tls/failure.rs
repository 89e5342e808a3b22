//! Why a handshake failed, in the words of Envoy and BoringSSL.

use super::verify::VerifyFailure;
use rustls::{AlertDescription, Error, PeerIncompatible};
use std::fmt;
use std::io;

/// Number of the TLS library in BoringSSL's error codes (`ERR_LIB_SSL`).
const ERR_LIB_SSL: u32 = 16;

/// BoringSSL's code for bytes that are no TLS record.
const WRONG_VERSION: u16 = 247;

/// What went wrong in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFailure {
    /// This side has no certificate or no authorities to work with.
    NotReady,
    /// The peer's certificate was judged bad.
    Verify(VerifyFailure),
    /// The peer was to show a certificate, and has none.
    NoCertificate,
    /// The peer refused with this alert.
    Alert(u8),
    /// The peer does not speak TLS as this side does; BoringSSL's reason for it.
    Protocol(u16, &'static str),
    /// The connection ended in the middle.
    Closed,
    /// It took too long.
    TimedOut,
}

impl TlsFailure {
    /// The failure behind an error of a handshake; `None` when it is the connection's.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Some(Self::Closed);
        }
        let inner = error.get_ref()?;
        if let Some(failure) = inner.downcast_ref::<Self>() {
            return Some(*failure);
        }
        inner.downcast_ref::<Error>().map(Self::of_rustls)
    }

    fn of_rustls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => Self::Verify(VerifyFailure::of(error)),
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::AlertReceived(alert) => Self::Alert(u8::from(*alert)),
            Error::InvalidMessage(_) => Self::Protocol(WRONG_VERSION, "WRONG_VERSION_NUMBER"),
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                Self::Protocol(223, "UNEXPECTED_MESSAGE")
            }
            Error::DecryptError => Self::Protocol(139, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
            Error::NoApplicationProtocol => Self::Protocol(307, "NO_APPLICATION_PROTOCOL"),
            Error::PeerSentOversizedRecord => Self::Protocol(146, "ENCRYPTED_LENGTH_TOO_LONG"),
            Error::PeerMisbehaved(_) => Self::Protocol(223, "UNEXPECTED_MESSAGE"),
            Error::PeerIncompatible(reason) => Self::incompatible(reason),
            _ => Self::Protocol(68, "INTERNAL_ERROR"),
        }
    }

    fn incompatible(reason: &PeerIncompatible) -> Self {
        match reason {
            PeerIncompatible::NoCipherSuitesInCommon => Self::Protocol(184, "NO_SHARED_CIPHER"),
            PeerIncompatible::NoKxGroupsInCommon => Self::Protocol(266, "NO_SHARED_GROUP"),
            PeerIncompatible::NoSignatureSchemesInCommon => Self::Protocol(253, "NO_COMMON_SIGNATURE_ALGORITHMS"),
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic => Self::Protocol(240, "UNSUPPORTED_PROTOCOL"),
            _ => Self::Protocol(110, "BAD_HANDSHAKE_RECORD"),
        }
    }

    fn code(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Verify(_) => Some((125, "CERTIFICATE_VERIFY_FAILED")),
            Self::NoCertificate => Some((192, "PEER_DID_NOT_RETURN_A_CERTIFICATE")),
            Self::Alert(alert) => Some((1000 + u16::from(alert), alert_name(alert))),
            Self::Protocol(code, name) => Some((code, name)),
            Self::NotReady | Self::Closed | Self::TimedOut => None,
        }
    }
}

/// As `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%` and `%UPSTREAM_TRANSPORT_FAILURE_REASON%` print it: blanks are underscores.
impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((code, name)) = self.code() else {
            return f.write_str(match self {
                Self::NotReady => "TLS_error:_Secret_is_not_supplied_by_SDS",
                Self::TimedOut => "connect_timeout",
                _ => "TLS_error:_connection_closed_during_the_handshake",
            });
        };
        let number = ERR_LIB_SSL << 24 | u32::from(code);
        write!(f, "TLS_error:|{number}:SSL_routines:OPENSSL_internal:{name}")?;
        match self {
            Self::Verify(failure) => {
                f.write_str(":")?;
                failure.to_string().split(' ').enumerate().try_for_each(|(position, word)| {
                    if position > 0 {
                        f.write_str("_")?;
                    }
                    f.write_str(word)
                })?;
            }
            Self::Protocol(WRONG_VERSION, _) => f.write_str(":the_peer_does_not_speak_TLS")?,
            Self::NoCertificate => f.write_str(":peer_did_not_provide_required_client_certificate")?,
            _ => {}
        }
        f.write_str(":TLS_error_end")
    }
}

impl std::error::Error for TlsFailure {}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        Self::other(failure)
    }
}

fn alert_name(alert: u8) -> &'static str {
    match AlertDescription::from(alert) {
        AlertDescription::CloseNotify => "SSLV3_ALERT_CLOSE_NOTIFY",
        AlertDescription::UnexpectedMessage => "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        AlertDescription::BadRecordMac => "SSLV3_ALERT_BAD_RECORD_MAC",
        AlertDescription::RecordOverflow => "TLSV1_ALERT_RECORD_OVERFLOW",
        AlertDescription::HandshakeFailure => "SSLV3_ALERT_HANDSHAKE_FAILURE",
        AlertDescription::BadCertificate => "SSLV3_ALERT_BAD_CERTIFICATE",
        AlertDescription::UnsupportedCertificate => "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        AlertDescription::CertificateRevoked => "SSLV3_ALERT_CERTIFICATE_REVOKED",
        AlertDescription::CertificateExpired => "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        AlertDescription::CertificateUnknown => "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        AlertDescription::IllegalParameter => "SSLV3_ALERT_ILLEGAL_PARAMETER",
        AlertDescription::UnknownCA => "TLSV1_ALERT_UNKNOWN_CA",
        AlertDescription::AccessDenied => "TLSV1_ALERT_ACCESS_DENIED",
        AlertDescription::DecodeError => "TLSV1_ALERT_DECODE_ERROR",
        AlertDescription::DecryptError => "TLSV1_ALERT_DECRYPT_ERROR",
        AlertDescription::ProtocolVersion => "TLSV1_ALERT_PROTOCOL_VERSION",
        AlertDescription::InsufficientSecurity => "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        AlertDescription::InternalError => "TLSV1_ALERT_INTERNAL_ERROR",
        AlertDescription::UserCanceled => "TLSV1_ALERT_USER_CANCELLED",
        AlertDescription::UnsupportedExtension => "TLSV1_ALERT_UNSUPPORTED_EXTENSION",
        AlertDescription::UnrecognisedName => "TLSV1_ALERT_UNRECOGNIZED_NAME",
        AlertDescription::CertificateRequired => "TLSV1_ALERT_CERTIFICATE_REQUIRED",
        AlertDescription::NoApplicationProtocol => "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        _ => "UNKNOWN_ALERT_TYPE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_those_of_envoy() {
        for (failure, expected) in [
            (TlsFailure::NotReady, "TLS_error:_Secret_is_not_supplied_by_SDS"),
            (
                TlsFailure::Verify(VerifyFailure::Expired),
                "TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:_certificate_verification_error_at_depth_0:_certificate_has_expired:TLS_error_end",
            ),
            (
                TlsFailure::NoCertificate,
                "TLS_error:|268435648:SSL_routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE:peer_did_not_provide_required_client_certificate:TLS_error_end",
            ),
            (
                TlsFailure::Alert(48),
                "TLS_error:|268436504:SSL_routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA:TLS_error_end",
            ),
        ] {
            assert_eq!(failure.to_string(), expected);
        }
    }
}
