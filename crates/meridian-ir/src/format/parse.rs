//! Compiling the text of a format.

use super::names::{PLAIN, UNSET, WITH_ARGUMENTS};
use super::{CertificateSide, Format, FormatError, HeaderSource, Operator, Part, Point, TimeFormat, Unit};
use crate::Name;

impl Format {
    /// Compiles `text`.
    ///
    /// # Errors
    /// An operator that is not known, or that lacks its arguments, has some that it does not take, or is not closed;
    /// the message says at which column, what was found and what is allowed.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%") {
                literal.push('%');
                rest = after;
                continue;
            }
            let column = text[..text.len() - rest.len()].chars().count() + 1;
            let (command, after) = Command::split(rest, column)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.as_str().into()));
                literal.clear();
            }
            parts.push(Part::Operator(command.operator()?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Self { parts })
    }
}

/// `%NAME(arguments):max%`, taken apart.
pub(super) struct Command<'a> {
    /// Where it begins, in characters from 1.
    pub(super) column: usize,
    pub(super) name: &'a str,
    pub(super) arguments: Option<&'a str>,
    pub(super) max: Option<usize>,
}

impl<'a> Command<'a> {
    /// Splits `text`, which begins with `%`, behind its first command.
    fn split(text: &'a str, column: usize) -> Result<(Self, &'a str), FormatError> {
        let body = &text[1..];
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = body.find(|c| !is_name(c)).unwrap_or(body.len());
        let (name, rest) = body.split_at(end);
        if name.is_empty() {
            let reason = "`%` begins an operator such as `%REQ(user-agent)%`; write `%%` for a percent sign";
            return Err(FormatError { column, reason: reason.to_owned() });
        }
        let (arguments, rest) = match rest.strip_prefix('(') {
            Some(inner) => {
                let Some(end) = end_of_arguments(inner) else {
                    let reason = format!("`%{name}(` is not closed; it ends with `)%` or `):<number>%`");
                    return Err(FormatError { column, reason });
                };
                (Some(&inner[..end]), &inner[end + 1..])
            }
            None => (None, rest),
        };
        let (max, rest) = match rest.strip_prefix(':') {
            Some(digits) => {
                let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
                let Ok(max) = digits[..end].parse() else {
                    let found = digits.split('%').next().unwrap_or_default();
                    let reason = format!("`%{name}` has `:{found}`, where a number of bytes is expected");
                    return Err(FormatError { column, reason });
                };
                (Some(max), &digits[end..])
            }
            None => (None, rest),
        };
        match rest.strip_prefix('%') {
            Some(rest) => Ok((Self { column, name, arguments, max }, rest)),
            None => {
                let reason =
                    format!("`%{name}` is not closed by `%`; write `%%` for a percent sign that begins no operator");
                Err(FormatError { column, reason })
            }
        }
    }

    pub(super) fn operator(&self) -> Result<Operator, FormatError> {
        if let Some((_, operator)) = PLAIN.iter().find(|(name, _)| *name == self.name) {
            self.refuse_max()?;
            return match self.arguments {
                None => Ok(operator.clone()),
                Some(bits) if self.name.ends_with("_ADDRESS_WITHOUT_PORT") => self.network(operator, bits),
                Some(arguments) if *operator == Operator::RequestedServerName => self.requested_host(arguments),
                Some(_) => self.fail(format!("`%{}%` takes no arguments", self.name)),
            };
        }
        if let Some((name, needed)) = UNSET.iter().find(|(name, _)| *name == self.name) {
            return self.unset(name, needed);
        }
        match self.name {
            "REQ" | "REQUEST_HEADER" => {
                let (name, alternative) = self.header()?;
                Ok(Operator::Request { name, alternative, max: self.max })
            }
            "RESP" | "RESPONSE_HEADER" => {
                let (name, alternative) = self.header()?;
                Ok(Operator::Response { name, alternative, max: self.max })
            }
            "TRAILER" | "RESPONSE_TRAILER" => {
                let (name, alternative) = self.header()?;
                Ok(Operator::Trailer { name, alternative, max: self.max })
            }
            "REQ_WITHOUT_QUERY" => {
                let (name, alternative) = self.header()?;
                Ok(Operator::RequestWithoutQuery { name, alternative, max: self.max })
            }
            "QUERY_PARAM" => Ok(Operator::QueryParameter { name: self.required()?.into(), max: self.max }),
            "ENVIRONMENT" => Ok(Operator::Environment { name: self.required()?.into(), max: self.max }),
            "START_TIME" => Ok(Operator::StartTime(self.time()?)),
            "EMIT_TIME" => Ok(Operator::EmitTime(self.time()?)),
            "START_TIME_LOCAL" => Ok(Operator::StartTimeLocal(self.time()?)),
            "EMIT_TIME_LOCAL" => Ok(Operator::EmitTimeLocal(self.time()?)),
            "DOWNSTREAM_PEER_CERT_V_START"
            | "DOWNSTREAM_PEER_CERT_V_END"
            | "UPSTREAM_PEER_CERT_V_START"
            | "UPSTREAM_PEER_CERT_V_END" => self.certificate_time(),
            "QUERY_PARAMS" => self.query_parameters(),
            "PATH" => self.path(),
            "GRPC_STATUS" => self.grpc_status(),
            "COALESCE" => self.coalesce(),
            "RESPONSE_CODE_DETAILS" => self.details(),
            "COMMON_DURATION" => self.common_duration(),
            _ => self.fail(unknown(self.name)),
        }
    }

