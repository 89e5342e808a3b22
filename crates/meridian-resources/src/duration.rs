//! Durations as Istio writes them: `3s`, `1.5s`, `100ms`, `1h30m`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A span of time with nanosecond precision, written in the syntax of Go's `time.ParseDuration`.
///
/// Istio's schemas ask for at least one millisecond where a duration is a timeout or an interval; the type's own
/// schema carries that rule, [`any_duration_schema`] is for the few fields without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    nanos: i64,
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form of a duration.
    #[error("{0:?} is not a duration; write a number with a unit, such as \"3s\", \"1.5s\", \"100ms\" or \"1h30m\"")]
    Syntax(String),
    /// Longer than 292 years.
    #[error("the duration {0:?} is out of range; the longest is about 292 years")]
    Range(String),
}

impl Duration {
    /// A duration of so many nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Duration { nanos }
    }

    /// A duration of so many milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Duration { nanos: millis * 1_000_000 }
    }

    /// The whole duration in nanoseconds; negative for a duration into the past.
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }

    /// The standard library's form; a negative duration becomes zero.
    pub const fn to_std(self) -> std::time::Duration {
        if self.nanos < 0 { std::time::Duration::ZERO } else { std::time::Duration::from_nanos(self.nanos as u64) }
    }

    /// Parses the syntax of Go's `time.ParseDuration`: an optional sign and numbers, each with a unit of
    /// `ns`, `us` (`µs`), `ms`, `s`, `m` or `h`; a bare `0` too.
    ///
    /// # Errors
    /// When the text has another form, or the duration does not fit 64 bits of nanoseconds.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let syntax = || DurationError::Syntax(text.to_owned());
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Duration::default());
        }
        if rest.is_empty() {
            return Err(syntax());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(syntax)?;
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let unit = nanos_of_unit(unit).ok_or_else(syntax)?;
            total += nanos_of_number(number, unit).ok_or_else(syntax)?;
            if total > i128::from(i64::MAX) + 1 {
                return Err(DurationError::Range(text.to_owned()));
            }
            rest = tail;
        }
        let signed = if negative { -total } else { total };
        i64::try_from(signed).map(Duration::from_nanos).map_err(|_| DurationError::Range(text.to_owned()))
    }
}

fn nanos_of_unit(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        // Both code points for "micro": U+00B5 and U+03BC.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `number` is digits with at most one dot and at least one digit; what is finer than a nanosecond is cut off.
fn nanos_of_number(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    // More digits than this cannot fit 64 bits; saturating keeps the sum's range check meaningful.
    let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().map_or(i128::from(i64::MAX), i128::from) };
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_i128.pow(fraction.len() as u32);
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? };
    Some(whole * unit + fraction * unit / scale)
}

impl fmt::Display for Duration {
    /// The form of protobuf's JSON mapping: seconds, with as many decimals as needed (`1.5s`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let nanos = self.nanos.unsigned_abs();
        let (seconds, fraction) = (nanos / NANOS_PER_SECOND as u64, nanos % NANOS_PER_SECOND as u64);
        if fraction == 0 {
            return write!(f, "{sign}{seconds}s");
        }
        let fraction = format!("{fraction:09}");
        write!(f, "{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Duration::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-rule": "duration-at-least-1ms" })
    }
}

/// The schema of a duration that may also be zero or negative.
pub fn any_duration_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "x-rule": "duration" })
}

#[cfg(test)]
mod tests;
