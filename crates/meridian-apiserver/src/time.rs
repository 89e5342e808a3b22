//! Times as Kubernetes writes them: RFC 3339, whole seconds, UTC.

use std::time::SystemTime;

use jiff::Timestamp;

/// The time.
pub(crate) fn now() -> String {
    text(SystemTime::now())
}

/// A time.
pub(crate) fn text(time: SystemTime) -> String {
    // Times that are out of range are those of nobody's clock.
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
