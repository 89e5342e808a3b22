//! Services that want the same port of a sidecar: who has it, what is told apart by looking, and what the loser says.

use crate::sidecars::Kind::{self, Bytes, Http, Tls};
use crate::sidecars::Mesh;

/// A ServiceEntry for `NAME.test` with one port 4000, created `age` seconds into the year.
fn entry(name: &str, age: u32, port: &str, more: &str) -> String {
    format!(
        "{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: {name}, creationTimestamp: \
         '2026-01-01T00:00:{age:02}Z'}}, spec: {{hosts: [{name}.test], resolution: DNS, ports: [{{number: 4000, name: p{port}}}]\
         {more}}}}}\n"
    )
}

/// Kind of the older and of the younger, what becomes of connections, and whether the younger loses.
type Case = (&'static str, &'static str, [(Kind<'static>, &'static str); 3], bool);

const OLD: &str = "outbound|4000||old.test";
const NEW: &str = "outbound|4000||new.test";
const OLD_HTTP: &str = "http:outbound|4000||old.test";
const NEW_HTTP: &str = "http:outbound|4000||new.test";
const UNKNOWN: &str = "PassthroughCluster";

#[test]
fn the_older_service_has_the_port_and_what_can_be_told_apart_is() {
    let (http, tcp, tls, any, mysql) =
        (", protocol: HTTP", ", protocol: TCP", ", protocol: TLS", "", ", protocol: MYSQL");
    let (old, new) = (Http("old.test"), Http("new.test"));
    let cases: [Case; 12] = [
        (http, http, [(old, OLD_HTTP), (new, NEW_HTTP), (Bytes, UNKNOWN)], false),
        (http, tcp, [(old, OLD_HTTP), (new, "http:PassthroughCluster"), (Bytes, NEW)], false),
        (tcp, http, [(old, "http:PassthroughCluster"), (new, NEW_HTTP), (Bytes, OLD)], false),
        (tcp, tcp, [(old, OLD), (new, OLD), (Bytes, OLD)], true),
        (http, any, [(old, OLD_HTTP), (new, NEW_HTTP), (Bytes, NEW)], false),
        (any, http, [(old, OLD_HTTP), (new, NEW_HTTP), (Bytes, OLD)], false),
        (tcp, any, [(old, "http:PassthroughCluster"), (new, NEW_HTTP), (Bytes, OLD)], true),
        (any, tcp, [(old, OLD_HTTP), (new, "http:PassthroughCluster"), (Bytes, OLD)], true),
        (any, any, [(old, OLD_HTTP), (new, NEW_HTTP), (Bytes, OLD)], true),
        (tls, tls, [(Tls("old.test"), OLD), (Tls("new.test"), NEW), (Tls("other.test"), UNKNOWN)], false),
        (tcp, tls, [(Tls("old.test"), OLD), (Tls("new.test"), NEW), (Bytes, OLD)], false),
        // Servers of MySQL speak first: nobody may wait for a client's bytes there.
        (mysql, http, [(old, OLD), (new, OLD), (Bytes, OLD)], true),
    ];
    for (older, younger, calls, loses) in cases {
        let mut mesh = Mesh::with(&entry("new", 9, younger, ""));
        mesh.apply(&entry("old", 1, older, ""));
        for (kind, expected) in calls {
            assert_eq!(mesh.send("198.51.100.1:4000", kind), expected, "{older:?} before {younger:?}");
        }
        let accepted = |mesh: &Mesh, name: &str| mesh.statuses[&format!("ServiceEntry default/{name}")][0].clone();
        let (winner, loser) = (accepted(&mesh, "old"), accepted(&mesh, "new"));
        assert!(winner.status, "{older:?} before {younger:?}: {winner:?}");
        assert_eq!(loser.status, !loses, "{older:?} before {younger:?}: {loser:?}");
        if loses {
            assert_eq!(loser.reason, "Conflicted");
            assert!(loser.message.contains("ServiceEntry default/old (old.test), which is older"), "{loser:?}");
        }
        // The loser heals by itself: by an address of its own, unless it shares the listener of HTTP, or when the winner
        // goes.
        mesh.apply(&entry("new", 9, younger, ", addresses: [10.7.0.1]"));
        assert!(accepted(&mesh, "new").status || younger == http, "{older:?} before {younger:?}");
        mesh.apply(&entry("new", 9, younger, ""));
        mesh.delete("ServiceEntry default/old");
        assert!(accepted(&mesh, "new").status, "{older:?} before {younger:?}");
    }
}

#[test]
fn a_kubernetes_service_that_loses_is_named_in_a_note() {
    let mut mesh = Mesh::with(&entry("old", 1, ", protocol: TCP", ""));
    let output = mesh.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: db, creationTimestamp: '2026-01-02T00:00:00Z'}, \
         spec: {ports: [{name: tcp, port: 4000}]}}",
    );
    assert_eq!(output.notes.len(), 1, "{:?}", output.notes);
    assert!(output.notes[0].starts_with("Service default/db: spec.ports: port 4000"), "{:?}", output.notes);
}
