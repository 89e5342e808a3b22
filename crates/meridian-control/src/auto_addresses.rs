//! Addresses for hosts that have none: Istio's automatic allocation.
//!
//! A TCP service is told from others on its port by its address alone. Hosts of ServiceEntries without `addresses` get
//! one of each family, from ranges that are routed nowhere, in `status.addresses`; sidecars that answer for names
//! (`ISTIO_META_DNS_CAPTURE`) hand them out. An address stays with its host as long as the entry lives, whatever comes
//! and goes beside it, and across restarts, because the status is kept.

use meridian_resources::Object;
use meridian_resources::istio::ServiceEntry;
use meridian_resources::istio::service_entry::{ServiceEntryAddress, ServiceEntryResolution};
use meridian_store::Key;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `240.240.0.0/16`
const IPV4_PREFIX: u32 = 0xf0f0_0000;
/// Addresses of the range; the first and the last are left out.
const IPV4_COUNT: u32 = 1 << 16;
/// `2001:2::/48`
const IPV6_PREFIX: u128 = 0x2001_0002_u128 << 96;

/// The label that keeps an entry's hosts without addresses.
const OPT_OUT_LABEL: &str = "networking.istio.io/enable-autoallocate-ip";

/// Who has which address.
#[derive(Debug, Default)]
pub(crate) struct AutoAddresses {
    taken: HashMap<IpAddr, Key>,
    entries: HashMap<Key, Entry>,
    /// Entries that may need other addresses than they have.
    pending: BTreeSet<(i64, Key)>,
}

#[derive(Debug, Default)]
struct Entry {
    age: i64,
    /// Hosts that are to have addresses.
    hosts: Vec<String>,
    /// What the status says, by host; of entries that are to have none too, so that it can be taken back.
    assigned: BTreeMap<String, Vec<IpAddr>>,
    /// Addresses of our ranges that the user has chosen.
    chosen: Vec<IpAddr>,
}

impl AutoAddresses {
    /// Takes in an entry that is new or has changed.
    pub(crate) fn put(&mut self, key: &Key, object: &Object<ServiceEntry>) {
        self.release(key);
        let mut assigned: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for ServiceEntryAddress { host, value } in &object.status.addresses {
            if let Ok(address) = value.parse() {
                assigned.entry(host.clone()).or_default().push(address);
            }
        }
        let chosen: Vec<IpAddr> =
            object.spec.addresses.iter().filter_map(|text| text.parse().ok()).filter(is_ours).collect();
        let entry =
            Entry { age: object.meta.creation_seconds, hosts: wanted_hosts(object), assigned, chosen: chosen.clone() };
        for address in chosen {
            // What the user has chosen is theirs: whoever got it from us gets another.
            if let Some(other) = self.taken.insert(address, key.clone()).filter(|other| other != key) {
                self.note(&other);
            }
        }
        if !entry.hosts.is_empty() {
            for address in entry.assigned.values().flatten().filter(|address| is_ours(address)) {
                self.taken.entry(*address).or_insert_with(|| key.clone());
            }
        }
        self.entries.insert(key.clone(), entry);
        self.note(key);
    }

    /// Forgets an entry.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.release(key);
        self.entries.remove(key);
    }

    fn note(&mut self, key: &Key) {
        let age = self.entries.get(key).map_or(0, |entry| entry.age);
        self.pending.insert((age, key.clone()));
    }

    fn release(&mut self, key: &Key) {
        let Some(entry) = self.entries.get(key) else { return };
        for address in entry.assigned.values().flatten().chain(&entry.chosen) {
            if self.taken.get(address) == Some(key) {
                self.taken.remove(address);
            }
        }
    }

    /// What `status.addresses` of entries is to say from now on, where that is something else; the oldest first, which
    /// keep an address that several have.
    pub(crate) fn allocate(&mut self) -> Vec<(Key, Value)> {
        let mut reports = Vec::new();
        for (_, key) in std::mem::take(&mut self.pending) {
            let Some(mut entry) = self.entries.remove(&key) else { continue };
            let mut assigned = BTreeMap::new();
            for host in &entry.hosts {
                let known = entry.assigned.get(host).filter(|known| {
                    !known.is_empty() && known.iter().all(|address| self.taken.get(address) == Some(&key))
                });
                let addresses = match known {
                    Some(known) => known.clone(),
                    None => self.next(&key, host),
                };
                for address in &addresses {
                    self.taken.insert(*address, key.clone());
                }
                assigned.insert(host.clone(), addresses);
            }
            if assigned != entry.assigned {
                let value = |(host, address): (&String, &IpAddr)| json!({"host": host, "value": address.to_string()});
                let each = |host| assigned.get(host).into_iter().flatten().map(move |address| (host, address));
                reports.push((key.clone(), entry.hosts.iter().flat_map(each).map(value).collect()));
                entry.assigned = assigned;
            }
            self.entries.insert(key, entry);
        }
        reports
    }

    /// A free address of each family; the search begins where the names of entry and host lead, so that the same
    /// objects get the same addresses elsewhere too.
    fn next(&self, key: &Key, host: &str) -> Vec<IpAddr> {
        let start = hash(&[&key.namespace, &key.name, host]);
        let free = |address: &IpAddr| !self.taken.contains_key(address);
        let first = (start % u64::from(IPV4_COUNT)) as u32;
        let v4 = (0..IPV4_COUNT).map(|step| (first + step) % IPV4_COUNT).filter(|low| *low != 0 && *low != 0xffff);
        let v4 = v4.map(|low| IpAddr::V4(Ipv4Addr::from_bits(IPV4_PREFIX | low))).find(free);
        let v6 = (0..=u64::from(IPV4_COUNT)).map(|step| u128::from(start.wrapping_add(step).max(1)));
        let v6 = v6.map(|low| IpAddr::V6(Ipv6Addr::from_bits(IPV6_PREFIX | low))).find(free);
        v4.into_iter().chain(v6).collect()
    }
}

