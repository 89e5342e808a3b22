use super::*;
use crate::outcome::{Details, Flag, Flags, ResetReason, TransportFailure};
use crate::record::{Downstream, NoHeaders, Timeline, Upstream};
use meridian_ir::access_log::ISTIO_DEFAULT_FORMAT;
use std::net::SocketAddr;
use std::time::UNIX_EPOCH;

struct Headers(&'static [(&'static str, &'static str)]);

impl HeaderView for Headers {
    fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes())
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const REQUEST: Headers = Headers(&[
    (":method", "GET"),
    (":path", "/headers?a=1&b=&a=2#f"),
    (":authority", "httpbin.org"),
    ("user-agent", "curl/8.10.1"),
    ("x-request-id", "627589cd-72ac-9ead-b2b3-41ee9d0e0fbb"),
]);
const RESPONSE: Headers = Headers(&[(":status", "200"), ("x-envoy-upstream-service-time", "706"), ("empty", "")]);

fn downstream<'a>() -> Downstream<'a> {
    Downstream {
        connection_id: 7,
        local: address("52.6.108.150:80"),
        remote: address("10.1.3.61:47084"),
        direct_remote: address("10.1.3.61:47084"),
        server_name: None,
        tls_version: None,
        tls_cipher: None,
        tls_failure: None,
    }
}

/// Row 1.21 of the reference, as a record.
fn http(cluster: &Name) -> Record<'_> {
    Record {
        protocol: Protocol::Http11,
        start: UNIX_EPOCH + Duration::from_millis(1_730_619_246_206),
        timeline: Timeline {
            downstream_rx_end: Some(Duration::from_micros(1_200)),
            upstream_tx_begin: Some(Duration::from_micros(1_500)),
            upstream_tx_end: Some(Duration::from_micros(2_900)),
            upstream_rx_begin: Some(Duration::from_millis(706)),
            upstream_rx_end: Some(Duration::from_millis(706)),
            downstream_tx_begin: Some(Duration::from_millis(706)),
            downstream_tx_end: Some(Duration::from_millis(707)),
            total: Duration::from_micros(707_999),
        },
        request: &REQUEST,
        response: &RESPONSE,
        trailers: &NoHeaders,
        response_code: 200,
        flags: Flags::default(),
        details: Some(Details::Fixed("via_upstream")),
        connection_termination: None,
        bytes_received: 0,
        bytes_sent: 980,
        request_head_bytes: 100,
        response_head_bytes: 200,
        downstream: downstream(),
        upstream: Upstream {
            cluster: Some(cluster),
            host: Some(address("52.6.108.150:80")),
            local: Some(address("10.1.3.61:47086")),
            attempts: 1,
            failure: None,
        },
        route_name: "default",
        filter_chain_name: "",
    }
}

