//! Access control: what is denied, how it ends, and what is counted.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::Origin;
use crate::support::{access_log, listener, manager, plain};
use meridian_ir::rbac::{Effect, PathMatch, Permission, Policy, Principal, Rules};
use meridian_ir::tcp::WeightedName;
use meridian_ir::{Filters, Rbac, StringMatch, TcpProxy};
use meridian_proxy::stats::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

fn rules(effect: Effect, permission: Permission) -> Rules {
    let policy = Policy {
        name: "ns[default]-policy[p]-rule[0]".into(),
        permissions: vec![permission],
        principals: vec![Principal::Any],
    };
    Rules::new(effect, vec![policy])
}

fn path(prefix: &str) -> Permission {
    Permission::Path(PathMatch::Text(StringMatch::Prefix(prefix.into())))
}

fn count(gateway: &Gateway, name: &str) -> Option<u64> {
    let samples = gateway.proxy.shared().stats.collect();
    samples.iter().find(|sample| sample.name == name).map(|sample| match &sample.value {
        Value::Counter(count) => *count,
        other => panic!("{name} is {other:?}"),
    })
}

#[test]
fn requests_are_denied_before_they_are_routed() {
    let origin = Origin::ok();
    let deny = Rbac { rules: Some(rules(Effect::Deny, path("/no"))), ..Rbac::default() };
    let tried = Rbac {
        shadow_rules: Some(rules(Effect::Deny, path("/"))),
        shadow_rules_stat_prefix: "istio_dry_run_deny_".into(),
        ..Rbac::default()
    };
    let allow = Rbac { rules: Some(rules(Effect::Allow, path("/yes"))), ..Rbac::default() };
    let gateway = Gateway::run_with(plain(origin.address), |manager| {
        manager.rbac = vec![Arc::new(tried), Arc::new(deny), Arc::new(allow)];
    });
    let mut client = Client::connect(gateway.address);
    let denied = client.get("/no/x");
    assert_eq!((denied.status(), denied.text().as_str()), (403, "RBAC: access denied"));
    assert_eq!(denied.header("content-type"), Some("text/plain"));
    assert_eq!(client.get("/yes").status(), 200, "the connection goes on");
    assert_eq!(client.get("/other").status(), 403);
    assert_eq!(origin.seen().len(), 1);
    let prefix = "http.outbound_0.0.0.0_8080.rbac.";
    for (name, expected) in [
        ("denied", 2),
        // The first filter lets /yes and /other pass, the last one /yes.
        ("allowed", 3),
        ("istio_dry_run_deny_shadow_denied", 3),
        ("istio_dry_run_deny_shadow_allowed", 0),
    ] {
        assert_eq!(count(&gateway, &format!("{prefix}{name}")), Some(expected), "{name}");
    }
    let lines = gateway.stop();
    let details = |line: &str| line.split(' ').skip(3).take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(details(&lines[0]), "403 - rbac_access_denied_matched_policy[ns[default]-policy[p]-rule[0]] -");
    assert_eq!(details(&lines[1]), "200 - via_upstream -");
    assert_eq!(details(&lines[2]), "403 - rbac_access_denied_matched_policy[none] -");
}

#[test]
fn connections_are_closed_before_anything_is_sent_on() {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    socket.set_nonblocking(true).expect("a socket");
    let origin = socket.local_addr().expect("bound");
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let nobody =
        Rbac { rules: Some(Rules::new(Effect::Allow, Vec::new())), stat_prefix: "tcp.".into(), ..Rbac::default() };
    let proxy = TcpProxy {
        stat_prefix: "origin".into(),
        clusters: vec![WeightedName { cluster: "origin".into(), weight: 1 }],
        rbac: vec![Arc::new(nobody)],
        access_log: vec![access_log(log.path().to_str().expect("UTF-8"))],
        ..TcpProxy::default()
    };
    let mut tcp = listener("tcp", manager("unused"));
    Arc::make_mut(&mut tcp.chains[0]).filters = Filters::Tcp(Arc::new(proxy));
    let mut config = plain(origin);
    config.listeners.insert("tcp".into(), Arc::new(tcp));
    let gateway = Gateway::run(config);
    let address: SocketAddr = gateway.proxy.shared().listener_address("tcp").expect("it listens");
    let mut stream = TcpStream::connect(address).expect("the listener takes connections");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    let _ = stream.write_all(b"hello");
    let mut byte = [0];
    assert!(!matches!(stream.read(&mut byte), Ok(1)), "the connection is closed");
    assert_eq!((count(&gateway, "tcp.rbac.denied"), count(&gateway, "tcp.rbac.allowed")), (Some(1), Some(0)));
    drop(gateway.stop());
    assert!(socket.accept().is_err(), "nobody came to the origin");
    let line = std::fs::read_to_string(log.path()).expect("the log is there");
    assert!(line.contains(" 0 - - rbac_access_denied_matched_policy[none] \"-\" 0 0 "), "{line}");
}
