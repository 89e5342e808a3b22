use super::*;
use crate::access_log::ISTIO_DEFAULT_FORMAT;

fn parse(text: &str) -> Vec<Part> {
    Format::parse(text).unwrap().parts
}

fn error(text: &str) -> FormatError {
    Format::parse(text).unwrap_err()
}

#[test]
fn istio_default_has_24_operators() {
    let format = Format::parse(ISTIO_DEFAULT_FORMAT).unwrap();
    let operators = format.parts.iter().filter(|part| matches!(part, Part::Operator(_))).count();
    assert_eq!(operators, 24);
    assert_eq!(format.parts.first(), Some(&Part::Literal("[".into())));
    assert_eq!(format.parts[1], Part::Operator(Operator::StartTime(TimeFormat::Rfc3339Millis)));
    assert_eq!(format.parts.last(), Some(&Part::Literal("\n".into())));
}

#[test]
fn literals() {
    assert_eq!(parse(""), vec![]);
    assert_eq!(parse("100%%"), vec![Part::Literal("100%".into())]);
    assert_eq!(parse("%%%PROTOCOL%%%").len(), 3);
    assert_eq!(Format::parse("plain").unwrap().as_literal(), Some("plain"));
    assert_eq!(Format::parse("%PROTOCOL%").unwrap().as_literal(), None);
    assert_eq!(Format::literal("100%").as_literal(), Some("100%"));
}

#[test]
fn headers_with_alternative_and_length() {
    let request = |name: &str, alternative: Option<&str>, max| {
        vec![Part::Operator(Operator::Request { name: name.into(), alternative: alternative.map(Into::into), max })]
    };
    assert_eq!(parse("%REQ(User-Agent)%"), request("user-agent", None, None));
    assert_eq!(parse("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"), request("x-envoy-original-path", Some(":path"), None));
    assert_eq!(parse("%REQ(a?b):3%"), request("a", Some("b"), Some(3)));
    assert!(
        matches!(&parse("%RESP(server)%")[..], [Part::Operator(Operator::Response { name, .. })] if &**name == "server")
    );
    assert!(matches!(&parse("%TRAILER(t):9%")[..], [Part::Operator(Operator::Trailer { max: Some(9), .. })]));
}

#[test]
fn time_formats() {
    let time = |text: &str| match parse(text).remove(0) {
        Part::Operator(Operator::StartTime(TimeFormat::Custom(parts))) => parts,
        other => panic!("{other:?}"),
    };
    let literal = |text: &str| TimePart::Literal(text.into());
    assert_eq!(
        time("%START_TIME(%Y/%m/%dT%H:%M:%S%z)%"),
        [
            TimePart::Year,
            literal("/"),
            TimePart::Month,
            literal("/"),
            TimePart::Day,
            literal("T"),
            TimePart::Hour,
            literal(":"),
            TimePart::Minute,
            literal(":"),
            TimePart::Second,
            TimePart::Offset
        ]
    );
    assert_eq!(time("%START_TIME(%s.%3f)%"), [TimePart::EpochSeconds, literal("."), TimePart::Fraction(3)]);
    assert_eq!(time("%START_TIME(%f%%)%"), [TimePart::Fraction(9), literal("%")]);
    assert_eq!(time("%START_TIME(%R (UTC))%").last(), Some(&literal(" (UTC)")));
    assert_eq!(parse("%START_TIME()%"), parse("%START_TIME%"));
}

#[test]
fn durations() {
    assert_eq!(
        parse("%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)%"),
        vec![Part::Operator(Operator::CommonDuration {
            start: Point::DownstreamRxBegin,
            end: Point::UpstreamRxBegin,
            unit: Unit::Microseconds
        })]
    );
    assert!(error("%COMMON_DURATION(DS_RX_BEG:us)%").reason.contains("US_RX_BEG"));
}

#[test]
fn errors_say_where_what_and_what_else() {
    let cases = [
        ("ab %NOPE% c", 4, "`%NOPE%` is no operator that is supported; there are ACCESS_LOG_TYPE, BYTES_RECEIVED"),
        ("é%NOPE%", 2, "no operator"),
        ("100% sure", 4, "write `%%` for a percent sign"),
        ("100%", 4, "write `%%` for a percent sign"),
        ("%REQ%", 1, "needs an argument: REQ(header)"),
        ("%REQ()%", 1, "needs an argument"),
        ("%REQ(a b)%", 1, "`a b` in `%REQ(a b)%` is no header name"),
        ("%REQ(a?b?c)%", 1, "no header name"),
        ("%REQ(a", 1, "is not closed"),
        ("%REQ(a)", 1, "is not closed"),
        ("%REQ(a):x%", 1, "`%REQ(` is not closed"),
        ("%PROTOCOL", 1, "is not closed by `%`"),
        ("%PROTOCOL(a)%", 1, "takes no arguments"),
        ("%PROTOCOL:5%", 1, "takes no length, found `:5`"),
        ("%RESPONSE_CODE_DETAILS(x)%", 1, "the only argument is ALLOW_WHITESPACES"),
        ("%START_TIME(%Q)%", 13, "`%Q` is no conversion of a time format; there are %A, %B"),
        ("%START_TIME(%3s)%", 13, "is followed by `f`"),
    ];
    for (text, column, reason) in cases {
        let error = error(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.reason.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_format_prints_as_it_is_read() {
    for text in [
        ISTIO_DEFAULT_FORMAT,
        "100%% %REQ(:PATH?X-A):7% %RESP(SERVER)% %TRAILER(T)% %REQ_WITHOUT_QUERY(:PATH)%",
        "%QUERY_PARAM(Ab):2% %ENVIRONMENT(HOME)% %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%",
        "%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)% %START_TIME(%Y-%m-%d %s.%3f%%%f)% %EMIT_TIME%",
    ] {
        let format = Format::parse(text).unwrap();
        assert_eq!(format.to_string(), text);
        assert_eq!(Format::parse(&format.to_string()), Ok(format));
    }
    for (name, operator) in operator::PLAIN {
        assert_eq!(&operator.to_string(), name);
    }
}
