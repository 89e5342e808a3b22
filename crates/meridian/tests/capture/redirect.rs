//! `meridian redirect` with both of its programs.

use crate::support::{Hosts, can_run};

/// What the workload asks, and who answers when everything is captured.
const OUTBOUND: [(&str, &str); 10] = [
    ("@10.77.0.2,80", "outbound 10.77.0.2:80"),
    ("@fd77::2,80", "outbound [fd77::2]:80"),
    ("@192.0.2.7,443", "outbound 192.0.2.7:443"),
    // The sidecar's own connections are never captured, by user or by group.
    ("1337@10.77.0.2,80", "peer 10.77.0.2:80"),
    ("4711.1337@fd77::2,80", "peer [fd77::2]:80"),
    ("4711@10.77.0.2,80", "outbound 10.77.0.2:80"),
    // The loopback is the workload's own, by every address.
    ("@127.0.0.1,8080", "app -"),
    ("@10.77.0.1,8080", "app -"),
    // The sidecar that was sent to the workload's own address meets its inbound side, but not from 127.0.0.6.
    ("1337@10.77.0.1,8080", "inbound 10.77.0.1:8080"),
    ("1337<127.0.0.6@10.77.0.1,8080", "app -"),
];

/// What the peer asks.
const INBOUND: [(&str, &str); 5] = [
    ("@10.77.0.1,8080", "inbound 10.77.0.1:8080"),
    ("@fd77::1,8080", "inbound [fd77::1]:8080"),
    ("@10.77.0.1,9999", "inbound 10.77.0.1:9999"),
    ("@10.77.0.1,15021", "ready -"),
    ("@10.77.0.1,15008", "refused"),
];

/// Applies `options`, and compares who answers `questions` of the workload and of the peer.
fn expect(hosts: &Hosts, backend: &str, options: &[&str], outbound: &[(&str, &str)], inbound: &[(&str, &str)]) {
    hosts.must(&[["redirect", "apply", "--backend", backend].as_slice(), options].concat());
    for (space, asked) in [(&hosts.workload, outbound), (&hosts.peer, inbound)] {
        if asked.is_empty() {
            continue;
        }
        let (questions, answers): (Vec<_>, Vec<_>) = asked.iter().copied().unzip();
        // A connection that no rule touched has an entry of the kernel nonetheless, which says where it went.
        let heard: Vec<_> = hosts.ask(space, &questions).into_iter().map(|answer| plain(&answer)).collect();
        let answers: Vec<_> = answers.into_iter().map(plain).collect();
        assert_eq!(heard, answers, "{backend} {options:?}: {questions:?}");
    }
}

/// An answer; only of the sidecar's ports with where the client wanted to go.
fn plain(answer: &str) -> String {
    match answer.split_once(' ') {
        Some((name @ ("outbound" | "inbound"), wanted)) => format!("{name} {wanted}"),
        Some((name, _)) => name.to_owned(),
        None => answer.to_owned(),
    }
}

fn hosts(name: &str) -> Hosts {
    let workload = ["outbound:15001", "inbound:15006", "app:8080", "ready:15021"];
    let peer = ["peer:80", "peer:443", "peer:25", "resolver:53", "resolver:53u"];
    let mut hosts = Hosts::new(name, &workload, &peer);
    let space = hosts.workload.clone();
    // The rules know the DNS proxy's answers by its user.
    hosts.serve(&space, 1337, &["dns-proxy:15053", "dns-proxy:15053u"]);
    hosts
}

fn tour(backend: &str, name: &str) {
    let hosts = hosts(name);
    expect(&hosts, backend, &[], &OUTBOUND, &INBOUND);
    let all = "outbound 10.77.0.2:80";
    // Lists of destinations and ports; what was applied before is gone each time.
    for (options, outbound) in [
        (vec!["-x", "192.0.2.0/24"], [all, "outbound [fd77::2]:80", "peer", "peer"]),
        (vec!["-i", "192.0.2.0/24"], ["peer", "peer", "outbound 192.0.2.7:443", "peer"]),
        (vec!["-i", "fd77::/16"], ["peer", "outbound [fd77::2]:80", "peer", "peer"]),
        (vec!["-i", ""], ["peer", "peer", "peer", "peer"]),
        (vec!["-i", "", "-q", "443"], ["peer", "peer", "outbound 192.0.2.7:443", "peer"]),
        (vec!["-i", "", "-q", "400-500"], ["peer", "peer", "outbound 192.0.2.7:443", "peer"]),
        (vec!["-o", "443"], [all, "outbound [fd77::2]:80", "peer", "peer"]),
        (vec!["-i", "*", "-x", "192.0.2.7,fd00::/8"], [all, "peer", "peer", "peer"]),
        (vec!["-c", "eth0"], ["peer", "peer", "peer", "peer"]),
        (vec!["--outbound-owner-groups", "4712"], ["peer", "peer", "peer", "peer"]),
        (
            vec!["--annotations", "traffic.sidecar.istio.io/excludeOutboundIPRanges=10.77.0.0/24"],
            ["peer", "outbound [fd77::2]:80", "outbound 192.0.2.7:443", "peer"],
        ),
    ] {
        let questions = ["@10.77.0.2,80", "@fd77::2,80", "@192.0.2.7,443", "1337@192.0.2.7,443"];
        let asked: Vec<_> = questions.into_iter().zip(outbound).collect();
        expect(&hosts, backend, &options, &asked, &[]);
    }
    for (options, inbound) in [
        (vec!["-b", "8080"], ["inbound 10.77.0.1:8080", "refused", "ready"]),
        (vec!["-b", "9990-9999"], ["app", "inbound 10.77.0.1:9999", "ready"]),
        (vec!["-b", ""], ["app", "refused", "ready"]),
        (vec!["-d", "8080"], ["app", "inbound 10.77.0.1:9999", "inbound 10.77.0.1:15021"]),
        (vec!["-c", "eth0"], ["app", "refused", "ready"]),
        (vec!["-k", "eth0"], ["outbound 10.77.0.1:8080", "outbound 10.77.0.1:9999", "outbound 10.77.0.1:15021"]),
    ] {
        let questions = ["@10.77.0.1,8080", "@10.77.0.1,9999", "@10.77.0.1,15021"];
        let asked: Vec<_> = questions.into_iter().zip(inbound).collect();
        expect(&hosts, backend, &options, &[], &asked);
    }
    dns(&hosts, backend);
    twice_is_once(&hosts, backend);
    nothing_is_left(&hosts);
}

