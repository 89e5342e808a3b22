//! All workers' numbers, and their sums.

use super::blocked::{Blocked, BlockedCounts};
use super::count::{Count, Kind};
use super::istio::{Destination, RequestSeries, SeriesKey, TcpSeries, labels};
use super::rbac::{RbacCounts, RbacScope};
use super::sets::{ClusterCounts, ClusterSet, HostCounts, HttpCounts, HttpSet, ListenerCounts, TcpCounts, UdpCounts};
use super::{Histogram, HistogramView, Sample, Value, WorkerStats};
use crate::ProxyOptions;
use crate::snapshot::ClusterPlan;
use meridian_ir::Name;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The numbers of a proxy. Asked when something is counted for the first time, and when somebody reads.
#[derive(Debug)]
pub struct Stats {
    metric_labels: Vec<(String, String)>,
    tables: Mutex<Tables>,
}

/// A number of a set: its name, its meaning and where it is.
type Field<T> = (&'static str, Kind, fn(&T) -> &Count);

/// One entry for each worker that counts; gone with the last who holds it.
type Shards<T> = Vec<Weak<T>>;

#[derive(Debug, Default)]
struct Tables {
    listeners: HashMap<Name, Shards<ListenerCounts>>,
    http: HashMap<Name, Shards<HttpSet>>,
    clusters: HashMap<Name, Shards<ClusterSet>>,
    tcp: HashMap<Name, Shards<TcpCounts>>,
    udp: HashMap<Name, Shards<UdpCounts>>,
    rbac: HashMap<RbacScope, Shards<RbacCounts>>,
    blocked: BlockedCounts,
    hosts: HashMap<(Name, SocketAddr), Shards<HostCounts>>,
    requests: Vec<SeriesOf<RequestSeries>>,
    connections: Vec<SeriesOf<TcpSeries>>,
    plans: HashMap<Name, Weak<ClusterPlan>>,
}

#[derive(Debug)]
struct SeriesOf<T> {
    cluster: Option<Name>,
    destination: Destination,
    series: Weak<T>,
}

/// What `/clusters` tells of an endpoint; one worker's share.
#[derive(Debug, Clone)]
pub struct HostStats(Arc<HostCounts>);

impl HostStats {
    /// A connection was made.
    pub fn connection_opened(&self) {
        self.0.cx_total.inc();
        self.0.cx_active.inc();
    }

    /// It is over.
    pub fn connection_closed(&self) {
        self.0.cx_active.dec();
    }

    /// A connection could not be made.
    pub fn connect_failed(&self) {
        self.0.cx_total.inc();
        self.0.cx_connect_fail.inc();
    }

    /// A try of a request begins.
    pub fn request_started(&self) {
        self.0.rq_total.inc();
        self.0.rq_active.inc();
    }

    /// A try is over: with this status, or without one.
    pub fn request_finished(&self, status: Option<u16>) {
        self.0.rq_active.dec();
        match status {
            Some(status) if status < 500 => self.0.rq_success.inc(),
            _ => self.0.rq_error.inc(),
        }
    }

    /// A try was given up because it took too long.
    pub fn request_timed_out(&self) {
        self.0.rq_timeout.inc();
    }
}

fn add<K: std::hash::Hash + Eq, T>(table: &mut HashMap<K, Shards<T>>, name: K, shard: T) -> Arc<T> {
    let shard = Arc::new(shard);
    let shards = table.entry(name).or_default();
    shards.retain(|known| known.strong_count() > 0);
    shards.push(Arc::downgrade(&shard));
    shard
}

impl Stats {
    /// Without numbers.
    #[must_use]
    pub fn new(options: &ProxyOptions) -> Arc<Self> {
        Arc::new(Self { metric_labels: options.metric_labels.clone(), tables: Mutex::default() })
    }

    /// The side of one worker.
    #[must_use]
    pub fn worker(self: &Arc<Self>) -> WorkerStats {
        WorkerStats::new(self.clone())
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_listener(&self, name: &Name) -> Arc<ListenerCounts> {
        add(&mut self.tables().listeners, name.clone(), ListenerCounts::default())
    }

    pub(super) fn add_http(&self, stat_prefix: &Name) -> Arc<HttpSet> {
        add(&mut self.tables().http, stat_prefix.clone(), HttpSet::default())
    }

    pub(super) fn add_cluster(&self, name: &Name) -> Arc<ClusterSet> {
        add(&mut self.tables().clusters, name.clone(), ClusterSet::default())
    }

    pub(super) fn add_tcp(&self, stat_prefix: &Name) -> Arc<TcpCounts> {
        add(&mut self.tables().tcp, stat_prefix.clone(), TcpCounts::default())
    }

    pub(super) fn add_udp(&self, stat_prefix: &Name) -> Arc<UdpCounts> {
        add(&mut self.tables().udp, stat_prefix.clone(), UdpCounts::default())
    }

    pub(super) fn add_rbac(&self, scope: &RbacScope) -> Arc<RbacCounts> {
        add(&mut self.tables().rbac, scope.clone(), RbacCounts::default())
    }

    /// Something for `host` was refused.
    pub(super) fn blocked(&self, reason: Blocked, host: &str) {
        self.tables().blocked.count(reason, host);
    }

    pub(super) fn add_host(&self, cluster: &Name, address: SocketAddr) -> HostStats {
        HostStats(add(&mut self.tables().hosts, (cluster.clone(), address), HostCounts::default()))
    }

    /// A cluster runs as `plan` from now on.
    pub fn watch(&self, plan: &Arc<ClusterPlan>) {
        self.tables().plans.insert(plan.cluster.name.clone(), Arc::downgrade(plan));
    }

    /// The cluster that runs under this name.
    #[must_use]
    pub fn plan(&self, cluster: &str) -> Option<Arc<ClusterPlan>> {
        self.tables().plans.get(cluster)?.upgrade()
    }

    pub(super) fn add_series(
        &self,
        cluster: Option<&Name>,
        destination: &Destination,
        key: SeriesKey,
    ) -> Arc<RequestSeries> {
        let series = Arc::new(RequestSeries::new(key));
        let (cluster, destination) = (cluster.cloned(), destination.clone());
        self.tables().requests.push(SeriesOf { cluster, destination, series: Arc::downgrade(&series) });
        series
    }

    pub(super) fn add_tcp_series(&self, cluster: &Name, destination: &Destination, key: SeriesKey) -> Arc<TcpSeries> {
        let series = Arc::new(TcpSeries::new(key));
        let (cluster, destination) = (Some(cluster.clone()), destination.clone());
        self.tables().connections.push(SeriesOf { cluster, destination, series: Arc::downgrade(&series) });
        series
    }

    /// All numbers, workers added up, by name.
    #[must_use]
    pub fn collect(&self) -> Vec<Sample> {
        let mut tables = self.tables();
        tables.sweep();
        let mut samples = Vec::new();
        for (name, shards) in &tables.listeners {
            let scope = Scope { kind: "listener", label: "listener_address", name };
            scope.counts(ListenerCounts::FIELDS, &live(shards), |set| set, &mut samples);
        }
        for (name, shards) in &tables.http {
            let scope = Scope { kind: "http", label: "http_conn_manager_prefix", name };
            let shards = live(shards);
            scope.counts(HttpCounts::FIELDS, &shards, |set| &set.counts, &mut samples);
            scope.histogram("downstream_rq_time", &shards, |set| &set.downstream_rq_time, &mut samples);
        }
        for (name, shards) in &tables.clusters {
            let scope = Scope { kind: "cluster", label: "cluster_name", name };
            let shards = live(shards);
            scope.counts(ClusterCounts::FIELDS, &shards, |set| &set.counts, &mut samples);
            scope.histogram("upstream_rq_time", &shards, |set| &set.upstream_rq_time, &mut samples);
        }
        for (name, shards) in &tables.tcp {
            let scope = Scope { kind: "tcp", label: "tcp_prefix", name };
            scope.counts(TcpCounts::FIELDS, &live(shards), |set| set, &mut samples);
        }
        for (name, shards) in &tables.udp {
            let scope = Scope { kind: "udp", label: "udp_prefix", name };
            scope.counts(UdpCounts::FIELDS, &live(shards), |set| set, &mut samples);
        }
        for (scope, shards) in &tables.rbac {
            scope.samples(&live(shards), &mut samples);
        }
        for plan in tables.plans.values().filter_map(Weak::upgrade) {
            super::plans::samples(&plan, &mut samples);
        }
        tables.blocked.samples(&mut samples);
        tables.response_codes(&mut samples);
        tables.istio_requests(&self.metric_labels, &mut samples);
        tables.istio_connections(&self.metric_labels, &mut samples);
        drop(tables);
        samples.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        samples
    }

    /// Numbers of an endpoint under the names of `/clusters`, workers added up.
    #[must_use]
    pub fn host(&self, cluster: &Name, address: SocketAddr) -> Vec<(&'static str, Kind, u64)> {
        let tables = self.tables();
        let shards = tables.hosts.get(&(cluster.clone(), address)).map(live).unwrap_or_default();
        let sum = |count: fn(&HostCounts) -> &Count| shards.iter().map(|set| count(set).get()).sum();
        HostCounts::FIELDS.iter().map(|(name, kind, count)| (*name, *kind, sum(*count))).collect()
    }
}

fn live<T>(shards: &Shards<T>) -> Vec<Arc<T>> {
    shards.iter().filter_map(Weak::upgrade).collect()
}

/// The thing that a set of numbers is about.
pub(super) struct Scope<'a> {
    pub(super) kind: &'static str,
    /// Istio's name of the label that takes the thing's name in Prometheus.
    pub(super) label: &'static str,
    pub(super) name: &'a str,
}

impl Scope<'_> {
    fn counts<S, T>(&self, fields: &[Field<T>], shards: &[Arc<S>], set: fn(&S) -> &T, samples: &mut Vec<Sample>) {
        for (field, kind, count) in fields {
            let sum = shards.iter().map(|shard| count(set(shard)).get()).sum();
            samples.push(self.sample(
                field,
                match kind {
                    Kind::Counter => Value::Counter(sum),
                    Kind::Gauge => Value::Gauge(sum),
                },
            ));
        }
    }

    fn histogram<S>(
        &self,
        field: &'static str,
        shards: &[Arc<S>],
        histogram: fn(&S) -> &Histogram,
        samples: &mut Vec<Sample>,
    ) {
        let mut view = HistogramView::default();
        shards.iter().for_each(|shard| view.add(histogram(shard)));
        samples.push(self.sample(field, Value::Histogram(Box::new(view))));
    }

    pub(super) fn sample(&self, field: &str, value: Value) -> Sample {
        let Self { kind, label, name } = self;
        let mut labels = vec![(*label, (*name).to_owned())];
        // The class of a status is a label in Prometheus: upstream_rq_2xx is upstream_rq{response_code_class="2xx"}.
        let short = match field.rsplit_once('_') {
            Some((short, class)) if class.len() == 3 && class.ends_with("xx") && short.ends_with("_rq") => {
                labels.push(("response_code_class", class.to_owned()));
                short
            }
            _ => field,
        };
        // Envoy has these in scopes of their own; with a dot, which a field cannot have.
        const SCOPES: [(&str, &str); 5] = [
            ("ext_authz_", "ext_authz."),
            ("ssl_", "ssl."),
            ("udp_", "udp."),
            ("server_ssl_", "server_ssl_socket_factory."),
            ("client_ssl_", "client_ssl_socket_factory."),
        ];
        let scoped = SCOPES.iter().find_map(|(prefix, scope)| Some((*scope, field.strip_prefix(prefix)?)));
        let (scope, field) = scoped.unwrap_or(("", field));
        let short = scoped.map_or_else(|| short.to_owned(), |(scope, field)| scope.replace('.', "_") + field);
        Sample {
            name: format!("{kind}.{name}.{scope}{field}"),
            prometheus: format!("envoy_{kind}_{}", short.replace('.', "_")),
            labels,
            value,
        }
    }
}

