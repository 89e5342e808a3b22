//! `TlsParameters`: versions and cipher suites.

use crate::message::Message;
use crate::read::{Fields, ReadError};
use meridian_ir::Name;
use meridian_ir::tls::TlsVersion;
use serde_json::Value;

/// What is negotiated.
pub(super) struct Parameters<'t> {
    pub(super) min_version: TlsVersion,
    pub(super) max_version: TlsVersion,
    pub(super) cipher_suites: &'t [Name],
}

/// Lowest and highest version, cipher suites.
pub(super) type Read = (TlsVersion, TlsVersion, Vec<Name>);

/// The parameters; versions that are `default` are left out. `None` when nothing is left.
pub(super) fn parameters(parameters: &Parameters<'_>, default: Option<(TlsVersion, TlsVersion)>) -> Option<Value> {
    let Parameters { min_version: min, max_version: max, cipher_suites } = parameters;
    let min = (default.map(|(min, _)| min) != Some(*min)).then(|| version(*min));
    let max = (default.map(|(_, max)| max) != Some(*max)).then(|| version(*max));
    if min.is_none() && max.is_none() && cipher_suites.is_empty() {
        return None;
    }
    let message = Message::new()
        .with_some("tlsMinimumProtocolVersion", min)
        .with_some("tlsMaximumProtocolVersion", max)
        .with_list("cipherSuites", cipher_suites.iter().map(|suite| Value::from(&**suite)));
    Some(message.into())
}

fn version(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "TLSv1_2",
        TlsVersion::Tls13 => "TLSv1_3",
    }
}

/// The parameters of a TLS context whose versions are `default` where it does not say.
pub(super) fn read(common: &Fields<'_>, default: (TlsVersion, TlsVersion)) -> Result<Read, ReadError> {
    const VERSIONS: [(&str, TlsVersion); 2] = [("TLSv1_2", TlsVersion::Tls12), ("TLSv1_3", TlsVersion::Tls13)];
    let parameters = common.some("tlsParams", |node| {
        node.message(|fields| {
            let min = fields.choice("tlsMinimumProtocolVersion", &VERSIONS, default.0)?;
            let max = fields.choice("tlsMaximumProtocolVersion", &VERSIONS, default.1)?;
            Ok((min, max, fields.each("cipherSuites", |suite| suite.name())?))
        })
    })?;
    Ok(parameters.unwrap_or_else(|| (default.0, default.1, Vec::new())))
}
