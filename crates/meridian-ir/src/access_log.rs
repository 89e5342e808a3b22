//! Access logs: where lines go and what they say.

use crate::Name;
use crate::format::Format;
use std::sync::Arc;

/// One access log of a listener, connection manager or TCP proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    /// A file path; `/dev/stdout` and `/dev/stderr` are the process's own streams.
    pub path: Name,
    /// One line; ends with a newline.
    pub format: Arc<Format>,
}

/// Istio's default text format (`pilot/pkg/model/telemetry_logging.go` has the same operators).
pub const ISTIO_DEFAULT_FORMAT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% ",
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% ",
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
);
