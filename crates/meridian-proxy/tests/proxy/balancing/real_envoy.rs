//! Holds rings and tables against the real Envoy: the same key must go to the same endpoint.

use super::{addresses, ask, numbered};
use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::Origin;
use crate::support::{cluster, config, endpoints, forward, route, virtual_host};
use meridian_envoy::Envoy;
use meridian_ir::cluster::LbPolicy;
use meridian_ir::endpoint::LocalityWeight;
use meridian_ir::hash_policy::HashPolicy;
use meridian_ir::route::Forward;
use meridian_ir::{Action, Cluster, Endpoints, Name};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Keys that are compared in each setting.
const KEYS: usize = 300;

/// One way of choosing that is compared.
struct Setting {
    path: &'static str,
    lb_policy: LbPolicy,
    hash: Vec<HashPolicy>,
    weights: &'static [u32],
    /// Locality and weight of each endpoint's group, where localities are weighted: so many endpoints each.
    localities: &'static [(&'static str, usize, u32)],
}

fn settings() -> Vec<Setting> {
    const EQUAL: &[u32] = &[1, 1, 1, 1, 1, 1, 1];
    const MIXED: &[u32] = &[1, 2, 3, 10, 1, 7, 128];
    const RING: LbPolicy = LbPolicy::RingHash { minimum_size: 1024 };
    const SMALL_RING: LbPolicy = LbPolicy::RingHash { minimum_size: 10 };
    const TABLE: LbPolicy = LbPolicy::Maglev { table_size: 65_537 };
    const SMALL_TABLE: LbPolicy = LbPolicy::Maglev { table_size: 211 };
    // Not in the order of their names, in which Envoy looks at them.
    const LOCALITIES: &[(&str, usize, u32)] = &[("us-west", 3, 20), ("eu-north", 2, 70), ("us-east", 2, 10)];
    let header = || vec![HashPolicy::Header("x-key".into())];
    let cookie = HashPolicy::Cookie { name: "who".into(), path: "/".into(), ttl: None, attributes: Vec::new() };
    let several =
        vec![HashPolicy::Query("user".into()), cookie, HashPolicy::Header("x-key".into()), HashPolicy::SourceIp];
    vec![
        Setting { path: "/ring", lb_policy: RING, hash: header(), weights: EQUAL, localities: &[] },
        Setting { path: "/weighted-ring", lb_policy: RING, hash: header(), weights: MIXED, localities: &[] },
        Setting { path: "/small-ring", lb_policy: SMALL_RING, hash: header(), weights: MIXED, localities: &[] },
        Setting { path: "/maglev", lb_policy: TABLE, hash: header(), weights: EQUAL, localities: &[] },
        Setting { path: "/weighted-maglev", lb_policy: TABLE, hash: header(), weights: MIXED, localities: &[] },
        Setting { path: "/small-maglev", lb_policy: SMALL_TABLE, hash: header(), weights: MIXED, localities: &[] },
        Setting { path: "/several", lb_policy: RING, hash: several, weights: EQUAL, localities: &[] },
        Setting { path: "/localities", lb_policy: RING, hash: header(), weights: MIXED, localities: LOCALITIES },
        Setting {
            path: "/maglev-localities",
            lb_policy: TABLE,
            hash: header(),
            weights: MIXED,
            localities: LOCALITIES,
        },
    ]
}

