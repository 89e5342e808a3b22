//! Time formats: `strftime` conversions, and Envoy's `%f`, `%3f`, `%s`.

use super::FormatError;
use crate::Name;
use std::fmt;

/// How `%START_TIME%` prints a time, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TimeFormat {
    /// Without a format: `2018-04-03T23:58:09.399Z`.
    Rfc3339Millis,
    /// `%START_TIME(format)%`
    Custom(Vec<TimePart>),
}

/// A piece of a time format.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// Text as it is.
    Literal(Name),
    /// `%s`: whole seconds since 1970.
    EpochSeconds,
    /// `%f`, `%1f` to `%9f`: so many digits of the fraction of the second; 9 without a number.
    Fraction(u8),
    /// `%Y`: year.
    Year,
    /// `%C`: the century's two digits.
    Century,
    /// `%y`: the year's last two digits.
    YearOfCentury,
    /// `%m`: 01 to 12.
    Month,
    /// `%d`: 01 to 31.
    Day,
    /// `%e`: the day with a blank before one digit.
    DayBlank,
    /// `%j`: day of the year, 001 to 366.
    DayOfYear,
    /// `%H`: 00 to 23.
    Hour,
    /// `%I`: 01 to 12.
    Hour12,
    /// `%M`: 00 to 59.
    Minute,
    /// `%S`: 00 to 59.
    Second,
    /// `%p`: `AM` or `PM`.
    AmPm,
    /// `%a`: `Mon`.
    WeekdayShort,
    /// `%A`: `Monday`.
    Weekday,
    /// `%u`: 1 (Monday) to 7.
    WeekdayNumber,
    /// `%w`: 0 (Sunday) to 6.
    WeekdayFromSunday,
    /// `%b`, `%h`: `Jan`.
    MonthShort,
    /// `%B`: `January`.
    MonthLong,
    /// `%z`: `+0000`.
    Offset,
    /// `%Z`: `UTC`.
    Zone,
}

/// Conversions by letter.
const CONVERSIONS: &[(char, TimePart)] = &[
    ('A', TimePart::Weekday),
    ('B', TimePart::MonthLong),
    ('C', TimePart::Century),
    ('H', TimePart::Hour),
    ('I', TimePart::Hour12),
    ('M', TimePart::Minute),
    ('S', TimePart::Second),
    ('Y', TimePart::Year),
    ('Z', TimePart::Zone),
    ('a', TimePart::WeekdayShort),
    ('b', TimePart::MonthShort),
    ('d', TimePart::Day),
    ('e', TimePart::DayBlank),
    ('f', TimePart::Fraction(9)),
    ('h', TimePart::MonthShort),
    ('j', TimePart::DayOfYear),
    ('m', TimePart::Month),
    ('p', TimePart::AmPm),
    ('s', TimePart::EpochSeconds),
    ('u', TimePart::WeekdayNumber),
    ('w', TimePart::WeekdayFromSunday),
    ('y', TimePart::YearOfCentury),
    ('z', TimePart::Offset),
];

/// Conversions that stand for several.
const COMPOSITES: &[(char, &str)] = &[
    ('D', "%m/%d/%y"),
    ('F', "%Y-%m-%d"),
    ('R', "%H:%M"),
    ('T', "%H:%M:%S"),
    ('c', "%a %b %e %H:%M:%S %Y"),
    ('r', "%I:%M:%S %p"),
    ('t', "\t"),
    ('x', "%m/%d/%y"),
    ('X', "%H:%M:%S"),
];

impl fmt::Display for TimePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(&text.replace('%', "%%")),
            Self::Fraction(9) => f.write_str("%f"),
            Self::Fraction(digits) => write!(f, "%{digits}f"),
            part => {
                CONVERSIONS.iter().find(|(_, known)| known == part).map_or(Ok(()), |(name, _)| write!(f, "%{name}"))
            }
        }
    }
}

impl TimeFormat {
    /// Compiles a time format; `column` is where `text` begins, for messages.
    pub(super) fn parse(text: &str, column: usize) -> Result<Self, FormatError> {
        if text.is_empty() {
            return Ok(Self::Rfc3339Millis);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        parse_into(text, column, &mut literal, &mut parts)?;
        flush(&mut literal, &mut parts);
        Ok(Self::Custom(parts))
    }
}

fn parse_into(text: &str, column: usize, literal: &mut String, parts: &mut Vec<TimePart>) -> Result<(), FormatError> {
    let mut characters = text.chars().enumerate();
    while let Some((at, character)) = characters.next() {
        if character != '%' {
            literal.push(character);
            continue;
        }
        match characters.next().map(|(_, letter)| letter) {
            Some('%') => literal.push('%'),
            Some(digit @ '1'..='9') => {
                if !matches!(characters.next(), Some((_, 'f'))) {
                    let reason = format!("`%{digit}` in a time format is followed by `f`, as in `%3f`");
                    return Err(FormatError { column: column + at, reason });
                }
                flush(literal, parts);
                parts.push(TimePart::Fraction(digit as u8 - b'0'));
            }
            Some(letter) => {
                if let Some((_, part)) = CONVERSIONS.iter().find(|(name, _)| *name == letter) {
                    flush(literal, parts);
                    parts.push(part.clone());
                } else if let Some((_, expansion)) = COMPOSITES.iter().find(|(name, _)| *name == letter) {
                    parse_into(expansion, column + at, literal, parts)?;
                } else {
                    return Err(FormatError { column: column + at, reason: unknown(letter) });
                }
            }
            None => {
                let reason = "a time format ends in `%`; write `%%` for a percent sign".to_owned();
                return Err(FormatError { column: column + at, reason });
            }
        }
    }
    Ok(())
}

fn flush(literal: &mut String, parts: &mut Vec<TimePart>) {
    if !literal.is_empty() {
        parts.push(TimePart::Literal(literal.as_str().into()));
        literal.clear();
    }
}

fn unknown(letter: char) -> String {
    let letters = CONVERSIONS.iter().map(|(name, _)| *name).chain(COMPOSITES.iter().map(|(name, _)| *name));
    let mut known: Vec<String> = letters.map(|name| format!("%{name}")).collect();
    known.sort_unstable();
    format!("`%{letter}` is no conversion of a time format; there are {}, %1f to %9f, %%", known.join(", "))
}
