//! What is written survives Envoy's wire format, and other bytes never do harm.

use meridian_xds::{cluster, listener, load_assignment, route_configuration, type_url, wire};
use proptest::prelude::*;
use serde_json::Value;

/// The types in the order in which a first byte chooses among them.
const TYPES: [&str; 4] =
    [type_url::LISTENER, type_url::ROUTE_CONFIGURATION, type_url::CLUSTER, type_url::CLUSTER_LOAD_ASSIGNMENT];

/// Everything of the sample, by type.
fn resources() -> Vec<(&'static str, Value)> {
    let config = crate::sample::everything();
    let listeners = config.listeners.values().map(|one| (type_url::LISTENER, listener::listener(one)));
    let clusters = (config.clusters.iter())
        .map(|(name, one)| (one, config.endpoints.get(name).map(|endpoints| &**endpoints)))
        .map(|(one, endpoints)| (type_url::CLUSTER, cluster::cluster(one, endpoints)));
    let routes = config.routes.values();
    let routes = routes.map(|one| (type_url::ROUTE_CONFIGURATION, route_configuration::route_configuration(one)));
    let endpoints = config.endpoints.iter();
    let endpoints =
        endpoints.map(|(name, one)| (type_url::CLUSTER_LOAD_ASSIGNMENT, load_assignment::load_assignment(name, one)));
    let mut all: Vec<_> = listeners.chain(clusters).chain(routes).chain(endpoints).collect();
    for (type_url, resource) in &mut all {
        resource["@type"] = (*type_url).into();
    }
    all
}

#[test]
fn the_sample_survives_the_wire() {
    let all = resources();
    assert!(all.len() > 20, "{} resources", all.len());
    for (type_url, resource) in all {
        let bytes = wire::encode(&resource).unwrap();
        assert_eq!(wire::decode(type_url, &bytes).unwrap(), resource);
    }
}

proptest! {
    #[test]
    fn what_is_decoded_is_encoded_again_to_the_same(
        index in 0..resources().len(), change in any::<u8>(), at in any::<prop::sample::Index>()
    ) {
        let (type_url, resource) = resources().swap_remove(index);
        let chosen = TYPES.iter().position(|known| *known == type_url).expect("one of these");
        let mut bytes = vec![chosen as u8];
        bytes.extend(wire::encode(&resource).unwrap());
        let at = 1 + at.index(bytes.len() - 1);
        bytes[at] = change;
        wire::fuzz(&bytes);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        wire::fuzz(&bytes);
    }
}
