//! What became of a stream, as an IO error that the pipeline meets, and back.

use crate::outcome::ResetReason;
use h2::Reason;
use std::io;

/// A stream that ended before its message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the HTTP/2 stream was reset: {}", .0.words())]
struct StreamError(ResetReason);

/// The error of a stream as IO of the pipeline fails with it.
pub(super) fn io_error(error: &h2::Error) -> io::Error {
    stream_error(reason_of(error))
}

/// A stream that is over for this reason.
pub(super) fn stream_error(reason: ResetReason) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, StreamError(reason))
}

/// Envoy's name of what happened to an endpoint's stream; for other connections, that they ended.
pub(crate) fn reset_reason(error: &io::Error) -> ResetReason {
    let stream = error.get_ref().and_then(|inner| inner.downcast_ref::<StreamError>());
    stream.map_or(ResetReason::ConnectionTermination, |StreamError(reason)| *reason)
}

fn reason_of(error: &h2::Error) -> ResetReason {
    if error.is_io() {
        return ResetReason::ConnectionTermination;
    }
    match (error.is_remote(), error.reason()) {
        // A stream that a GOAWAY leaves out was not looked at (RFC 9113 section 6.8).
        (true, _) if error.is_go_away() => ResetReason::RemoteRefusedStream,
        (true, Some(Reason::REFUSED_STREAM)) => ResetReason::RemoteRefusedStream,
        (true, _) => ResetReason::RemoteReset,
        (false, _) => ResetReason::ProtocolError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_pass_through_io_errors() {
        for reason in [ResetReason::RemoteReset, ResetReason::RemoteRefusedStream, ResetReason::ProtocolError] {
            assert_eq!(reset_reason(&stream_error(reason)), reason);
        }
        assert_eq!(reset_reason(&io::ErrorKind::BrokenPipe.into()), ResetReason::ConnectionTermination);
        assert_eq!(reason_of(&h2::Error::from(Reason::PROTOCOL_ERROR)), ResetReason::ProtocolError);
    }
}
