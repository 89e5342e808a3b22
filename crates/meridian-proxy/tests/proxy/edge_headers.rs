//! What the edge adds, trusts and takes out. The tables are what Envoy 1.40 did with the same requests.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, response};
use crate::support::{cluster, config, endpoints, forward, plain, route, virtual_host};
use meridian_ir::http::{ClientCertHeader, PathNormalization};
use meridian_ir::route::{PathMatch, RetryPolicy};
use meridian_ir::{Action, HttpConnectionManager};
use std::time::Duration;

fn hops(count: u32) -> impl FnOnce(&mut HttpConnectionManager) {
    move |manager| manager.xff_num_trusted_hops = count
}

#[test]
fn the_client_is_looked_for_behind_trusted_proxies() {
    const OWN: &str = "127.0.0.1";
    let origin = Origin::ok();
    for (trusted, forwarded, client) in [
        (0, "1.1.1.1", OWN),
        (1, "", OWN),
        (1, "1.1.1.1", "1.1.1.1"),
        (1, "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        (1, "bogus", OWN),
        (1, "10.0.0.1", "10.0.0.1"),
        (1, "1.1.1.1:99", OWN),
        (1, "[2001:db8::1]:80", OWN),
        (1, "2001:db8::2", "2001:db8::2"),
        (2, "1.1.1.1", OWN),
        (2, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "1.1.1.1,2.2.2.2,3.3.3.3", "2.2.2.2"),
        (2, "1.1.1.1\r\nX-Forwarded-For: 2.2.2.2", "1.1.1.1"),
        (3, "1.1.1.1, 2.2.2.2", OWN),
    ] {
        let gateway = Gateway::run_with(plain(origin.address), hops(trusted));
        let mut connection = Client::connect(gateway.address);
        let line = if forwarded.is_empty() { String::new() } else { format!("X-Forwarded-For: {forwarded}\r\n") };
        connection.send(format!("GET / HTTP/1.1\r\nHost: h.test\r\n{line}\r\n"));
        assert_eq!(connection.answer().status(), 200);
        let what = format!("{trusted} of {forwarded:?}");
        let seen = origin.seen().pop().expect("a request");
        assert_eq!(seen.header("x-envoy-external-address"), Some(client), "{what}");
        let sent = forwarded.replace("\r\nX-Forwarded-For: ", ",");
        let sent = if sent.is_empty() { OWN.to_owned() } else { format!("{sent},{OWN}") };
        assert_eq!(seen.header("x-forwarded-for"), Some(&*sent), "{what}");
        let log = gateway.stop().remove(0);
        let shown = if client == OWN { " 127.0.0.1:".to_owned() } else { format!(" {client}:0 - ") };
        assert!(log.contains(&shown.replace("2001:db8::2", "[2001:db8::2]")), "{what}: {log}");
    }
}

#[test]
fn the_scheme_is_what_a_trusted_proxy_says() {
    let origin = Origin::ok();
    let mut strict = virtual_host("strict.test", vec![route("/", Action::Forward(forward("origin")))]);
    strict.require_tls = true;
    let config = config(vec![strict], vec![(cluster("origin"), endpoints(&[origin.address]))]);
    for (trusted, proto, status) in
        [(0, "https", 301), (1, "https", 200), (1, "HTTPS", 200), (1, "http", 301), (1, "ftp", 301), (1, "", 301)]
    {
        let gateway = Gateway::run_with(config.clone(), hops(trusted));
        let mut connection = Client::connect(gateway.address);
        let line = if proto.is_empty() { String::new() } else { format!("X-Forwarded-Proto: {proto}\r\n") };
        connection.send(format!(
            "GET / HTTP/1.1\r\nHost: strict.test\r\n{line}\r\nGET / HTTP/1.1\r\nHost: strict.test\r\n\r\n"
        ));
        assert_eq!(connection.answer().status(), status, "{trusted} {proto}");
        assert_eq!(connection.answer().status(), 301, "the request behind it says nothing of the kind");
        if status == 200 {
            let seen = origin.seen().pop().expect("a request");
            assert_eq!(seen.header("x-forwarded-proto"), Some(proto));
        }
    }
}

#[test]
fn client_certificates_of_plain_connections_are_believed_only_where_that_is_wanted() {
    let origin = Origin::ok();
    for (mode, kept) in [
        (ClientCertHeader::Sanitize, false),
        (ClientCertHeader::ForwardOnly, false),
        (ClientCertHeader::AppendForward, false),
        (ClientCertHeader::SanitizeSet, false),
        (ClientCertHeader::AlwaysForwardOnly, true),
    ] {
        let gateway = Gateway::run_with(plain(origin.address), |manager| manager.client_cert_header = mode);
        let mut connection = Client::connect(gateway.address);
        connection.send("GET / HTTP/1.1\r\nHost: h.test\r\nX-Forwarded-Client-Cert: forged\r\n\r\n");
        assert_eq!(connection.answer().status(), 200);
        let seen = origin.seen().pop().expect("a request");
        assert_eq!(seen.header("x-forwarded-client-cert"), kept.then_some("forged"), "{mode:?}");
    }
}

#[test]
fn paths_are_normalized_as_configured() {
    let origin = Origin::ok();
    let mut exact = route("/", Action::Forward(forward("origin")));
    exact.matcher.path = PathMatch::Exact("/exact".into());
    let config = config(vec![virtual_host("*", vec![exact])], vec![(cluster("origin"), endpoints(&[origin.address]))]);
    use PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None};
    for (mode, matching) in [
        (None, &["/exact", "/exact?a=../b"][..]),
        (Base, &["/a/../exact", "/a/%2e%2e/exact", "/%65xact", "/a\\..\\exact", "/../exact"]),
        (MergeSlashes, &["//exact", "/a/../exact"]),
        (DecodeAndMergeSlashes, &["//exact", "/%2fexact", "/a/..%2fexact", "/a%5c..%5cexact"]),
    ] {
        let gateway = Gateway::run_with(config.clone(), |manager| manager.path_normalization = mode);
        let mut connection = Client::connect(gateway.address);
        for path in [
            "/exact",
            "/exact?a=../b",
            "/a/../exact",
            "/a/%2e%2e/exact",
            "/%65xact",
            "/a\\..\\exact",
            "/../exact",
            "//exact",
            "/%2fexact",
            "/a/..%2fexact",
            "/a%5c..%5cexact",
        ] {
            let base = ["/exact", "/exact?a=../b"].contains(&path);
            let is_base = ["/a/../exact", "/a/%2e%2e/exact", "/%65xact", "/a\\..\\exact", "/../exact"].contains(&path);
            let expected = base || matching.contains(&path) || (mode != None && is_base);
            assert_eq!(connection.get(path).status() == 200, expected, "{path} under {mode:?}");
        }
        let seen = origin.seen().pop().expect("a request");
        assert!(seen.path().starts_with("/exact"), "the endpoint gets the path that was matched: {}", seen.path());
    }
}

/// As Envoy does: each try is told what is left.
#[test]
fn every_try_is_told_how_long_it_may_take() {
    let origin = Origin::start(|seen| match seen.header("x-envoy-attempt-count") {
        Some("3") => response("200 OK", "ok"),
        _ => response("503 No", ""),
    });
    let mut forward = forward("origin");
    forward.timeout = Some(Duration::from_secs(15));
    forward.retry = forward.retry.map(|policy| RetryPolicy { on_5xx: true, ..(*policy).clone() }.into());
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward))])];
    let gateway = Gateway::run(config(hosts, vec![(cluster("origin"), endpoints(&[origin.address]))]));
    assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
    let told: Vec<u64> = origin
        .seen()
        .iter()
        .map(|seen| seen.header("x-envoy-expected-rq-timeout-ms").expect("a limit").parse().expect("a number"))
        .collect();
    assert_eq!((told.len(), told[0]), (3, 15_000));
    assert!(told.is_sorted_by(|before, after| before >= after) && told[2] > 5_000, "{told:?}");
    assert_eq!(origin.seen()[2].head.matches("x-envoy-expected-rq-timeout-ms").count(), 1);
}
