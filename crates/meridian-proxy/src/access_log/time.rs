//! Printing times: RFC 3339 with milliseconds, and the conversions of `%START_TIME(format)%`.

use super::value::{decimal, padded};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meridian_ir::format::{TimeFormat, TimePart};
use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A time in UTC, taken apart. Times before 1970 count as 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Civil {
    epoch_seconds: u64,
    year: u64,
    month: u64,
    day: u64,
    day_of_year: u64,
    /// 0: Sunday.
    weekday: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Civil {
    /// Days to a date of the proleptic Gregorian calendar, counted in years that begin in March.
    fn new(epoch_seconds: u64) -> Self {
        let (days, seconds) = (epoch_seconds / 86_400, epoch_seconds % 86_400);
        let shifted = days + 719_468; // from 0000-03-01
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_from_march + 2) / 153;
        let day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let before_march = 31 + 28 + u64::from(leap);
        let day_of_year = if month > 2 { day_from_march + before_march + 1 } else { day_from_march - 305 };
        Self {
            epoch_seconds,
            year,
            month,
            day,
            day_of_year,
            weekday: (days + 4) % 7,
            hour: seconds / 3_600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }
}

/// `2018-04-03T23:58:09`, of the last second that was printed.
struct CachedSecond {
    epoch_seconds: u64,
    text: Vec<u8>,
}

thread_local! {
    static CACHED: RefCell<CachedSecond> = const { RefCell::new(CachedSecond { epoch_seconds: u64::MAX, text: Vec::new() }) };
}

/// Appends `time` as `format` says.
pub(super) fn write(format: &TimeFormat, time: SystemTime, out: &mut Vec<u8>) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    match format {
        TimeFormat::Rfc3339Millis => rfc3339_millis(since, out),
        TimeFormat::Custom(parts) => {
            let civil = Civil::new(since.as_secs());
            for part in parts {
                custom(part, &civil, since.subsec_nanos(), out);
            }
        }
    }
}

/// The machine's time zone, as `TZ` or `/etc/localtime` said when it was asked for first.
static SYSTEM_ZONE: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

/// Appends `time` in the machine's time zone; without a format as `2018-04-03T23:58:09.399+0000`.
pub(super) fn write_local(format: &TimeFormat, time: SystemTime, out: &mut Vec<u8>) {
    write_in(&SYSTEM_ZONE, format, time, out);
}

fn write_in(zone: &TimeZone, format: &TimeFormat, time: SystemTime, out: &mut Vec<u8>) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let moment = Timestamp::from_second(i64::try_from(since.as_secs()).unwrap_or(0)).unwrap_or_default();
    let info = zone.to_offset_info(moment);
    let offset = info.offset().seconds();
    let mut civil = Civil::new(since.as_secs().saturating_add_signed(offset.into()));
    civil.epoch_seconds = since.as_secs();
    match format {
        TimeFormat::Rfc3339Millis => {
            seconds_of(&civil, out);
            out.push(b'.');
            padded(out, u64::from(since.subsec_millis()), 3);
            numeric_offset(offset, out);
        }
        TimeFormat::Custom(parts) => {
            for part in parts {
                match part {
                    TimePart::Offset => numeric_offset(offset, out),
                    TimePart::Zone => out.extend_from_slice(info.abbreviation().as_bytes()),
                    part => custom(part, &civil, since.subsec_nanos(), out),
                }
            }
        }
    }
}

/// `+0100`
fn numeric_offset(seconds: i32, out: &mut Vec<u8>) {
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let minutes = u64::from(seconds.unsigned_abs() / 60);
    padded(out, minutes / 60, 2);
    padded(out, minutes % 60, 2);
}

