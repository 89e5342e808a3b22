//! Filters over records.

use super::*;
use crate::access_log::line::tests::http;
use crate::outcome::Flag;
use crate::record::NoHeaders;
use meridian_cel::Expression;
use meridian_ir::Name;

fn is_true(text: &str, record: &Record<'_>) -> bool {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).is_true(&RecordAttributes(record))
}

#[test]
fn attributes_of_a_request() {
    let cluster: Name = "outbound|80||httpbin.org".into();
    let record = http(&cluster);
    for text in [
        "request.method == 'GET' && request.host == 'httpbin.org'",
        "request.path == '/headers?a=1&b=&a=2#f' && request.url_path == '/headers'",
        "request.query.startsWith('a=1')",
        "request.headers['user-agent'].startsWith('curl/') && request.useragent == request.headers['User-Agent']",
        "request.id.size() == 36 && request.protocol == 'HTTP/1.1'",
        "request.duration > duration('700ms') && request.duration < duration('1s')",
        "response.code == 200 && response.flags == 0",
        "response.headers['x-envoy-upstream-service-time'] == '706'",
        "source.address == '10.1.3.61:47084' && source.port == 47084 && destination.port == 80",
        "xds.cluster_name == 'outbound|80||httpbin.org' && xds.listener_direction == 2",
        "!connection.mtls && connection.id == 7 && !has(connection.tls_version)",
        "!has(response.grpc_status) && !('cookie' in request.headers)",
    ] {
        assert!(is_true(text, &record), "{text}");
    }
    for text in ["response.code >= 400", "request.headers['cookie'] == ''", "connection.tls_version == 'TLSv1.3'"] {
        assert!(!is_true(text, &record), "{text}");
    }
}

#[test]
fn attributes_of_a_connection_and_of_a_failure() {
    let cluster: Name = "c".into();
    let mut flags = Flags::default();
    flags.add(Flag::NoHealthyUpstream);
    flags.add(Flag::UpstreamRetryLimitExceeded);
    let record = Record {
        protocol: Protocol::Tcp,
        request: &NoHeaders,
        response: &NoHeaders,
        response_code: 0,
        flags,
        ..http(&cluster)
    };
    for text in ["!has(response.code) && !has(request.path) && !has(request.protocol)", "response.flags == 0x8002"] {
        assert!(is_true(text, &record), "{text}");
    }
}
