//! A format as text again, as [`Format::parse`] reads it.

use super::operator::PLAIN;
use super::{Format, Operator, Part, Point, TimeFormat, Unit};
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
    max.map_or(Ok(()), |max| write!(f, ":{max}"))
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