    pub(super) fn fail<T>(&self, reason: String) -> Result<T, FormatError> {
        Err(FormatError { column: self.column, reason })
    }

    fn refuse_max(&self) -> Result<(), FormatError> {
        match self.max {
            Some(max) => self.fail(format!("`%{}%` takes no length, found `:{max}`", self.name)),
            None => Ok(()),
        }
    }

    pub(super) fn required(&self) -> Result<&'a str, FormatError> {
        match self.arguments {
            Some(arguments) if !arguments.is_empty() => Ok(arguments),
            _ => self.fail(format!("`%{}%` needs an argument: {}", self.name, usage(self.name))),
        }
    }

    /// `name` or `name?alternative`; no more than one alternative, as Envoy has it.
    fn header(&self) -> Result<(Name, Option<Name>), FormatError> {
        let arguments = self.required()?;
        let (name, alternative) = match arguments.split_once('?') {
            Some((name, alternative)) => (name, Some(alternative)),
            None => (arguments, None),
        };
        for header in [Some(name), alternative].into_iter().flatten() {
            if !is_header_name(header) {
                return self.fail(format!(
                    "`{header}` in `%{}({arguments})%` is no header name; expected {}",
                    self.name,
                    usage(self.name)
                ));
            }
        }
        Ok((name.to_ascii_lowercase().into(), alternative.map(|name| name.to_ascii_lowercase().into())))
    }

    fn time(&self) -> Result<TimeFormat, FormatError> {
        self.refuse_max()?;
        TimeFormat::parse(self.arguments.unwrap_or_default(), self.column + self.name.len() + 2)
    }

    /// An address with so many bits of it.
    fn network(&self, address: &Operator, bits: &str) -> Result<Operator, FormatError> {
        match bits.parse() {
            Ok(bits) if bits <= 128 => Ok(Operator::Network { address: Box::new(address.clone()), bits }),
            _ => self.fail(format!(
                "`%{}({bits})%`: the argument is a number of bits, 0 to 32 for IPv4 and 0 to 128 for IPv6",
                self.name
            )),
        }
    }

    fn unset(&self, name: &'static str, needed: &str) -> Result<Operator, FormatError> {
        if needed.is_empty() {
            self.refuse_max()?;
            if self.arguments.is_some() {
                return self.fail(format!("`%{name}%` takes no arguments"));
            }
        } else if self.arguments.is_none_or(str::is_empty) {
            return self.fail(format!("`%{name}%` needs an argument: {name}({needed})"));
        }
        Ok(Operator::Unset { name, arguments: self.arguments.map(Into::into), max: self.max })
    }

    fn certificate_time(&self) -> Result<Operator, FormatError> {
        let side = match self.name.starts_with("UPSTREAM") {
            true => CertificateSide::UpstreamPeer,
            false => CertificateSide::DownstreamPeer,
        };
        Ok(Operator::CertificateTime { side, is_end: self.name.ends_with("_END"), format: self.time()? })
    }

    fn query_parameters(&self) -> Result<Operator, FormatError> {
        let decoded = match self.arguments {
            None | Some("" | "ORIG") => false,
            Some("DECODED") => true,
            Some(other) => return self.fail(format!("`%QUERY_PARAMS({other})%`: the argument is ORIG or DECODED")),
        };
        Ok(Operator::QueryParameters { decoded, max: self.max })
    }

    fn path(&self) -> Result<Operator, FormatError> {
        let arguments = self.arguments.unwrap_or_default();
        let (query, source) = arguments.split_once(':').unwrap_or((arguments, ""));
        let query = match query {
            "" | "WQ" => Some(true),
            "NQ" => Some(false),
            _ => None,
        };
        match (query, source_of(source, "PATH")) {
            (Some(query), Some(source)) => Ok(Operator::Path { query, source, max: self.max }),
            _ => self.fail(format!("`%PATH({arguments})%`: expected {}", usage(self.name))),
        }
    }

    fn requested_host(&self, arguments: &str) -> Result<Operator, FormatError> {
        let (first, source) = arguments.split_once(':').unwrap_or((arguments, ""));
        match (first, source_of(source, "HOST")) {
            ("" | "SNI_ONLY", Some(_)) => Ok(Operator::RequestedServerName),
            ("SNI_FIRST", Some(source)) => Ok(Operator::RequestedHost { sni_first: true, source }),
            ("HOST_FIRST", Some(source)) => Ok(Operator::RequestedHost { sni_first: false, source }),
            _ => self.fail(format!(
                "`%REQUESTED_SERVER_NAME({arguments})%`: expected SNI_ONLY, SNI_FIRST or HOST_FIRST, and behind a colon \
                 ORIG, HOST or ORIG_OR_HOST"
            )),
        }
    }

    fn grpc_status(&self) -> Result<Operator, FormatError> {
        self.refuse_max()?;
        match self.arguments {
            None | Some("" | "CAMEL_STRING") => Ok(Operator::GrpcStatus { snake: false }),
            Some("SNAKE_STRING") => Ok(Operator::GrpcStatus { snake: true }),
            Some("NUMBER") => Ok(Operator::GrpcStatusNumber),
            Some(other) => self.fail(format!("`%GRPC_STATUS({other})%`: expected {}", usage(self.name))),
        }
    }

    fn details(&self) -> Result<Operator, FormatError> {
        self.refuse_max()?;
        match self.arguments {
            None => Ok(Operator::ResponseCodeDetails { allow_whitespaces: false }),
            Some("ALLOW_WHITESPACES") => Ok(Operator::ResponseCodeDetails { allow_whitespaces: true }),
            Some(other) => {
                self.fail(format!("`%RESPONSE_CODE_DETAILS({other})%`: the only argument is ALLOW_WHITESPACES"))
            }
        }
    }

    fn common_duration(&self) -> Result<Operator, FormatError> {
        self.refuse_max()?;
        let arguments = self.required()?;
        let point = |name: &str| Point::ALL.iter().find(|(known, _)| *known == name).map(|(_, point)| *point);
        let unit = |name: &str| match name {
            "ms" => Some(Unit::Milliseconds),
            "us" => Some(Unit::Microseconds),
            "ns" => Some(Unit::Nanoseconds),
            _ => None,
        };
        let mut fields = arguments.split(':');
        let parsed =
            (fields.next().and_then(point), fields.next().and_then(point), fields.next().and_then(unit), fields.next());
        let (Some(start), Some(end), Some(unit), None) = parsed else {
            let points: Vec<&str> = Point::ALL.iter().map(|(name, _)| *name).collect();
            return self.fail(format!(
                "`%COMMON_DURATION({arguments})%`: expected start:end:unit with points {} and units ms, us, ns",
                points.join(", ")
            ));
        };
        Ok(Operator::CommonDuration { start, end, unit })
    }
}

