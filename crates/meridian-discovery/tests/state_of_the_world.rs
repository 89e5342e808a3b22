//! The control plane's end for clients that know no incremental updates.
#![allow(clippy::unwrap_used)]

use meridian_discovery::Kind;
use meridian_discovery::message::{DiscoveryRequest, DiscoveryResponse, Status};
use meridian_discovery::server::StateSession;
use meridian_ir::endpoint::Address;
use meridian_ir::{Cluster, Endpoint, Endpoints, Name, ProxyConfig};
use meridian_xds::wire;
use std::sync::Arc;

fn endpoints(last: u8) -> Arc<Endpoints> {
    let address = Address::Socket(([10, 0, 0, last], 80).into());
    Arc::new(Endpoints { endpoints: vec![Endpoint::new(address)], ..Endpoints::default() })
}

fn config(version: u64, clusters: &[(&str, u8)]) -> ProxyConfig {
    let mut config = ProxyConfig { version, ..ProxyConfig::default() };
    for (name, last) in clusters {
        let one = Cluster { name: Name::from(*name), ..Cluster::default() };
        config.endpoints.insert(one.name.clone(), endpoints(*last));
        config.clusters.insert(one.name.clone(), Arc::new(one));
    }
    config
}

fn request(kind: Kind, names: &[&str], nonce: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        resource_names: names.iter().map(|name| (*name).to_owned()).collect(),
        response_nonce: nonce.to_owned(),
        ..DiscoveryRequest::default()
    }
}

/// The type and the names in a response.
fn names(response: &DiscoveryResponse) -> (Kind, Vec<String>) {
    let kind = Kind::of_type_url(&response.type_url).unwrap();
    let name = |value: serde_json::Value| {
        let field = if kind == Kind::Endpoints { "clusterName" } else { "name" };
        value[field].as_str().unwrap().to_owned()
    };
    let decoded = response.resources.iter().map(|any| wire::decode(&any.type_url, &any.value).unwrap());
    (kind, decoded.map(name).collect())
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn clusters_come_whole_and_endpoints_as_they_change() {
    let first = config(1, &[("a", 1), ("b", 1)]);
    let mut session = StateSession::new(Arc::new(first.clone()));
    let clusters = session.request(&request(Kind::Cluster, &[], "")).unwrap();
    assert_eq!(names(&clusters), (Kind::Cluster, owned(&["a", "b"])));
    assert_eq!(session.request(&request(Kind::Cluster, &[], &clusters.nonce)), None, "an acknowledgement");
    let assigned = session.request(&request(Kind::Endpoints, &["a", "b", "c"], "")).unwrap();
    assert_eq!(names(&assigned), (Kind::Endpoints, owned(&["a", "b"])), "what is not there is not sent");
    assert_eq!(session.request(&request(Kind::Endpoints, &["a", "b", "c"], &assigned.nonce)), None);
    assert_eq!(session.outcome().progress(Kind::Endpoints).acknowledged, 1);

    // Endpoints alone.
    let mut second = ProxyConfig { version: 2, ..first };
    second.endpoints.insert("b".into(), endpoints(2));
    let sent = session.config(Arc::new(second.clone()));
    assert_eq!(sent.iter().map(names).collect::<Vec<_>>(), [(Kind::Endpoints, owned(&["b"]))]);

    // A cluster that is gone is missing among all that are there.
    let mut third = ProxyConfig { version: 3, ..second };
    third.clusters.remove("a");
    third.endpoints.remove("a");
    let sent = session.config(Arc::new(third.clone()));
    assert_eq!(names(&sent[0]), (Kind::Cluster, owned(&["b"])));

    // Nothing changed.
    assert_eq!(session.config(Arc::new(ProxyConfig { version: 4, ..third })), []);
}

#[test]
fn an_answer_to_an_older_response_asks_for_nothing() {
    let mut session = StateSession::new(Arc::new(config(1, &[("a", 1)])));
    let old = session.request(&request(Kind::Cluster, &[], "")).unwrap();
    let new = session.config(Arc::new(config(2, &[("a", 1), ("b", 1)]))).remove(0);
    assert_eq!(session.request(&request(Kind::Cluster, &["x"], &old.nonce)), None);
    let refused = DiscoveryRequest {
        error_detail: Some(Status { code: 13, message: "Error adding/updating cluster(s) b: no".to_owned() }),
        ..request(Kind::Cluster, &[], &new.nonce)
    };
    assert_eq!(session.request(&refused), None);
    let rejected = session.outcome().rejected();
    assert_eq!(rejected.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["b"]);
    assert!(session.take_rejections_changed());
    let progress = session.outcome().progress(Kind::Cluster);
    assert_eq!((progress.sent, progress.acknowledged, progress.is_rejected), (2, 1, true));
}

#[test]
fn types_that_are_never_sent_are_answered_with_nothing() {
    let mut session = StateSession::new(Arc::new(config(1, &[])));
    let type_url = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".to_owned();
    let asked = DiscoveryRequest { type_url: type_url.clone(), ..DiscoveryRequest::default() };
    let answer = session.request(&asked).unwrap();
    assert_eq!((answer.type_url, answer.resources.len()), (type_url, 0));
    let acknowledged = DiscoveryRequest { response_nonce: answer.nonce, ..asked };
    assert_eq!(session.request(&acknowledged), None);
}
