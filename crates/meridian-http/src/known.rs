//! Names of header fields that the gateway knows, found at parse time by a perfect hash.
//!
//! A field carries its [`KnownHeader`] from the parser on, so that routing, forwarding rules and the access log compare
//! one byte instead of a name.

/// Declares the known names once: the enum, its table of names and the count come from the same list.
macro_rules! known_headers {
    ($($variant:ident = $name:literal,)+) => {
        /// A field name that this crate knows, or [`KnownHeader::Other`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum KnownHeader {
            /// Any name that is not in the table.
            #[default]
            Other = 0,
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        /// Every known header in the order of its number; the first is [`KnownHeader::Other`].
        const ALL: &[KnownHeader] = &[KnownHeader::Other, $(KnownHeader::$variant,)+];
        /// The lower-case names in the order of [`ALL`].
        const NAMES: &[&str] = &["", $($name,)+];
    };
}

known_headers! {
    Accept = "accept",
    AcceptCharset = "accept-charset",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    AccessControlAllowCredentials = "access-control-allow-credentials",
    AccessControlAllowHeaders = "access-control-allow-headers",
    AccessControlAllowMethods = "access-control-allow-methods",
    AccessControlAllowOrigin = "access-control-allow-origin",
    AccessControlExposeHeaders = "access-control-expose-headers",
    AccessControlMaxAge = "access-control-max-age",
    AccessControlRequestHeaders = "access-control-request-headers",
    AccessControlRequestMethod = "access-control-request-method",
    Age = "age",
    Allow = "allow",
    AltSvc = "alt-svc",
    Authorization = "authorization",
    B3 = "b3",
    Baggage = "baggage",
    CacheControl = "cache-control",
    Connection = "connection",
    ContentDisposition = "content-disposition",
    ContentEncoding = "content-encoding",
    ContentLanguage = "content-language",
    ContentLength = "content-length",
    ContentLocation = "content-location",
    ContentRange = "content-range",
    ContentSecurityPolicy = "content-security-policy",
    ContentType = "content-type",
    Cookie = "cookie",
    Date = "date",
    Etag = "etag",
    Expect = "expect",
    Expires = "expires",
    Forwarded = "forwarded",
    From = "from",
    GrpcAcceptEncoding = "grpc-accept-encoding",
    GrpcEncoding = "grpc-encoding",
    GrpcMessage = "grpc-message",
    GrpcStatus = "grpc-status",
    GrpcTimeout = "grpc-timeout",
    Host = "host",
    Http2Settings = "http2-settings",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    KeepAlive = "keep-alive",
    LastModified = "last-modified",
    Link = "link",
    Location = "location",
    MaxForwards = "max-forwards",
    Origin = "origin",
    Pragma = "pragma",
    Priority = "priority",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    ProxyConnection = "proxy-connection",
    Range = "range",
    Referer = "referer",
    RetryAfter = "retry-after",
    SecFetchDest = "sec-fetch-dest",
    SecFetchMode = "sec-fetch-mode",
    SecFetchSite = "sec-fetch-site",
    SecFetchUser = "sec-fetch-user",
    SecWebsocketAccept = "sec-websocket-accept",
    SecWebsocketExtensions = "sec-websocket-extensions",
    SecWebsocketKey = "sec-websocket-key",
    SecWebsocketProtocol = "sec-websocket-protocol",
    SecWebsocketVersion = "sec-websocket-version",
    Server = "server",
    SetCookie = "set-cookie",
    StrictTransportSecurity = "strict-transport-security",
    Te = "te",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    Trailer = "trailer",
    TransferEncoding = "transfer-encoding",
    Upgrade = "upgrade",
    UpgradeInsecureRequests = "upgrade-insecure-requests",
    UserAgent = "user-agent",
    Vary = "vary",
    Via = "via",
    WwwAuthenticate = "www-authenticate",
    XB3Parentspanid = "x-b3-parentspanid",
    XB3Sampled = "x-b3-sampled",
    XB3Spanid = "x-b3-spanid",
    XB3Traceid = "x-b3-traceid",
    XClientTraceId = "x-client-trace-id",
    XContentTypeOptions = "x-content-type-options",
    XEnvoyAttemptCount = "x-envoy-attempt-count",
    XEnvoyDecoratorOperation = "x-envoy-decorator-operation",
    XEnvoyDownstreamServiceCluster = "x-envoy-downstream-service-cluster",
    XEnvoyDownstreamServiceNode = "x-envoy-downstream-service-node",
    XEnvoyExpectedRqTimeoutMs = "x-envoy-expected-rq-timeout-ms",
    XEnvoyExternalAddress = "x-envoy-external-address",
    XEnvoyForceTrace = "x-envoy-force-trace",
    XEnvoyHedgeOnPerTryTimeout = "x-envoy-hedge-on-per-try-timeout",
    XEnvoyImmediateHealthCheckFail = "x-envoy-immediate-health-check-fail",
    XEnvoyInternal = "x-envoy-internal",
    XEnvoyIpTags = "x-envoy-ip-tags",
    XEnvoyIsTimeoutRetry = "x-envoy-is-timeout-retry",
    XEnvoyMaxRetries = "x-envoy-max-retries",
    XEnvoyOriginalDstHost = "x-envoy-original-dst-host",
    XEnvoyOriginalHost = "x-envoy-original-host",
    XEnvoyOriginalPath = "x-envoy-original-path",
    XEnvoyOverloaded = "x-envoy-overloaded",
    XEnvoyPeerMetadata = "x-envoy-peer-metadata",
    XEnvoyPeerMetadataId = "x-envoy-peer-metadata-id",
    XEnvoyRatelimited = "x-envoy-ratelimited",
    XEnvoyRetriableHeaderNames = "x-envoy-retriable-header-names",
    XEnvoyRetriableStatusCodes = "x-envoy-retriable-status-codes",
    XEnvoyRetryGrpcOn = "x-envoy-retry-grpc-on",
    XEnvoyRetryOn = "x-envoy-retry-on",
    XEnvoyUpstreamAltStatName = "x-envoy-upstream-alt-stat-name",
    XEnvoyUpstreamCanary = "x-envoy-upstream-canary",
    XEnvoyUpstreamRqPerTryTimeoutMs = "x-envoy-upstream-rq-per-try-timeout-ms",
    XEnvoyUpstreamRqTimeoutAltResponse = "x-envoy-upstream-rq-timeout-alt-response",
    XEnvoyUpstreamRqTimeoutMs = "x-envoy-upstream-rq-timeout-ms",
    XEnvoyUpstreamServiceTime = "x-envoy-upstream-service-time",
    XForwardedClientCert = "x-forwarded-client-cert",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedProto = "x-forwarded-proto",
    XRequestId = "x-request-id",
    XRequestedWith = "x-requested-with",
}

