use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn durations_are_read_as_go_reads_them() {
    let table = [
        ("3s", 3 * SECOND),
        ("1.5s", 3 * SECOND / 2),
        ("100ms", SECOND / 10),
        ("1h30m", 5400 * SECOND),
        ("1h0.5m2s", 3632 * SECOND),
        (".5s", SECOND / 2),
        ("5.s", 5 * SECOND),
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("-1.5h", -5400 * SECOND),
        ("+5s", 5 * SECOND),
        ("1us", 1_000),
        ("1\u{b5}s", 1_000),
        ("1\u{3bc}s", 1_000),
        ("1.0000000019s", SECOND + 1),
        ("0.3333333333333333333h", 1200 * SECOND - 1),
        ("2562047h47m16.854775807s", i64::MAX),
        ("-2562047h47m16.854775808s", i64::MIN),
    ];
    for (text, nanos) in table {
        assert_eq!(Duration::parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }
}

#[test]
fn other_texts_are_refused() {
    for text in ["", "3", "s", ".s", "-", "+", "1 s", "1s ", "1S", "1d", "1.2.3s", "1e3s", "-.s", "1s-1s", "١s"] {
        assert_eq!(Duration::parse(text), Err(DurationError::Syntax(text.to_owned())));
    }
    for text in ["2562047h47m16.854775808s", "-2562047h47m16.854775809s", "99999999999999999999h"] {
        assert_eq!(Duration::parse(text), Err(DurationError::Range(text.to_owned())));
    }
}

#[test]
fn a_negative_duration_is_no_time() {
    assert_eq!(Duration::from_nanos(-1).to_std(), std::time::Duration::ZERO);
    assert_eq!(Duration::from_millis(1500).to_std(), std::time::Duration::from_millis(1500));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(nanos: i64) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
    }

    #[test]
    fn any_text_is_read_or_refused(text in r"[-+]?([0-9.]{0,25}(ns|us|ms|s|m|h|x)?){0,4}") {
        let _ = Duration::parse(&text);
    }
}