impl Setting {
    fn name(&self) -> &'static str {
        &self.path[1..]
    }

    fn endpoints(&self, addresses: &[SocketAddr]) -> Endpoints {
        let mut endpoints = endpoints(addresses);
        endpoints.endpoints.iter_mut().zip(self.weights).for_each(|(endpoint, weight)| endpoint.weight = *weight);
        let mut rest = &mut endpoints.endpoints[..];
        for (region, count, weight) in self.localities {
            let locality = Name::from(format!("{region}//"));
            let (group, others) = rest.split_at_mut(*count);
            group.iter_mut().for_each(|endpoint| endpoint.locality = locality.clone());
            endpoints.locality_weights.push(LocalityWeight { locality, priority: 0, weight: *weight });
            rest = others;
        }
        endpoints
    }

    fn envoy_cluster(&self, addresses: &[SocketAddr]) -> Value {
        let endpoint = |(address, weight): (&SocketAddr, &u32)| {
            json!({
                "endpoint": {"address": {"socket_address": {
                    "address": address.ip().to_string(), "port_value": address.port()
                }}},
                "load_balancing_weight": weight,
            })
        };
        let endpoints: Vec<Value> = addresses.iter().zip(self.weights).map(endpoint).collect();
        let mut groups = vec![json!({"lb_endpoints": endpoints})];
        if !self.localities.is_empty() {
            let mut rest = &endpoints[..];
            groups.clear();
            for (region, count, weight) in self.localities {
                let (group, others) = rest.split_at(*count);
                let locality = json!({"region": region});
                groups.push(json!({"locality": locality, "load_balancing_weight": weight, "lb_endpoints": group}));
                rest = others;
            }
        }
        let mut cluster = json!({
            "name": self.name(), "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": {"cluster_name": self.name(), "endpoints": groups},
        });
        if !self.localities.is_empty() {
            cluster["common_lb_config"] = json!({"locality_weighted_lb_config": {}});
        }
        match self.lb_policy {
            LbPolicy::RingHash { minimum_size } => {
                cluster["lb_policy"] = "RING_HASH".into();
                cluster["ring_hash_lb_config"] = json!({"minimum_ring_size": minimum_size});
            }
            LbPolicy::Maglev { table_size } => {
                cluster["lb_policy"] = "MAGLEV".into();
                cluster["maglev_lb_config"] = json!({"table_size": table_size});
            }
            other => panic!("{other:?} is not compared"),
        }
        cluster
    }

    fn envoy_route(&self) -> Value {
        let policy = |policy: &HashPolicy| match policy {
            HashPolicy::Header(name) => json!({"header": {"header_name": &**name}}),
            HashPolicy::Cookie { name, .. } => json!({"cookie": {"name": &**name}}),
            HashPolicy::SourceIp => json!({"connection_properties": {"source_ip": true}}),
            HashPolicy::Query(name) => json!({"query_parameter": {"name": &**name}}),
        };
        let policies: Vec<Value> = self.hash.iter().map(policy).collect();
        json!({"match": {"path": self.path}, "route": {"cluster": self.name(), "hash_policy": policies}})
    }
}

fn bootstrap(settings: &[Setting], addresses: &[SocketAddr]) -> Value {
    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
    let routes: Vec<Value> = settings.iter().map(Setting::envoy_route).collect();
    let clusters: Vec<Value> = settings.iter().map(|setting| setting.envoy_cluster(addresses)).collect();
    let manager = json!({
        "@type":
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "main",
        "use_remote_address": true,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        }}],
    });
    let filter = json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": manager});
    json!({
        "admin": {"address": address},
        "static_resources": {
            "listeners": [{"name": "main", "address": address, "filter_chains": [{"filters": [filter]}]}],
            "clusters": clusters,
        },
    })
}

fn ours(settings: &[Setting], addresses: &[SocketAddr]) -> Gateway {
    let action =
        |setting: &Setting| Action::Forward(Forward { hash_policies: setting.hash.clone(), ..forward(setting.name()) });
    let mut routes: Vec<_> = settings.iter().map(|setting| (setting.path, action(setting))).collect();
    // Prefixes here: the longest first.
    routes.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    let routes = routes.into_iter().map(|(path, action)| route(path, action)).collect();
    let clusters = settings.iter().map(|setting| {
        let locality_weighted = !setting.localities.is_empty();
        let cluster = Cluster { lb_policy: setting.lb_policy, locality_weighted, ..cluster(setting.name()) };
        (cluster, setting.endpoints(addresses))
    });
    Gateway::run(config(vec![virtual_host("*", routes)], clusters.collect()))
}

#[test]
fn keys_go_where_envoy_sends_them() {
    let Some(program) = meridian_envoy::program() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let origins: Vec<Origin> = numbered(7);
    let (settings, addresses) = (settings(), addresses(&origins));
    let envoy = Envoy::start(&program, folder.path(), &bootstrap(&settings, &addresses));
    let gateway = ours(&settings, &addresses);
    let mut clients = [Client::connect(envoy.listener("main")), Client::connect(gateway.address)];
    for setting in &settings {
        for key in 0..KEYS {
            // Some requests lack a part, some repeat it.
            let path = if key % 3 == 0 {
                setting.path.to_owned()
            } else {
                format!("{}?user={}&user=x", setting.path, key % 50)
            };
            let mut fields = format!("X-Key: key-{key}\r\n");
            if key % 4 == 0 {
                fields.push_str("X-Key: another\r\n");
            }
            if key % 5 == 0 {
                fields.push_str(&format!("Cookie: a=b; who=\"{key}\"\r\n"));
            }
            let [theirs, ours] = clients.each_mut().map(|client| ask(client, &path, &fields));
            assert_eq!(ours, theirs, "GET {path} with {fields:?}");
        }
    }
}
