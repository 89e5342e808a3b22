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
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(129)%", 1, "the argument is a number of bits"),
        ("%DOWNSTREAM_REMOTE_ADDRESS(16)%", 1, "takes no arguments"),
        ("%PATH(XX)%", 1, "expected PATH or PATH(WQ|NQ:"),
        ("%REQUESTED_SERVER_NAME(FIRST)%", 1, "expected SNI_ONLY, SNI_FIRST or HOST_FIRST"),
        ("%GRPC_STATUS(x)%", 1, "expected GRPC_STATUS or GRPC_STATUS(CAMEL_STRING"),
        ("%QUERY_PARAMS(x)%", 1, "ORIG or DECODED"),
        ("%DYNAMIC_METADATA%", 1, "needs an argument: DYNAMIC_METADATA(NAMESPACE:KEY)"),
        ("%TRACE_ID(x)%", 1, "takes no arguments"),
        ("%COALESCE([])%", 1, "is not JSON of the form"),
        (r#"%COALESCE({"operators": []})%"#, 1, "names no operators"),
        (r#"%COALESCE({"operators": ["NOPE"]})%"#, 1, "`%NOPE%` is no operator"),
        ("%CEL(response.code)%", 1, "expressions are not supported"),
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
        "%QUERY_PARAMS(DECODED):9% %PATH(NQ:ORIG_OR_PATH):3% %PATH(WQ:ORIG)% %START_TIME_LOCAL(%H:%M)%",
        "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)% %REQUESTED_SERVER_NAME(SNI_FIRST:HOST)%",
        "%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %UPSTREAM_PEER_CERT_V_END(%s)% %DOWNSTREAM_PEER_CERT_V_START%",
        "%DYNAMIC_METADATA(a.b:c):3% %FILTER_STATE(k:PLAIN)% %TRACE_ID%",
        r#"%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": ":authority"}]}):50%"#,
        "%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)% %START_TIME(%Y-%m-%d %s.%3f%%%f)% %EMIT_TIME%",
    ] {
        let format = Format::parse(text).unwrap();
        assert_eq!(format.to_string(), text);
        assert_eq!(Format::parse(&format.to_string()), Ok(format));
    }
    for (name, operator) in names::PLAIN {
        assert_eq!(&operator.to_string(), name);
    }
}

#[test]
fn operators_have_other_names_and_optional_arguments() {
    for (text, same) in [
        ("%REQUEST_HEADER(A?B):2%", "%REQ(A?B):2%"),
        ("%RESPONSE_HEADER(A)%", "%RESP(A)%"),
        ("%RESPONSE_TRAILER(A)%", "%TRAILER(A)%"),
        ("%GRPC_STATUS(CAMEL_STRING)%", "%GRPC_STATUS%"),
        ("%GRPC_STATUS(NUMBER)%", "%GRPC_STATUS_NUMBER%"),
        ("%PATH%", "%PATH(WQ:ORIG_OR_PATH)%"),
        ("%PATH(NQ)%", "%PATH(NQ:ORIG_OR_PATH)%"),
        ("%QUERY_PARAMS%", "%QUERY_PARAMS(ORIG)%"),
        ("%REQUESTED_SERVER_NAME(SNI_ONLY)%", "%REQUESTED_SERVER_NAME%"),
        ("%REQUESTED_SERVER_NAME(SNI_FIRST)%", "%REQUESTED_SERVER_NAME(SNI_FIRST:ORIG_OR_HOST)%"),
    ] {
        assert_eq!(parse(text), parse(same), "{text}");
    }
}

#[test]
fn the_tables_are_in_order_and_have_no_name_twice() {
    let names: Vec<&str> = names::PLAIN.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted(), "{names:?}");
    let others = names::WITH_ARGUMENTS.iter().chain(names::UNSET).map(|(name, _)| *name);
    let mut all: Vec<&str> = names.into_iter().chain(others).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
