//! What of gRPC the gateway knows: which requests are gRPC, and how failures are told to them.

/// Whether a content type is gRPC's: `application/grpc`, alone or with a format behind `+` (`application/grpc+proto`).
#[must_use]
pub fn is_grpc(content_type: &[u8]) -> bool {
    content_type.strip_prefix(b"application/grpc").is_some_and(|rest| rest.is_empty() || rest[0] == b'+')
}

/// The gRPC status of a service that is not there.
pub const UNAVAILABLE: u32 = 14;

/// The gRPC status for an HTTP status of a local answer (`doc/http-grpc-status-mapping.md` of gRPC).
#[must_use]
pub const fn status_of_http(status: u16) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// The HTTP status that a gRPC status counts as for outlier detection (Envoy's `Grpc::Utility::grpcToHttpStatus`).
#[must_use]
pub const fn http_of_status(status: u16) -> u16 {
    match status {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// Appends `message` as `grpc-message` carries it: bytes that are no visible ASCII, `%` and `~` as `%XX`.
pub fn encode_message(message: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in message {
        if (b' '..b'~').contains(&byte) && byte != b'%' {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// Names of the statuses by number: in camel case, and in snake case.
const NAMES: [(&str, &str); 17] = [
    ("OK", "OK"),
    ("Canceled", "CANCELLED"),
    ("Unknown", "UNKNOWN"),
    ("InvalidArgument", "INVALID_ARGUMENT"),
    ("DeadlineExceeded", "DEADLINE_EXCEEDED"),
    ("NotFound", "NOT_FOUND"),
    ("AlreadyExists", "ALREADY_EXISTS"),
    ("PermissionDenied", "PERMISSION_DENIED"),
    ("ResourceExhausted", "RESOURCE_EXHAUSTED"),
    ("FailedPrecondition", "FAILED_PRECONDITION"),
    ("Aborted", "ABORTED"),
    ("OutOfRange", "OUT_OF_RANGE"),
    ("Unimplemented", "UNIMPLEMENTED"),
    ("Internal", "INTERNAL"),
    ("Unavailable", "UNAVAILABLE"),
    ("DataLoss", "DATA_LOSS"),
    ("Unauthenticated", "UNAUTHENTICATED"),
];

/// `InvalidArgument`, as `%GRPC_STATUS%` prints it; `None` for numbers that gRPC does not have.
#[must_use]
pub fn camel_name(status: u64) -> Option<&'static str> {
    NAMES.get(usize::try_from(status).ok()?).map(|(camel, _)| *camel)
}

/// `INVALID_ARGUMENT`, as `%GRPC_STATUS(SNAKE_STRING)%` prints it.
#[must_use]
pub fn snake_name(status: u64) -> Option<&'static str> {
    NAMES.get(usize::try_from(status).ok()?).map(|(_, snake)| *snake)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_known_by_its_content_type() {
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/grpcx", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_grpc(content_type.as_bytes()), expected, "{content_type}");
        }
    }

    #[test]
    fn messages_are_percent_encoded() {
        let mut out = Vec::new();
        encode_message("no healthy upstream: 100% ~ \u{e4}\n".as_bytes(), &mut out);
        assert_eq!(out, b"no healthy upstream: 100%25 %7E %C3%A4%0A");
    }

    #[test]
    fn statuses_have_names_and_http_has_statuses() {
        assert_eq!((camel_name(3), snake_name(3)), (Some("InvalidArgument"), Some("INVALID_ARGUMENT")));
        assert_eq!((camel_name(16), camel_name(17)), (Some("Unauthenticated"), None));
        for (http, grpc) in [(503, 14), (504, 14), (404, 12), (403, 7), (200, 2), (418, 2)] {
            assert_eq!(status_of_http(http), grpc, "{http}");
        }
    }
}
