//! A format as text again, as [`Format::parse`] reads it.

use super::names::PLAIN;
use super::{CertificateSide, Format, HeaderSource, Operator, Part, Point, TimeFormat, Unit};
use crate::Name;
use std::fmt::{Display, Formatter, Result};

impl Display for Format {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for part in &self.parts {
            match part {
                Part::Literal(text) => f.write_str(&text.replace('%', "%%"))?,
                Part::Operator(operator) => write!(f, "%{operator}%")?,
            }
        }
        Ok(())
    }
}

impl Display for Operator {
    /// Without the percent signs around it.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Request { name, alternative, max } => header(f, "REQ", name, alternative.as_ref(), *max),
            Self::Response { name, alternative, max } => header(f, "RESP", name, alternative.as_ref(), *max),
            Self::Trailer { name, alternative, max } => header(f, "TRAILER", name, alternative.as_ref(), *max),
            Self::RequestWithoutQuery { name, alternative, max } => {
                header(f, "REQ_WITHOUT_QUERY", name, alternative.as_ref(), *max)
            }
            Self::QueryParameter { name, max } => header(f, "QUERY_PARAM", name, None, *max),
            Self::Environment { name, max } => header(f, "ENVIRONMENT", name, None, *max),
            Self::StartTime(format) => time(f, "START_TIME", format),
            Self::EmitTime(format) => time(f, "EMIT_TIME", format),
            Self::ResponseCodeDetails { allow_whitespaces: false } => f.write_str("RESPONSE_CODE_DETAILS"),
            Self::ResponseCodeDetails { allow_whitespaces: true } => {
                f.write_str("RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)")
            }
            Self::CommonDuration { start, end, unit } => {
                let name =
                    |wanted: &Point| Point::ALL.iter().find(|(_, point)| point == wanted).map_or("", |(name, _)| name);
                let unit = match unit {
                    Unit::Milliseconds => "ms",
                    Unit::Microseconds => "us",
                    Unit::Nanoseconds => "ns",
                };
                write!(f, "COMMON_DURATION({}:{}:{unit})", name(start), name(end))
            }
            Self::QueryParameters { decoded, max } => {
                write!(f, "QUERY_PARAMS({})", if *decoded { "DECODED" } else { "ORIG" })?;
                length(f, *max)
            }
            Self::Path { query, source, max } => {
                let source = source_name(*source, "PATH");
                write!(f, "PATH({}:{source})", if *query { "WQ" } else { "NQ" })?;
                length(f, *max)
            }
            Self::StartTimeLocal(format) => time(f, "START_TIME_LOCAL", format),
            Self::EmitTimeLocal(format) => time(f, "EMIT_TIME_LOCAL", format),
            Self::Network { address, bits } => write!(f, "{address}({bits})"),
            Self::CertificateTime { side, is_end, format } => {
                let side = if *side == CertificateSide::UpstreamPeer { "UPSTREAM" } else { "DOWNSTREAM" };
                let end = if *is_end { "END" } else { "START" };
                time(f, &format!("{side}_PEER_CERT_V_{end}"), format)
            }
            Self::RequestedHost { sni_first, source } => {
                let first = if *sni_first { "SNI_FIRST" } else { "HOST_FIRST" };
                write!(f, "REQUESTED_SERVER_NAME({first}:{})", source_name(*source, "HOST"))
            }
            Self::GrpcStatus { snake: false } => f.write_str("GRPC_STATUS"),
            Self::GrpcStatus { snake: true } => f.write_str("GRPC_STATUS(SNAKE_STRING)"),
            Self::Coalesce { json, max, .. } => {
                write!(f, "COALESCE({json})")?;
                length(f, *max)
            }
            Self::Unset { name, arguments, max } => {
                f.write_str(name)?;
                if let Some(arguments) = arguments {
                    write!(f, "({arguments})")?;
                }
                length(f, *max)
            }
            plain => f.write_str(PLAIN.iter().find(|(_, known)| known == plain).map_or("", |(name, _)| name)),
        }
    }
}

/// Header names are shown in capitals, as everybody writes them in formats.
fn header(
    f: &mut Formatter<'_>,
    operator: &str,
    name: &Name,
    alternative: Option<&Name>,
    max: Option<usize>,
) -> Result {
    let is_header = operator != "QUERY_PARAM" && operator != "ENVIRONMENT";
    let shown = |name: &Name| if is_header { name.to_ascii_uppercase() } else { name.to_string() };
    write!(f, "{operator}({}", shown(name))?;
    if let Some(alternative) = alternative {
        write!(f, "?{}", shown(alternative))?;
    }
    f.write_str(")")?;
    length(f, max)
}

fn length(f: &mut Formatter<'_>, max: Option<usize>) -> Result {
    max.map_or(Ok(()), |max| write!(f, ":{max}"))
}

/// `current` is what the argument calls the value of now: `PATH` or `HOST`.
fn source_name(source: HeaderSource, current: &str) -> String {
    match source {
        HeaderSource::Original => "ORIG".to_owned(),
        HeaderSource::Current => current.to_owned(),
        HeaderSource::OriginalOrCurrent => format!("ORIG_OR_{current}"),
    }
}

fn time(f: &mut Formatter<'_>, operator: &str, format: &TimeFormat) -> Result {
    f.write_str(operator)?;
    match format {
        TimeFormat::Rfc3339Millis => Ok(()),
        TimeFormat::Custom(parts) => {
            f.write_str("(")?;
            parts.iter().try_for_each(|part| write!(f, "{part}"))?;
            f.write_str(")")
        }
    }
}
