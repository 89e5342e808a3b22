//! Access logs: where lines go and what they say.

use crate::Name;
use crate::format::Format;
use meridian_cel::Expression;
use std::sync::Arc;

/// One access log of a listener, connection manager or TCP proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    /// A file path; `/dev/stdout` and `/dev/stderr` are the process's own streams.
    pub path: Name,
    /// What is written.
    pub format: LogFormat,
    /// Which requests and connections are; all when absent (`envoy.access_loggers.extension_filters.cel`).
    pub filter: Option<Expression>,
}

/// The form of a log's lines.
#[derive(Debug, Clone, PartialEq)]
pub enum LogFormat {
    /// Text; ends with a newline.
    Text(Arc<Format>),
    /// One JSON object on each line.
    Json(Arc<JsonFormat>),
}

/// A JSON value with operators in its strings. Where a string is one operator alone, the value keeps its type (numbers
/// stay numbers, what is missing is null).
#[derive(Debug, Clone, PartialEq)]
pub enum JsonFormat {
    /// Members in the order in which they are written (Envoy: sorted by name).
    Object(Vec<(Name, JsonFormat)>),
    /// Elements.
    Array(Vec<JsonFormat>),
    /// A string.
    String(Format),
    /// A number, as text.
    Number(Name),
    /// A truth value.
    Bool(bool),
    /// Nothing.
    Null,
}

impl LogFormat {
    /// The text format, if it is one.
    pub fn text(&self) -> Option<&Arc<Format>> {
        match self {
            Self::Text(format) => Some(format),
            Self::Json(_) => None,
        }
    }
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