impl Tables {
    /// Forgets what nobody holds any more.
    fn sweep(&mut self) {
        fn table<K, T>(table: &mut HashMap<K, Shards<T>>)
        where
            K: std::hash::Hash + Eq,
        {
            table.retain(|_, shards| {
                shards.retain(|shard| shard.strong_count() > 0);
                !shards.is_empty()
            });
        }
        table(&mut self.listeners);
        table(&mut self.http);
        table(&mut self.clusters);
        table(&mut self.tcp);
        table(&mut self.udp);
        table(&mut self.rbac);
        table(&mut self.hosts);
        self.plans.retain(|_, plan| plan.strong_count() > 0);
        self.requests.retain(|entry| entry.series.strong_count() > 0);
        self.connections.retain(|entry| entry.series.strong_count() > 0);
    }

    /// `cluster.<name>.upstream_rq_<status>`
    fn response_codes(&self, samples: &mut Vec<Sample>) {
        let mut sums: BTreeMap<(&Name, u16), u64> = BTreeMap::new();
        for entry in &self.requests {
            if let (Some(cluster), Some(series)) = (&entry.cluster, entry.series.upgrade())
                && series.key.response_code != 0
            {
                *sums.entry((cluster, series.key.response_code)).or_default() += series.requests_total.get();
            }
        }
        for ((name, code), sum) in sums {
            let scope = Scope { kind: "cluster", label: "cluster_name", name };
            samples.push(scope.sample(&format!("upstream_rq_{code}"), Value::Counter(sum)));
        }
    }

