//! What is written is read back as it was.

use meridian_xds::{cluster, listener, load_assignment, read, route_configuration};
use serde_json::Value;

#[test]
fn the_sample_is_read_back() {
    let config = crate::sample::everything();
    let listeners: Vec<Value> = config.listeners.values().map(|one| listener::listener(one)).collect();
    let clusters: Vec<Value> = (config.clusters.iter())
        .map(|(name, one)| cluster::cluster(one, config.endpoints.get(name).map(|endpoints| &**endpoints)))
        .collect();
    let routes: Vec<Value> = config.routes.values().map(|one| route_configuration::route_configuration(one)).collect();
    let by_eds = config
        .endpoints
        .iter()
        .filter(|(name, _)| config.clusters[*name].discovery == meridian_ir::cluster::Discovery::Eds);
    let endpoints: Vec<Value> = by_eds.map(|(name, one)| load_assignment::load_assignment(name, one)).collect();
    let all = read::config(&read::Resources {
        listeners: &listeners,
        clusters: &clusters,
        routes: &routes,
        endpoints: &endpoints,
    });
    assert!(all.errors.is_empty(), "{:#?}", all.errors);
    assert!(all.unsupported.is_empty(), "{:#?}", all.unsupported);
    for (name, one) in &config.listeners {
        assert_eq!(all.config.listeners.get(name), Some(one), "{name}");
    }
    for (name, one) in &config.clusters {
        assert_eq!(all.config.clusters.get(name), Some(one), "{name}");
    }
    for (name, one) in &config.routes {
        let read = &all.config.routes[name];
        for (ours, theirs) in one
            .virtual_hosts
            .iter()
            .flat_map(|host| &host.routes)
            .zip(read.virtual_hosts.iter().flat_map(|host| &host.routes))
        {
            assert_eq!(theirs, ours);
        }
        assert_eq!(read, one, "{name}");
    }
    for (name, one) in &config.endpoints {
        let (mut read, mut one) = (all.config.endpoints[name].endpoints.clone(), one.endpoints.clone());
        read.sort_by_key(|endpoint| format!("{:?}", endpoint.address));
        one.sort_by_key(|endpoint| format!("{:?}", endpoint.address));
        assert_eq!(read, one, "{name}");
    }
    assert_eq!(all.config.endpoints.len(), config.endpoints.len());
}
