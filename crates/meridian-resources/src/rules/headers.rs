//! Header names and values in configuration, as Istio and Envoy allow them.

/// A header that a match refers to: a token of RFC 9110, a pseudo header, or a claim of a JWT.
pub(crate) fn match_name(name: &str) -> Result<(), String> {
    let claim = name.starts_with("@request.auth.claims.") || name.starts_with("@request.auth.claims[");
    if claim || matches!(name, ":method" | ":scheme" | ":authority" | ":path" | ":status") {
        return Ok(());
    }
    token(name)
}

/// Whether a header match is on a claim of a JWT.
pub(crate) fn is_claim(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("@request.auth.claims")
}

/// A header in a CORS policy: a token, or `*`.
pub(crate) fn cors_name(name: &str) -> Result<(), String> {
    if name == "*" { Ok(()) } else { token(name) }
}

fn token(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("header name cannot be empty".to_owned());
    }
    // RFC 9110's characters of a token, and the comma, with which some write several names as one.
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+,-.^_`|~".contains(&byte)) {
        return Ok(());
    }
    Err(format!("header name {name} is not a valid header name"))
}

/// A request header that is added or set; the authority may be.
pub(crate) fn request_operation(name: &str) -> Result<(), String> {
    if is_authority(name) { Ok(()) } else { operation(name) }
}

/// A header that is removed, or changed in a response.
pub(crate) fn operation(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("header name cannot be empty".to_owned());
    }
    if name.eq_ignore_ascii_case("host") {
        return Err(format!("invalid header {name:?}: cannot set Host header"));
    }
    if name.starts_with(':') {
        return Err(format!("invalid header {name:?}: header cannot have \":\" prefix"));
    }
    Ok(())
}

/// Whether a header is the authority by either of its names.
pub(crate) fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}

/// A value that is added or set: no control characters, and complete `%VARIABLE(argument)%` of Envoy's format.
pub(crate) fn value(value: &str) -> Result<(), String> {
    if value.bytes().any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
        return Err(format!("header value configuration {value} is invalid"));
    }
    let mut rest = value;
    while let Some((_, variable)) = rest.split_once('%') {
        if let Some(after) = variable.strip_prefix('%') {
            rest = after;
            continue;
        }
        if variable.is_empty() {
            return Err("header value configuration: invalid header configuration. Un-escaped %".to_owned());
        }
        rest = after_variable(variable).ok_or_else(|| {
            format!(
                "header value configuration: invalid header configuration. Un-terminated variable expression '{value}'"
            )
        })?;
    }
    Ok(())
}

/// What follows `VARIABLE%` or `VARIABLE(arguments)%`.
fn after_variable(text: &str) -> Option<&str> {
    let end = text.find(['%', '('])?;
    let rest = &text[end..];
    if let Some(rest) = rest.strip_prefix('%') {
        return Some(rest);
    }
    let arguments = &rest[1..];
    let mut escaped = false;
    let close = arguments.find(|c: char| {
        let found = c == ')' && !escaped;
        escaped = c == '\\' && !escaped;
        found
    })?;
    arguments[close + 1..].trim_start_matches(' ').strip_prefix('%')
}