/// `current` is what the argument calls the value of now: `PATH` or `HOST`.
fn source_of(name: &str, current: &str) -> Option<HeaderSource> {
    match name {
        "" => Some(HeaderSource::OriginalOrCurrent),
        "ORIG" => Some(HeaderSource::Original),
        name if name == current => Some(HeaderSource::Current),
        name if name.strip_prefix("ORIG_OR_") == Some(current) => Some(HeaderSource::OriginalOrCurrent),
        _ => None,
    }
}

/// Where the arguments end: the first `)` that is followed by `%` or `:<digits>%`.
fn end_of_arguments(inner: &str) -> Option<usize> {
    inner.match_indices(')').map(|(at, _)| at).find(|at| {
        let after = &inner[at + 1..];
        let after = match after.strip_prefix(':') {
            Some(length) => length.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => after,
        };
        after.starts_with('%')
    })
}

/// RFC 9110 section 5.1 token, or a pseudo-header.
fn is_header_name(name: &str) -> bool {
    let token = name.strip_prefix(':').unwrap_or(name);
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn usage(name: &str) -> &str {
    WITH_ARGUMENTS.iter().find(|(known, _)| *known == name).map_or(name, |(_, usage)| usage)
}

fn unknown(name: &str) -> String {
    if name.ends_with("CEL") {
        return format!("`%{name}%`: expressions are not supported; write the operator for what the expression tells");
    }
    let others = WITH_ARGUMENTS.iter().chain(UNSET).map(|(name, _)| *name);
    let mut known: Vec<&str> = PLAIN.iter().map(|(name, _)| *name).chain(others).collect();
    known.sort_unstable();
    format!("`%{name}%` is no operator that is supported; there are {}", known.join(", "))
}
