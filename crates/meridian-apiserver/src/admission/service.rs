//! Addresses and node ports of Services: given once, kept while the Service exists, never given twice.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use meridian_resources::FieldError;
use meridian_store::{GroupResource, Store};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::resource::ApiResource;

/// The network of cluster addresses: 10.96.0.0/16, as kubeadm and kind choose it.
const NETWORK: u32 = u32::from_be_bytes([10, 96, 0, 0]);
/// The addresses that can be given: not the network's own, not the first, which is that of the API in a cluster, and
/// not the last.
const ADDRESSES: std::ops::Range<u32> = NETWORK + 2..NETWORK + 0xffff;
/// The ports of nodes that can be given, as in Kubernetes.
const NODE_PORTS: std::ops::Range<u32> = 30_000..32_768;

/// Numbers in use.
#[derive(Debug)]
struct Pool {
    range: std::ops::Range<u32>,
    used: BTreeSet<u32>,
}

impl Pool {
    /// Takes a certain number; false when it is taken.
    fn take(&mut self, number: u32) -> bool {
        self.used.insert(number)
    }

    /// Takes a free number, beginning at a place that `seed` chooses: the same Service gets the same number again where
    /// that is possible.
    fn take_any(&mut self, seed: u64) -> Option<u32> {
        let size = self.range.end - self.range.start;
        let start = u32::try_from(seed % u64::from(size)).unwrap_or(0);
        let found = (0..size).map(|i| self.range.start + (start + i) % size).find(|n| !self.used.contains(n))?;
        self.used.insert(found);
        Some(found)
    }
}

#[derive(Debug)]
struct Pools {
    addresses: Pool,
    node_ports: Pool,
}

/// The addresses and ports of all Services.
#[derive(Debug, Clone)]
pub(crate) struct Allocator {
    pools: Arc<Mutex<Pools>>,
}

/// What was taken for one write. It is given back unless the write succeeds and says so.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    pools: Option<Arc<Mutex<Pools>>>,
    addresses: Vec<u32>,
    node_ports: Vec<u32>,
    /// To give back when the write succeeds: what the old object had and the new one has not.
    released: Option<Box<(Vec<u32>, Vec<u32>)>>,
}

impl Reservation {
    /// The write has happened.
    pub(crate) fn keep(mut self) {
        self.addresses.clear();
        self.node_ports.clear();
        if let Some(released) = self.released.take() {
            (self.addresses, self.node_ports) = *released;
        }
        // Dropping gives back what is in the lists now.
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(pools) = &self.pools {
            let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
            for address in &self.addresses {
                pools.addresses.used.remove(address);
            }
            for port in &self.node_ports {
                pools.node_ports.used.remove(port);
            }
        }
    }
}

impl Allocator {
    /// Notes what the stored Services have.
    pub(crate) fn new(store: &Store) -> Allocator {
        let mut pools = Pools {
            addresses: Pool { range: ADDRESSES, used: BTreeSet::new() },
            node_ports: Pool { range: NODE_PORTS, used: BTreeSet::new() },
        };
        for object in store.list(&GroupResource::new("", "services"), None).objects {
            let service = object.to_value("v1", "Service");
            pools.addresses.used.extend(addresses(&service));
            pools.node_ports.used.extend(node_ports(&service));
        }
        Allocator { pools: Arc::new(Mutex::new(pools)) }
    }

    /// Gives a new Service its addresses and ports.
    pub(super) fn admit_new(&self, resource: &ApiResource, object: &mut Value) -> Result<Reservation, ApiError> {
        self.admit_update(resource, &Value::Null, object)
    }

    /// Gives a changed Service what it needs beyond what it had.
    pub(super) fn admit_update(
        &self,
        resource: &ApiResource,
        old: &Value,
        object: &mut Value,
    ) -> Result<Reservation, ApiError> {
        if (resource.group, resource.plural) != ("", "services") {
            return Ok(Reservation::default());
        }
        let mut reservation = Reservation::default();
        reservation.pools = Some(self.pools.clone());
        let mut allocation = Allocation { old, errors: Vec::new(), reservation: &mut reservation };
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        allocation.addresses(&mut pools.addresses, object);
        allocation.node_ports(&mut pools.node_ports, object);
        drop(pools);
        let errors = allocation.errors;
        if !errors.is_empty() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            return Err(ApiError::invalid(resource, name, &errors));
        }
        let (kept_addresses, kept_ports) = (addresses(object), node_ports(object));
        let gone = |had: Vec<u32>, kept: &[u32]| had.into_iter().filter(|n| !kept.contains(n)).collect();
        reservation.released =
            Some(Box::new((gone(addresses(old), &kept_addresses), gone(node_ports(old), &kept_ports))));
        Ok(reservation)
    }

    /// Takes back what a deleted Service had.
    pub(crate) fn release(&self, service: &Value) {
        drop(Reservation {
            pools: Some(self.pools.clone()),
            addresses: addresses(service),
            node_ports: node_ports(service),
            released: None,
        });
    }
}

/// One decision for one Service.
struct Allocation<'a> {
    old: &'a Value,
    errors: Vec<FieldError>,
    reservation: &'a mut Reservation,
}