/// The hosts of an entry that are to have addresses, each once (Istio's `ShouldV2AutoAllocateIP`, `keepHost`).
fn wanted_hosts(object: &Object<ServiceEntry>) -> Vec<String> {
    let spec = &object.spec;
    let opted_out = object.meta.labels.get(OPT_OUT_LABEL).is_some_and(|value| value.eq_ignore_ascii_case("false"));
    if opted_out || spec.resolution == ServiceEntryResolution::None || !spec.addresses.is_empty() {
        return Vec::new();
    }
    let mut hosts: Vec<String> = Vec::new();
    for host in &spec.hosts {
        let can_have = !host.contains('*') || spec.resolution == ServiceEntryResolution::DynamicDns;
        if can_have && !hosts.contains(host) {
            hosts.push(host.clone());
        }
    }
    hosts
}

fn is_ours(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.to_bits() & 0xffff_0000 == IPV4_PREFIX,
        IpAddr::V6(address) => address.to_bits() >> 80 == IPV6_PREFIX >> 80,
    }
}

/// FNV-1a, which is the same everywhere and for ever, over parts with a separator between them.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_resources::Resource;
    use meridian_store::GroupResource;

    fn entry(text: &str) -> (Key, std::sync::Arc<Object<ServiceEntry>>) {
        let text = format!("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n{text}");
        let document = meridian_resources::yaml::parse(&text, "test.yaml").remove(0);
        let Resource::ServiceEntry(object) = document.object.unwrap().decode().unwrap() else { panic!("{text}") };
        let kind = meridian_resources::kind::by_group_kind("networking.istio.io", "ServiceEntry").unwrap();
        (Key::new(GroupResource::of(kind), &object.meta.namespace, &object.meta.name), object)
    }

    fn of(name: &str, more: &str) -> (Key, std::sync::Arc<Object<ServiceEntry>>) {
        entry(&format!(
            "metadata: {{name: {name}, namespace: default}}\nspec:\n  ports: [{{number: 443, name: https, protocol: HTTPS}}]\n{more}"
        ))
    }

    fn put(addresses: &mut AutoAddresses, (key, object): &(Key, std::sync::Arc<Object<ServiceEntry>>)) {
        addresses.put(key, object);
    }

    fn values(reports: &[(Key, Value)]) -> Vec<String> {
        let each = |(_, list): &(Key, Value)| list.as_array().unwrap().clone();
        reports.iter().flat_map(each).map(|address| address["value"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_host_gets_an_address_of_each_family_and_keeps_it() {
        let mut addresses = AutoAddresses::default();
        put(
            &mut addresses,
            &of("db", "  hosts: [a.test, b.test]\n  resolution: STATIC\n  endpoints: [{address: 10.0.0.1}]\n"),
        );
        let reports = addresses.allocate();
        let got = values(&reports);
        assert_eq!(got.len(), 4, "{got:?}");
        assert!(got.iter().all(|text| is_ours(&text.parse().unwrap())), "{got:?}");
        assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), 4);
        assert!(addresses.allocate().is_empty(), "nothing has changed");
        // The same objects elsewhere.
        let mut others = AutoAddresses::default();
        put(
            &mut others,
            &of("db", "  hosts: [a.test, b.test]\n  resolution: STATIC\n  endpoints: [{address: 10.0.0.1}]\n"),
        );
        assert_eq!(values(&others.allocate()), got);
    }

    #[test]
    fn who_has_addresses_or_can_use_none_gets_none() {
        let mut addresses = AutoAddresses::default();
        put(&mut addresses, &of("own", "  hosts: [a.test]\n  resolution: STATIC\n  addresses: [10.0.0.1]\n"));
        put(
            &mut addresses,
            &of("wild", "  hosts: ['*.test']\n  resolution: STATIC\n  endpoints: [{address: 10.0.0.2}]\n"),
        );
        put(&mut addresses, &of("none", "  hosts: [c.test]\n"));
        let (key, object) = of("label", "  hosts: [d.test]\n  resolution: DNS\n");
        let mut object = (*object).clone();
        object.meta.labels.insert(OPT_OUT_LABEL.into(), "False".into());
        addresses.put(&key, &object);
        assert_eq!(addresses.allocate(), Vec::new());
    }

    #[test]
    fn what_the_user_chooses_is_theirs_and_what_was_given_out_stays() {
        let mut addresses = AutoAddresses::default();
        let status = "status: {addresses: [{host: a.test, value: 240.240.0.7}]}\n";
        put(&mut addresses, &of("auto", &format!("  hosts: [a.test]\n  resolution: DNS\n{status}")));
        assert_eq!(addresses.allocate(), Vec::new(), "it has an address");
        put(&mut addresses, &of("user", "  hosts: [b.test]\n  resolution: STATIC\n  addresses: [240.240.0.7]\n"));
        let got = values(&addresses.allocate());
        assert!(got.len() == 2 && !got.contains(&"240.240.0.7".to_owned()), "{got:?}");
    }

    #[test]
    fn an_entry_that_must_not_have_addresses_any_more_loses_them() {
        let mut addresses = AutoAddresses::default();
        let status = "status: {addresses: [{host: a.test, value: 240.240.0.7}]}\n";
        put(&mut addresses, &of("auto", &format!("  hosts: [a.test]\n{status}")));
        let reports = addresses.allocate();
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].1, json!([]));
    }
}