    fn istio_requests(&self, own: &[(String, String)], samples: &mut Vec<Sample>) {
        let mut sums: BTreeMap<_, (u64, [HistogramView; 3])> = BTreeMap::new();
        for entry in &self.requests {
            let Some(series) = entry.series.upgrade() else { continue };
            let (total, views) = sums.entry(labels(own, &entry.destination, &series.key)).or_default();
            *total += series.requests_total.get();
            views[0].add(&series.request_duration_milliseconds);
            views[1].add(&series.request_bytes);
            views[2].add(&series.response_bytes);
        }
        for (labels, (total, views)) in sums {
            samples.push(istio("istio_requests_total", &labels, Value::Counter(total)));
            let names = ["istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes"];
            for (name, view) in names.into_iter().zip(views) {
                samples.push(istio(name, &labels, Value::Histogram(Box::new(view))));
            }
        }
    }

    fn istio_connections(&self, own: &[(String, String)], samples: &mut Vec<Sample>) {
        let mut sums: BTreeMap<_, [u64; 4]> = BTreeMap::new();
        for entry in &self.connections {
            let Some(series) = entry.series.upgrade() else { continue };
            let sum = sums.entry(labels(own, &entry.destination, &series.key)).or_default();
            sum[0] += series.connections_opened_total.get();
            sum[1] += series.connections_closed_total.get();
            sum[2] += series.sent_bytes_total.get();
            sum[3] += series.received_bytes_total.get();
        }
        for (labels, sum) in sums {
            let names = ["connections_opened", "connections_closed", "sent_bytes", "received_bytes"];
            for (name, value) in names.into_iter().zip(sum) {
                samples.push(istio(&format!("istio_tcp_{name}_total"), &labels, Value::Counter(value)));
            }
        }
    }
}

fn istio(name: &str, labels: &[(&'static str, String)], value: Value) -> Sample {
    Sample { name: name.to_owned(), prometheus: name.to_owned(), labels: labels.to_vec(), value }
}

#[cfg(test)]
mod tests;