fn dns(hosts: &Hosts, backend: &str) {
    let captured = [
        ("@10.77.0.2,53u", "dns-proxy"),
        ("@fd77::2,53u", "dns-proxy"),
        ("@10.77.0.2,53", "dns-proxy"),
        ("1337@10.77.0.2,53u", "resolver"),
        ("1337@10.77.0.2,53", "resolver"),
        ("@10.77.0.2,80", "outbound 10.77.0.2:80"),
    ];
    expect(hosts, backend, &["--redirect-dns", "--capture-all-dns"], &captured, &[]);
}

fn twice_is_once(hosts: &Hosts, backend: &str) {
    let options =
        ["redirect", "apply", "--backend", backend, "-c", "vx+", "-o", "25", "--redirect-dns", "--capture-all-dns"];
    hosts.must(&options);
    let once = hosts.must(&["redirect", "show"]);
    hosts.must(&options);
    assert_eq!(hosts.must(&["redirect", "show"]), once);
    for chain in ["ISTIO_INBOUND", "ISTIO_IN_REDIRECT", "ISTIO_OUTPUT", "ISTIO_REDIRECT"] {
        assert!(once.contains(chain), "{chain} is missing in {once}");
    }
}

fn nothing_is_left(hosts: &Hosts) {
    hosts.must(&["redirect", "clean"]);
    assert_eq!(hosts.must(&["redirect", "show"]), "there are no rules of meridian redirect here\n");
    assert_eq!(hosts.ask(&hosts.workload, &["@10.77.0.2,80"]).len(), 1);
    expect_nothing_captured(hosts);
    // Cleaning what is clean is no error.
    hosts.must(&["redirect", "clean"]);
}

fn expect_nothing_captured(hosts: &Hosts) {
    let heard = hosts.ask(&hosts.workload, &["@10.77.0.2,80", "@fd77::2,80", "@10.77.0.2,53u"]);
    let names: Vec<_> = heard.iter().map(|answer| plain(answer)).collect();
    assert_eq!(names, ["peer", "peer", "resolver"]);
}

#[test]
fn nftables_lead_connections_where_the_options_say() {
    if can_run(&["ip", "nft", "python3"]) {
        tour("nftables", "mrn");
    }
}

#[test]
fn iptables_lead_connections_where_the_options_say() {
    if can_run(&["ip", "iptables-restore", "ip6tables-restore", "python3"]) {
        tour("iptables", "mri");
    }
}

#[test]
fn one_program_replaces_what_the_other_has_set_and_others_rules_stay() {
    if !can_run(&["ip", "nft", "iptables-restore", "python3"]) {
        return;
    }
    let hosts = hosts("mrx");
    let foreign = hosts.must(&["redirect", "apply", "--backend", "iptables"]);
    assert_eq!(foreign, "");
    expect(&hosts, "nftables", &["-i", ""], &[("@10.77.0.2,80", "peer")], &[]);
    let shown = hosts.must(&["redirect", "show"]);
    assert!(shown.contains("table inet meridian-nat") && !shown.contains("iptables-save"), "{shown}");
    expect(&hosts, "iptables", &[], &OUTBOUND[..2], &INBOUND[..2]);
    let shown = hosts.must(&["redirect", "show"]);
    assert!(!shown.contains("table inet") && shown.contains("-A OUTPUT -j ISTIO_OUTPUT"), "{shown}");
    nothing_is_left(&hosts);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_changed() {
    if !can_run(&["ip", "nft", "setpriv", "python3"]) {
        return;
    }
    let hosts = hosts("mre");
    hosts.must(&["redirect", "apply"]);
    let before = hosts.must(&["redirect", "show"]);
    for (options, message) in [
        (vec!["-m", "TPROXY"], "-m TPROXY is not supported"),
        (vec!["-i", "10.0.0.0/8,example.com"], "\"example.com\" is not a range of addresses"),
        (vec!["-x", "*"], "-x '*' would exclude everything"),
        (vec!["-b", "http"], "\"http\" is not a port"),
        (vec!["-c", "eth0 -j ACCEPT"], "is not the name of a network interface"),
        (vec!["-u", "", "-g", ""], "leave the sidecar without an owner"),
        (vec!["--annotations", "traffic.sidecar.istio.io/excludeOutboundPort=1"], "does not exist"),
        (vec!["--annotations", "sidecar.istio.io/interceptionMode=TPROXY"], "\"TPROXY\" is not supported"),
    ] {
        let output = hosts.meridian(&[["redirect", "apply"].as_slice(), &options].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(message), "{options:?}: {said}");
    }
    assert_eq!(hosts.must(&["redirect", "show"]), before);
}
