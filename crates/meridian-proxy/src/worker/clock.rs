//! The `date` header, written once a second.

use std::time::{SystemTime, UNIX_EPOCH};

/// Length of an IMF-fixdate (RFC 9110 section 5.6.7).
const LENGTH: usize = 29;

/// The last `date` and the second that it is for.
#[derive(Debug)]
pub struct DateHeader {
    second: u64,
    text: [u8; LENGTH],
}

impl Default for DateHeader {
    fn default() -> Self {
        Self { second: 0, text: *b"Thu, 01 Jan 1970 00:00:00 GMT" }
    }
}

impl DateHeader {
    /// `now` as an IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn at(&mut self, now: SystemTime) -> &[u8; LENGTH] {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second {
            self.second = second;
            self.write();
        }
        &self.text
    }

    fn write(&mut self) {
        const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
        const MONTHS: [&[u8; 3]; 12] =
            [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
        let days = self.second / 86_400;
        let (year, month, day) = civil(days);
        self.text[..3].copy_from_slice(DAYS[(days % 7) as usize]);
        self.two_digits(5, day);
        self.text[8..11].copy_from_slice(MONTHS[month as usize - 1]);
        self.two_digits(12, year / 100);
        self.two_digits(14, year % 100);
        self.two_digits(17, self.second / 3600 % 24);
        self.two_digits(20, self.second / 60 % 60);
        self.two_digits(23, self.second % 60);
    }

    fn two_digits(&mut self, at: usize, number: u64) {
        self.text[at] = b'0' + (number / 10) as u8;
        self.text[at + 1] = b'0' + (number % 10) as u8;
    }
}

/// Year, month and day of a day since 1970, in the proleptic Gregorian calendar. Years are counted from March, so that
/// leap days come last, in eras of 400 years, which repeat.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970_FROM_MARCH_0: u64 = 719_468;
    let day = days + DAYS_TO_1970_FROM_MARCH_0;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_imf_fixdates() {
        let mut date = DateHeader::default();
        for (second, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (1_795_258_025, "Sat, 21 Nov 2026 10:47:05 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            let got = date.at(UNIX_EPOCH + Duration::from_secs(second));
            assert_eq!(std::str::from_utf8(got).expect("ASCII"), text);
        }
    }
}
