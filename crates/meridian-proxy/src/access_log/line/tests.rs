use super::*;
use crate::outcome::{Details, Flag, Flags, ResetReason, TransportFailure};
use crate::record::{Downstream, HeaderView, NoHeaders, Protocol, Timeline, Upstream, WireBytes};
use meridian_ir::access_log::ISTIO_DEFAULT_FORMAT;
use meridian_ir::endpoint::{Address, Endpoint};
use meridian_ir::{Endpoints, Name};
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

pub(in crate::access_log) struct Headers(pub(in crate::access_log) &'static [(&'static str, &'static str)]);

impl HeaderView for Headers {
    fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes())
    }

    fn byte_size(&self) -> u64 {
        self.0.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
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
        direct_local: SocketAddr::from(([127, 0, 0, 1], 80)),
        tls_group: None,
        handshake: None,
        peer: None,
        direction: meridian_ir::listener::Direction::Outbound,
        workload: None,
        local_certificate: None,
    }
}

/// Row 1.21 of the reference, as a record.
pub(in crate::access_log) fn http(cluster: &Name) -> Record<'_> {
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
            ..Timeline::default()
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
        wire: WireBytes {
            upstream_sent: 300,
            upstream_headers_sent: 250,
            downstream_received: 120,
            ..WireBytes::default()
        },
        downstream: downstream(),
        upstream: Upstream {
            cluster: Some(cluster),
            host: Some(address("52.6.108.150:80")),
            local: Some(address("10.1.3.61:47086")),
            attempts: 1,
            failure: None,
            ..Upstream::default()
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

const GRPC: Headers = Headers(&[
    (":path", "/rewritten?a=b%20c+d%41%0a%26%22%C3%A4"),
    (":authority", "new.test"),
    ("x-envoy-original-path", "/old?x"),
    ("x-envoy-original-host", "old.test"),
    ("content-type", "application/grpc"),
    ("x-request-id", "id"),
]);

#[test]
fn operators_about_requests() {
    let cluster = "c".into();
    let mut record = http(&cluster);
    let trailers = Headers(&[("grpc-status", "3")]);
    (record.request, record.trailers) = (&GRPC, &trailers);
    for (format, expected) in [
        ("%PATH% %PATH(NQ)% %PATH(WQ:PATH):5% %PATH(NQ:PATH)%", "/old?x /old /rewr /rewritten"),
        (
            "%QUERY_PARAMS% %QUERY_PARAMS(DECODED)% %QUERY_PARAMS:3%",
            "a=b%20c+d%41%0a%26%22%C3%A4 a=b%20c+dA%0a&%22%C3%A4 a=b",
        ),
        ("%REQUESTED_SERVER_NAME% %REQUESTED_SERVER_NAME(SNI_FIRST)%", "- old.test"),
        ("%REQUESTED_SERVER_NAME(HOST_FIRST:HOST)% %REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)%", "new.test old.test"),
        ("%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%", "InvalidArgument INVALID_ARGUMENT 3"),
        ("%STREAM_ID% %LOCAL_REPLY_BODY%|", "id |"),
        (r#"%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": "nope"}]})%"#, "-"),
        (r#"%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": ":authority"}]}):3%"#, "new"),
        ("%TRACE_ID% %DYNAMIC_METADATA(a:b)% %TLS_JA3_FINGERPRINT% %ROUNDTRIP_DURATION%", "- - - -"),
    ] {
        assert_eq!(print(format, &record), expected, "{format}");
    }
    record.trailers = &NoHeaders;
    assert_eq!(print("%GRPC_STATUS%", &record), "Unknown", "the status is that of HTTP 200 without any of gRPC");
    record.request = &REQUEST;
    assert_eq!(print("%GRPC_STATUS% %GRPC_STATUS_NUMBER%", &record), "- -", "the request is not gRPC");
    record.downstream.server_name = Some("sni.test");
    assert_eq!(print("%REQUESTED_SERVER_NAME(SNI_FIRST)%", &record), "sni.test");
    let unique = print("%UNIQUE_ID%", &record);
    assert!(unique.len() == 36 && unique.as_bytes()[14] == b'4' && unique != print("%UNIQUE_ID%", &record), "{unique}");
}

#[test]
fn operators_about_addresses_bytes_and_endpoints() {
    let cluster = "c".into();
    let mut record = http(&cluster);
    record.downstream.direct_remote = address("[2001:db8:1234:5678:9abc:def0:1234:5678]:99");
    record.downstream.tls_group = Some("X25519");
    record.downstream.handshake = Some(Duration::from_millis(12));
    let tried = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:80"].map(address);
    record.upstream.attempted = &tried;
    record.upstream.host = Some(tried[0]);
    for (format, expected) in [
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%", "10.1.0.0/16"),
        ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT(64)%", "2001:db8:1234:5678::/64"),
        (
            "%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(0)% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(32)%",
            "0.0.0.0/0 10.1.3.61/32",
        ),
        ("%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(33)%", "-"),
        ("%DOWNSTREAM_DIRECT_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_PORT%", "127.0.0.1:80 80"),
        ("%UPSTREAM_HOSTS_ATTEMPTED%", "10.0.0.1:80,10.0.0.2:80"),
        ("%UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%", "10.0.0.1,10.0.0.2"),
        ("%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%", "10.0.0.1:80 10.0.0.1"),
        ("%UPSTREAM_CONNECTION_ID% %UPSTREAM_CONNECTION_IDS_ATTEMPTED%", "0 -"),
        ("%UPSTREAM_TLS_VERSION% %UPSTREAM_SERVER_NAME% %UPSTREAM_PEER_SUBJECT%", "- - -"),
        ("%DOWNSTREAM_TLS_GROUP% %DOWNSTREAM_HANDSHAKE_DURATION%", "X25519 12"),
        ("%UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_HEADER_BYTES_SENT% %DOWNSTREAM_WIRE_BYTES_RECEIVED%", "300 250 120"),
        ("%RESPONSE_HEADERS_BYTES% %RESPONSE_TRAILERS_BYTES% %BYTES_RETRANSMITTED%", "47 0 0"),
        ("%UPSTREAM_CONNECTION_POOL_READY_DURATION% %COMMON_DURATION(US_CX_BEG:US_CX_END:ms)%", "- -"),
        ("%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_LOCAL_DNS_SAN%", "- - -"),
    ] {
        assert_eq!(print(format, &record), expected, "{format}");
    }
    let named = Endpoint::new(Address::Dns("up.test".into(), 80));
    let endpoints = Endpoints { endpoints: vec![named], locality_weights: Vec::new() };
    record.upstream.endpoints = Some(&endpoints);
    assert_eq!(print("%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%", &record), "up.test:80 up.test");
}

#[test]
fn operators_about_certificates() {
    let cluster = "c".into();
    let generated = openssl_certificate();
    let peer = crate::tls::PeerCertificate::new(&[generated.clone(), generated], true).expect("a certificate");
    let mut record = http(&cluster);
    record.downstream.peer = Some(&peer);
    record.downstream.local_certificate = Some(&peer.facts);
    let (sha256, sha1, serial) = (&peer.sha256, &peer.sha1, &peer.facts.serial_number);
    for (format, expected) in [
        ("%DOWNSTREAM_PEER_SUBJECT%", "O=some organization,CN=good".to_owned()),
        (
            "%DOWNSTREAM_LOCAL_SUBJECT% %DOWNSTREAM_PEER_ISSUER%",
            "O=some organization,CN=good O=some organization,CN=good".to_owned(),
        ),
        ("%DOWNSTREAM_PEER_DNS_SAN%", "a.test,b.test".to_owned()),
        ("%DOWNSTREAM_PEER_URI_SAN%", "spiffe://c/ns/n/sa/s".to_owned()),
        ("%DOWNSTREAM_PEER_IP_SAN% %DOWNSTREAM_PEER_EMAIL_SAN%", "127.0.0.1 a@b.test".to_owned()),
        ("%DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_FINGERPRINT_1%", format!("{sha256} {sha1}")),
        ("%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256%", format!("{sha256},{sha256}")),
        ("%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1%", format!("{sha1},{sha1}")),
        ("%DOWNSTREAM_PEER_SERIAL% %DOWNSTREAM_PEER_CHAIN_SERIALS%", format!("{serial} {serial},{serial}")),
        ("%DOWNSTREAM_PEER_CERT_V_START(%s)%", peer.facts.not_before.to_string()),
        ("%DOWNSTREAM_PEER_CERT_V_END(%s)%", peer.facts.not_after.to_string()),
        ("%DOWNSTREAM_PEER_CERT%", peer.pem().to_owned()),
        ("%DOWNSTREAM_PEER_ISSUER_SERIAL% %DOWNSTREAM_PEER_OTHERNAME_SAN%", "- -".to_owned()),
    ] {
        assert_eq!(print(format, &record), expected, "{format}");
    }
}

/// A certificate, made by openssl.
fn openssl_certificate() -> rustls::pki_types::CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject;
    let names = "subjectAltName=DNS:a.test,DNS:b.test,URI:spiffe://c/ns/n/sa/s,IP:127.0.0.1,email:a@b.test";
    let output = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-addext", names])
        .args(["-subj", "/CN=good/O=some organization"])
        .output()
        .expect("openssl is installed");
    rustls::pki_types::CertificateDer::from_pem_slice(&output.stdout).expect("openssl writes a certificate")
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