/// `2018-04-03T23:58:09Z`; times before 1970 count as 1970.
#[must_use]
pub fn rfc3339_seconds(epoch_seconds: i64) -> String {
    let civil = Civil::new(u64::try_from(epoch_seconds).unwrap_or(0));
    let Civil { year, month, day, hour, minute, second, .. } = civil;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn rfc3339_millis(since: Duration, out: &mut Vec<u8>) {
    CACHED.with_borrow_mut(|cached| {
        if cached.epoch_seconds != since.as_secs() {
            cached.epoch_seconds = since.as_secs();
            cached.text.clear();
            seconds_of(&Civil::new(since.as_secs()), &mut cached.text);
        }
        out.extend_from_slice(&cached.text);
    });
    out.push(b'.');
    padded(out, u64::from(since.subsec_millis()), 3);
    out.push(b'Z');
}

/// `2018-04-03T23:58:09`
fn seconds_of(civil: &Civil, out: &mut Vec<u8>) {
    padded(out, civil.year, 4);
    for (mark, value) in
        [(b'-', civil.month), (b'-', civil.day), (b'T', civil.hour), (b':', civil.minute), (b':', civil.second)]
    {
        out.push(mark);
        padded(out, value, 2);
    }
}

fn custom(part: &TimePart, civil: &Civil, nanos: u32, out: &mut Vec<u8>) {
    let month = MONTHS[civil.month as usize - 1];
    let weekday = WEEKDAYS[civil.weekday as usize];
    match part {
        TimePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
        TimePart::EpochSeconds => decimal(out, civil.epoch_seconds),
        TimePart::Fraction(digits) => {
            padded(out, u64::from(nanos), 9);
            out.truncate(out.len() - (9 - usize::from(*digits).min(9)));
        }
        TimePart::Year => decimal(out, civil.year),
        TimePart::Century => padded(out, civil.year / 100, 2),
        TimePart::YearOfCentury => padded(out, civil.year % 100, 2),
        TimePart::Month => padded(out, civil.month, 2),
        TimePart::Day => padded(out, civil.day, 2),
        TimePart::DayBlank => {
            if civil.day < 10 {
                out.push(b' ');
            }
            decimal(out, civil.day);
        }
        TimePart::DayOfYear => padded(out, civil.day_of_year, 3),
        TimePart::Hour => padded(out, civil.hour, 2),
        TimePart::Hour12 => padded(out, (civil.hour + 11) % 12 + 1, 2),
        TimePart::Minute => padded(out, civil.minute, 2),
        TimePart::Second => padded(out, civil.second, 2),
        TimePart::AmPm => out.extend_from_slice(if civil.hour < 12 { b"AM" } else { b"PM" }),
        TimePart::WeekdayShort => out.extend_from_slice(&weekday.as_bytes()[..3]),
        TimePart::Weekday => out.extend_from_slice(weekday.as_bytes()),
        TimePart::WeekdayNumber => decimal(out, (civil.weekday + 6) % 7 + 1),
        TimePart::WeekdayFromSunday => decimal(out, civil.weekday),
        TimePart::MonthShort => out.extend_from_slice(&month.as_bytes()[..3]),
        TimePart::MonthLong => out.extend_from_slice(month.as_bytes()),
        TimePart::Offset => out.extend_from_slice(b"+0000"),
        TimePart::Zone => out.extend_from_slice(b"UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_ir::format::{Format, Operator, Part};

    fn at(format: &str, seconds: u64, nanos: u32) -> String {
        let format = Format::parse(&format!("%START_TIME({format})%")).unwrap();
        let [Part::Operator(Operator::StartTime(format))] = &format.parts[..] else { panic!("{format:?}") };
        let mut out = Vec::new();
        write(format, UNIX_EPOCH + Duration::new(seconds, nanos), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn default_is_rfc3339_with_milliseconds() {
        assert_eq!(at("", 1_522_799_889, 399_900_000), "2018-04-03T23:58:09.399Z");
        assert_eq!(at("", 1_522_799_889, 1_000_000), "2018-04-03T23:58:09.001Z");
        assert_eq!(at("", 0, 0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn conversions() {
        // date -u -d @1522799889 +FORMAT
        let cases = [
            ("%Y/%m/%dT%H:%M:%S%z", "2018/04/03T23:58:09+0000"),
            ("%s.%3f", "1522799889.012"),
            ("%f", "012345678"),
            ("%1f %6f %9f", "0 012345 012345678"),
            ("%a %A %b %h %B", "Tue Tuesday Apr Apr April"),
            ("%e|%j|%I %p|%u|%w", " 3|093|11 PM|2|2"),
            ("%C%y %D %F %T %R %Z", "2018 04/03/18 2018-04-03 23:58:09 23:58 UTC"),
            ("%c", "Tue Apr  3 23:58:09 2018"),
            ("%r", "11:58:09 PM"),
            ("100%%", "100%"),
        ];
        for (format, expected) in cases {
            assert_eq!(at(format, 1_522_799_889, 12_345_678), expected, "{format}");
        }
    }

    #[test]
    fn local_times_have_their_offset() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |format: &str, seconds| {
            let format = Format::parse(&format!("%START_TIME_LOCAL({format})%")).unwrap();
            let [Part::Operator(Operator::StartTimeLocal(format))] = &format.parts[..] else { panic!("{format:?}") };
            let mut out = Vec::new();
            write_in(&berlin, format, UNIX_EPOCH + Duration::from_secs(seconds), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(at("", 1_522_799_889), "2018-04-04T01:58:09.000+0200");
        assert_eq!(at("%F %H:%M %Z %s", 1_522_799_889), "2018-04-04 01:58 CEST 1522799889");
        assert_eq!(at("%H:%M %z", 1_735_603_200), "01:00 +0100");
    }

    #[test]
    fn days_of_leap_and_common_years() {
        // date -u -d DATE +%s
        let cases = [
            (951_782_400, "2000-02-29 060 2"),
            (978_220_800, "2000-12-31 366 0"),
            (1_709_251_199, "2024-02-29 060 4"),
            (1_709_251_200, "2024-03-01 061 5"),
            (1_735_603_200, "2024-12-31 366 2"),
            (1_740_787_200, "2025-03-01 060 6"),
            (4_107_542_400, "2100-03-01 060 1"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(at("%F %j %w", seconds, 0), expected, "{seconds}");
        }
    }
}