impl Allocation<'_> {
    fn addresses(&mut self, pool: &mut Pool, object: &mut Value) {
        let seed = seed(object, "");
        let wants = wants_address(object);
        let had = if wants_address(self.old) { text(self.old, "/spec/clusterIP") } else { String::new() };
        let spec = &mut object["spec"];
        if !wants {
            if !spec["clusterIP"].as_str().unwrap_or_default().is_empty() {
                let detail = "may not be set for ExternalName services";
                self.errors.push(FieldError::forbidden("spec.clusterIPs", detail));
            }
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                super::remove(spec, field);
            }
            return;
        }
        let mut asked = spec["clusterIP"].as_str().unwrap_or_default().to_owned();
        if asked.is_empty() {
            asked.clone_from(&had);
        }
        if !had.is_empty() && asked != had {
            self.errors.push(all_of("spec.clusterIPs[0]", &json!([asked]), "may not change once set"));
            return;
        }
        let address = match asked.as_str() {
            _ if !had.is_empty() => asked,
            "" => match pool.take_any(seed) {
                Some(number) => {
                    self.reservation.addresses.push(number);
                    Ipv4Addr::from(number).to_string()
                }
                None => {
                    let detail = "failed to allocate a serviceIP: range is full; delete Services that are not needed";
                    self.errors.push(all_of("spec.clusterIPs", &json!([]), detail));
                    return;
                }
            },
            "None" => asked,
            _ => match self.take_address(pool, &asked) {
                Ok(()) => asked,
                Err(why) => {
                    let detail = format!("failed to allocate IP {asked}: {why}");
                    self.errors.push(all_of("spec.clusterIPs", &json!([asked]), &detail));
                    return;
                }
            },
        };
        spec["clusterIP"] = address.as_str().into();
        spec["clusterIPs"] = json!([address]);
        super::set_or_remove(spec, "ipFamilies", Some(json!(["IPv4"])));
        super::set_or_remove(spec, "ipFamilyPolicy", Some(json!("SingleStack")));
    }

    fn take_address(&mut self, pool: &mut Pool, asked: &str) -> Result<(), String> {
        let address: Ipv4Addr = asked.parse().map_err(|_| "it is not an IPv4 address".to_owned())?;
        let number = u32::from(address);
        if !pool.range.contains(&number) {
            return Err("the provided network does not match the current range".to_owned());
        }
        if !pool.take(number) {
            return Err("provided IP is already allocated".to_owned());
        }
        self.reservation.addresses.push(number);
        Ok(())
    }

    fn node_ports(&mut self, pool: &mut Pool, object: &mut Value) {
        let wanted = wants_node_ports(object);
        let had = node_ports(self.old);
        let seeds: Vec<u64> = (0..).map(|i| seed(object, i)).take(count_ports(object)).collect();
        let ports = object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten();
        for (i, port) in ports.enumerate().filter(|(_, port)| port.is_object()) {
            if !wanted {
                super::remove(port, "nodePort");
                continue;
            }
            let path = format!("spec.ports[{i}].nodePort");
            let asked = port["nodePort"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            if asked != 0 && (had.contains(&asked) || self.reservation.node_ports.contains(&asked)) {
                continue;
            }
            // An update that says nothing keeps what the same port had.
            let kept = self.old_node_port(port);
            let number = match (asked, kept) {
                (0, Some(kept)) => Some(kept),
                (0, None) => pool.take_any(seeds[i]).inspect(|number| self.reservation.node_ports.push(*number)),
                _ if !pool.range.contains(&asked) => {
                    let detail = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                    self.errors.push(FieldError::invalid(path, &json!(asked), detail));
                    continue;
                }
                _ => pool.take(asked).then(|| {
                    self.reservation.node_ports.push(asked);
                    asked
                }),
            };
            match number {
                Some(number) => port["nodePort"] = number.into(),
                None => {
                    let detail = "provided port is already allocated";
                    self.errors.push(FieldError::invalid(path, &json!(asked), detail));
                }
            }
        }
    }

    fn old_node_port(&self, port: &Value) -> Option<u32> {
        let ports = self.old.pointer("/spec/ports")?.as_array()?;
        let same = ports.iter().find(|old| old["port"] == port["port"] && old["protocol"] == port["protocol"])?;
        same["nodePort"].as_u64().and_then(|number| u32::try_from(number).ok())
    }
}

/// A mistake in a list, which is shown as a whole.
fn all_of(path: &str, found: &Value, detail: &str) -> FieldError {
    FieldError { found: Some(found.to_string()), ..FieldError::invalid(path, found, detail) }
}

fn count_ports(service: &Value) -> usize {
    service.pointer("/spec/ports").and_then(Value::as_array).map_or(0, Vec::len)
}

/// A number that depends on the Service's name only.
fn seed(service: &Value, salt: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (text(service, "/metadata/namespace"), text(service, "/metadata/name"), salt).hash(&mut hasher);
    hasher.finish()
}

fn wants_address(service: &Value) -> bool {
    service.is_object() && service.pointer("/spec/type").and_then(Value::as_str) != Some("ExternalName")
}

fn wants_node_ports(service: &Value) -> bool {
    let spec = &service["spec"];
    match spec["type"].as_str() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec["allocateLoadBalancerNodePorts"].as_bool().unwrap_or(true),
        _ => false,
    }
}

fn addresses(service: &Value) -> Vec<u32> {
    let address = service.pointer("/spec/clusterIP").and_then(Value::as_str);
    address.and_then(|address| address.parse::<Ipv4Addr>().ok()).map(u32::from).into_iter().collect()
}

fn node_ports(service: &Value) -> Vec<u32> {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    ports.filter_map(|port| port["nodePort"].as_u64().and_then(|number| u32::try_from(number).ok())).collect()
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
