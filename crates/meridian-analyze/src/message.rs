//! Messages: their codes, levels and texts.

use meridian_resources::{ObjectRef, Source};
use std::fmt;
use std::str::FromStr;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Good to know.
    Info,
    /// Probably not what was meant.
    Warning,
    /// Does not work.
    Error,
}

impl Level {
    /// All levels.
    pub const ALL: [Level; 3] = [Level::Info, Level::Warning, Level::Error];

    /// `Info`, `Warning`, `Error`
    pub const fn name(self) -> &'static str {
        match self {
            Level::Info => "Info",
            Level::Warning => "Warning",
            Level::Error => "Error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    /// Reads a name in any case.
    fn from_str(name: &str) -> Result<Self, String> {
        let level = Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name));
        level.ok_or_else(|| format!("found {name:?}, allowed: Info, Warning, Error"))
    }
}

/// A kind of message.
#[derive(Debug, PartialEq, Eq)]
pub struct MessageType {
    /// `IST0101`
    pub code: &'static str,
    /// `ReferencedResourceNotFound`
    pub name: &'static str,
    /// How bad it is.
    pub level: Level,
}

impl MessageType {
    /// The type with this code.
    pub fn by_code(code: &str) -> Option<&'static MessageType> {
        ALL.iter().copied().find(|known| known.code == code)
    }
}

/// One message about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What kind of message it is.
    pub kind: &'static MessageType,
    /// The text.
    pub text: String,
    /// The object.
    pub object: ObjectRef,
    /// Where the mistake is, when the object comes from a file.
    pub source: Option<Source>,
}

impl Message {
    /// `VirtualService default/httpbin`, with the place in the file where there is one.
    pub fn origin(&self) -> String {
        match &self.source {
            Some(source) => format!("{} {source}", self.object),
            None => self.object.to_string(),
        }
    }

    /// The page that explains messages of this kind: Istio's, or this project's for kinds that Istio does not have.
    pub fn documentation(&self) -> String {
        if self.kind.code.starts_with("MER") {
            return "docs/why-blocked.md#tls-inside-of-tls".to_owned();
        }
        let code = self.kind.code.to_ascii_lowercase();
        format!("https://istio.io/latest/docs/reference/config/analysis/{code}/?ref=istioctl-analyze")
    }
}

/// `Error [IST0101] (VirtualService default/x) Referenced host not found: "y"`
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}] ({}) {}", self.kind.level, self.kind.code, self.origin(), self.text)
    }
}

macro_rules! types {
    ($($constant:ident = $code:literal $name:literal $level:ident;)+) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: &MessageType =
                &MessageType { code: $code, name: $name, level: Level::$level };
        )+

        /// All types that analyzers here report, by code.
        pub const ALL: &[&MessageType] = &[$($constant),+];
    };
}

types! {
    REFERENCED_RESOURCE_NOT_FOUND = "IST0101" "ReferencedResourceNotFound" Error;
    SCHEMA_VALIDATION_ERROR = "IST0106" "SchemaValidationError" Error;
    UNKNOWN_ANNOTATION = "IST0108" "UnknownAnnotation" Warning;
    CONFLICTING_MESH_GATEWAY_HOSTS = "IST0109" "ConflictingMeshGatewayVirtualServiceHosts" Error;
    DESTINATION_PORT_SELECTOR_REQUIRED = "IST0112" "VirtualServiceDestinationPortSelectorRequired" Error;
    PORT_NAME_CONVENTION = "IST0118" "PortNameIsNotUnderNamingConvention" Info;
    NO_SERVER_VERIFICATION = "IST0128" "NoServerCertificateVerificationDestinationLevel" Warning;
    NO_SERVER_VERIFICATION_PORT = "IST0129" "NoServerCertificateVerificationPortLevel" Warning;
    UNREACHABLE_RULE = "IST0130" "VirtualServiceUnreachableRule" Warning;
    INEFFECTIVE_MATCH = "IST0131" "VirtualServiceIneffectiveMatch" Info;
    HOST_NOT_FOUND_IN_GATEWAY = "IST0132" "VirtualServiceHostNotFoundInGateway" Warning;
    SCHEMA_WARNING = "IST0133" "SchemaWarning" Warning;
    SERVICE_ENTRY_ADDRESSES_REQUIRED = "IST0134" "ServiceEntryAddressesRequired" Warning;
    GATEWAY_DUPLICATE_CERTIFICATE = "IST0138" "GatewayDuplicateCertificate" Warning;
    INGRESS_ROUTE_RULES_NOT_AFFECTED = "IST0140" "IngressRouteRulesNotAffected" Warning;
    CONFLICTING_GATEWAYS = "IST0145" "ConflictingGateways" Error;
    EXTERNAL_NAME_PORT_NAME = "IST0150" "ExternalNameServiceTypeInvalidPortName" Warning;
    INVALID_GATEWAY_CREDENTIAL = "IST0161" "InvalidGatewayCredential" Error;
    GATEWAY_PORT_NOT_DEFINED = "IST0162" "GatewayPortNotDefinedOnService" Warning;
    REFERENCED_INTERNAL_GATEWAY = "IST0165" "ReferencedInternalGateway" Warning;
    SUBSET_SELECTS_NO_PODS = "IST0173" "DestinationRuleSubsetNotSelectPods" Error;
    UNKNOWN_DESTINATION_RULE_HOST = "IST0174" "UnknownDestinationRuleHost" Warning;
    CONFLICTING_SERVICE_ENTRY_PROTOCOL = "IST0177" "ConflictingServiceEntryProtocol" Warning;
    DOUBLE_TLS = "MER0001" "DoubleTls" Warning;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_known() {
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!(MessageType::by_code("IST0145"), Some(CONFLICTING_GATEWAYS));
        assert_eq!(MessageType::by_code("IST9999"), None);
    }

    #[test]
    fn levels_are_read_in_any_case() {
        assert_eq!("error".parse(), Ok(Level::Error));
        assert_eq!("fatal".parse::<Level>().unwrap_err(), "found \"fatal\", allowed: Info, Warning, Error");
    }
}