fn print(format: &str, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    Line::new(&Format::parse(format).unwrap()).write(record, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_default_line_of_a_request() {
    let cluster = "outbound|80||httpbin.org".into();
    assert_eq!(
        print(ISTIO_DEFAULT_FORMAT, &http(&cluster)),
        "[2024-11-03T07:34:06.206Z] \"GET /headers?a=1&b=&a=2#f HTTP/1.1\" 200 - via_upstream - \"-\" 0 980 707 706 \"-\" \
         \"curl/8.10.1\" \"627589cd-72ac-9ead-b2b3-41ee9d0e0fbb\" \"httpbin.org\" \"52.6.108.150:80\" \
         outbound|80||httpbin.org 10.1.3.61:47086 52.6.108.150:80 10.1.3.61:47084 - default\n"
    );
}

#[test]
fn the_default_line_of_a_connection() {
    let cluster = "outbound|443||www.google.com".into();
    let mut record = http(&cluster);
    record.protocol = Protocol::Tcp;
    (record.request, record.response) = (&NoHeaders, &NoHeaders);
    (record.response_code, record.details, record.route_name) = (0, None, "");
    (record.bytes_received, record.bytes_sent) = (892, 5630);
    record.timeline = Timeline { total: Duration::from_millis(562), ..Timeline::default() };
    record.upstream.host = Some(address("31.13.112.9:443"));
    record.upstream.local = Some(address("10.1.3.73:42256"));
    record.downstream.local = address("31.13.112.9:443");
    record.downstream.remote = address("10.1.3.73:42240");
    record.downstream.server_name = Some("www.google.com");
    assert_eq!(
        print(ISTIO_DEFAULT_FORMAT, &record),
        "[2024-11-03T07:34:06.206Z] \"- - -\" 0 - - - \"-\" 892 5630 562 - \"-\" \"-\" \"-\" \"-\" \"31.13.112.9:443\" \
         outbound|443||www.google.com 10.1.3.73:42256 31.13.112.9:443 10.1.3.73:42240 www.google.com -\n"
    );
}

#[test]
fn the_default_line_without_a_chain() {
    let cluster = "".into();
    let mut record = http(&cluster);
    record.protocol = Protocol::Tcp;
    (record.request, record.response) = (&NoHeaders, &NoHeaders);
    (record.response_code, record.route_name) = (0, "");
    record.flags.add(Flag::NoRouteFound);
    record.details = Some(Details::Fixed("filter_chain_not_found"));
    (record.bytes_received, record.bytes_sent) = (0, 0);
    record.timeline = Timeline::default();
    record.upstream = Upstream::default();
    record.downstream.server_name = Some("other.example.com");
    assert_eq!(
        print(ISTIO_DEFAULT_FORMAT, &record),
        "[2024-11-03T07:34:06.206Z] \"- - -\" 0 NR filter_chain_not_found - \"-\" 0 0 0 - \"-\" \"-\" \"-\" \"-\" \"-\" \
         - - 52.6.108.150:80 10.1.3.61:47084 other.example.com -\n"
    );
}

#[test]
fn operators() {
    let cluster = "outbound|80||httpbin.org".into();
    let mut record = http(&cluster);
    record.flags.add(Flag::UpstreamRetryLimitExceeded);
    record.flags.add(Flag::UpstreamConnectionFailure);
    record.upstream.failure = Some(TransportFailure::Connect(111));
    record.details =
        Some(Details::BeforeResponse(ResetReason::RemoteConnectionFailure, Some(TransportFailure::Connect(111))));
    record.downstream.direct_remote = address("[2001:db8::1]:99");
    record.downstream.tls_version = Some("TLSv1.3");
    record.downstream.tls_cipher = Some("TLS_AES_256_GCM_SHA384");
    for (format, expected) in [
        ("%RESPONSE_FLAGS%", "URX,UF"),
        ("%RESPONSE_FLAGS_LONG%", "UpstreamRetryLimitExceeded,UpstreamConnectionFailure"),
        (
            "%RESPONSE_CODE_DETAILS%",
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
        ),
        ("%UPSTREAM_TRANSPORT_FAILURE_REASON%", "delayed_connect_error:_Connection_refused"),
        ("%REQ(x-missing)% %REQ(x-missing?user-agent)%", "- curl/8.10.1"),
        ("%REQ(user-agent):4%", "curl"),
        ("%RESP(:status)% %RESP(empty)%|%TRAILER(t)%", "200 |-"),
        ("%REQ_WITHOUT_QUERY(:path)%", "/headers"),
        ("%QUERY_PARAM(a)% %QUERY_PARAM(b)% %QUERY_PARAM(c)%", "1  -"),
        ("%REQUEST_DURATION% %REQUEST_TX_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%", "1 2 706 1"),
        ("%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)%", "1500"),
        ("%UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW%", "outbound|80||httpbin.org; outbound|80||httpbin.org"),
        ("%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %UPSTREAM_LOCAL_PORT%", "10.1.3.61 47086"),
        ("%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%", "52.6.108.150 80"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%", "10.1.3.61 80"),
        ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "[2001:db8::1]:99"),
        ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "2001:db8::1"),
        ("%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER%", "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        ("%CONNECTION_ID% %ACCESS_LOG_TYPE% %UPSTREAM_REQUEST_ATTEMPT_COUNT%", "7 DownstreamEnd 1"),
        ("%START_TIME(%s.%3f)% %VIRTUAL_CLUSTER_NAME% 100%%", "1730619246.206 - 100%"),
        ("%ENVIRONMENT(NO_SUCH_VARIABLE)% %ENVIRONMENT(PATH):0%", "- "),
    ] {
        assert_eq!(print(format, &record), expected, "{format}");
    }
}

#[test]
fn what_is_missing_is_nothing_in_a_header() {
    let cluster = "outbound|80||httpbin.org".into();
    let record = http(&cluster);
    let mut out = Vec::new();
    let format = Format::parse("a%REQ(missing)%b%RESPONSE_FLAGS%%UPSTREAM_CLUSTER%").unwrap();
    header_value(&format, &record, &mut out);
    assert_eq!(out, b"ab-outbound|80||httpbin.org;");
}

#[test]
fn the_host_name_is_the_systems() {
    let cluster = "".into();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(print("%HOSTNAME%", &http(&cluster)), name.trim());
}