const SLOT_BITS: u32 = 10;
const SLOTS: [u8; 1 << SLOT_BITS] = slots();

/// Longest known name in bytes; longer names are not even hashed.
const LONGEST: usize = longest();

const fn longest() -> usize {
    let (mut i, mut longest) = (1, 0);
    while i < NAMES.len() {
        if NAMES[i].len() > longest {
            longest = NAMES[i].len();
        }
        i += 1;
    }
    longest
}

/// Length and four bytes tell all known names apart; the factors were searched for so that no two share a slot.
const fn slot_of(name: &[u8]) -> usize {
    let len = name.len();
    let hash = (len as u32)
        .wrapping_mul(0x964b_d3ad)
        .wrapping_add((name[0] as u32).wrapping_mul(0xd4ed_6eaf))
        .wrapping_add((name[len - 1] as u32).wrapping_mul(0x98ef_b769))
        .wrapping_add((name[len / 2] as u32).wrapping_mul(0x5c40_ac7f))
        .wrapping_add((name[len * 3 / 4] as u32).wrapping_mul(0xec6a_f913));
    (hash >> (32 - SLOT_BITS)) as usize
}

const fn slots() -> [u8; 1 << SLOT_BITS] {
    // The set of known names is a u128 elsewhere (`Fields::has`).
    assert!(NAMES.len() <= 128);
    let mut slots = [0; 1 << SLOT_BITS];
    let mut i = 1;
    while i < NAMES.len() {
        let slot = slot_of(NAMES[i].as_bytes());
        assert!(slots[slot] == 0, "two known names share a slot: search for other factors in slot_of");
        slots[slot] = i as u8;
        i += 1;
    }
    slots
}

impl KnownHeader {
    /// The known header with this name, which must be in lower case already.
    #[must_use]
    pub fn from_lower(name: &[u8]) -> Self {
        if name.is_empty() || name.len() > LONGEST {
            return Self::Other;
        }
        let number = SLOTS[slot_of(name)] as usize;
        if NAMES[number].as_bytes() == name { ALL[number] } else { Self::Other }
    }

    /// The known header with this name in any case.
    #[must_use]
    pub fn from_any_case(name: &[u8]) -> Self {
        let mut lower = [0; LONGEST];
        match lower.get_mut(..name.len()) {
            Some(lower) => {
                lower.copy_from_slice(name);
                lower.make_ascii_lowercase();
                Self::from_lower(lower)
            }
            None => Self::Other,
        }
    }

    /// The lower-case name; empty for [`KnownHeader::Other`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// This header's bit in a set of known headers.
    pub(crate) const fn bit(self) -> u128 {
        1 << (self as u8)
    }
}

/// A header name as configuration holds it: lower-case, with its number found once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldName {
    known: KnownHeader,
    name: Box<str>,
}

impl FieldName {
    /// Takes a name in any case; names compare without case (RFC 9110 section 5.1).
    #[must_use]
    pub fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase().into_boxed_str();
        Self { known: KnownHeader::from_lower(name.as_bytes()), name }
    }

    /// The number of the name, [`KnownHeader::Other`] when it is not in the table.
    #[must_use]
    pub const fn known(&self) -> KnownHeader {
        self.known
    }

    /// The lower-case name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl From<KnownHeader> for FieldName {
    fn from(known: KnownHeader) -> Self {
        Self { known, name: known.name().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for (number, name) in NAMES.iter().enumerate().skip(1) {
            assert_eq!(KnownHeader::from_lower(name.as_bytes()), ALL[number], "{name}");
            assert_eq!(KnownHeader::from_any_case(name.to_ascii_uppercase().as_bytes()), ALL[number], "{name}");
            assert_eq!(ALL[number].name(), *name);
        }
    }

    #[test]
    fn neighbours_of_known_names_are_other() {
        for name in NAMES.iter().skip(1) {
            for changed in [format!("{name}x"), format!("x{name}"), name[1..].to_owned(), name.replace('e', "3")] {
                let expected = NAMES.iter().position(|n| *n == changed).map_or(KnownHeader::Other, |i| ALL[i]);
                assert_eq!(KnownHeader::from_lower(changed.as_bytes()), expected, "{changed}");
            }
        }
        assert_eq!(KnownHeader::from_any_case(&[b'x'; 4096]), KnownHeader::Other);
        assert_eq!(KnownHeader::from_any_case(b""), KnownHeader::Other);
    }
}
