//! A worker's side: what is counted while connections and requests run.

use super::blocked::{BLOCK_ALL, Blocked};
use super::istio::{Destination, RequestSeries, SeriesKey, TcpSeries};
use super::parties::Parties;
use super::rbac::{RbacCounts, RbacScope, RbacStats};
use super::registry::{HostStats, Stats};
use super::sets::{ClusterSet, HttpSet, ListenerCounts, TcpCounts};
use super::udp::UdpStats;
use crate::outcome::{Ending, Flag, Flags};
use crate::record::{Downstream, Record, Upstream};
use crate::tls::{TlsFailure, VerifyFailure};
use meridian_ir::{Cluster, Name};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// What one worker counts, by name. The same name gives the same counters for as long as somebody holds them, so that
/// they go on when a configuration is replaced.
#[derive(Debug)]
pub struct WorkerStats {
    stats: Arc<Stats>,
    listeners: RefCell<Known<ListenerStats>>,
    http: RefCell<Known<HttpStats>>,
    clusters: RefCell<Known<ClusterStats>>,
    tcp: RefCell<Known<TcpStats>>,
    udp: RefCell<Known<UdpStats>>,
    rbac: RefCell<HashMap<RbacScope, std::sync::Weak<RbacCounts>>>,
}

/// Things by name, as long as they are used.
#[derive(Debug)]
struct Known<T> {
    by_name: HashMap<Name, Weak<T>>,
    sweep_at: usize,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { by_name: HashMap::new(), sweep_at: 64 }
    }
}

impl<T> Known<T> {
    fn get_or(&mut self, name: &Name, make: impl FnOnce() -> T) -> Rc<T> {
        if let Some(known) = self.by_name.get(name).and_then(Weak::upgrade) {
            return known;
        }
        if self.by_name.len() >= self.sweep_at {
            self.by_name.retain(|_, known| known.strong_count() > 0);
            self.sweep_at = (self.by_name.len() * 2).max(64);
        }
        let made = Rc::new(make());
        self.by_name.insert(name.clone(), Rc::downgrade(&made));
        made
    }
}

impl WorkerStats {
    pub(super) fn new(stats: Arc<Stats>) -> Self {
        Self {
            stats,
            listeners: RefCell::default(),
            http: RefCell::default(),
            clusters: RefCell::default(),
            tcp: RefCell::default(),
            udp: RefCell::default(),
            rbac: RefCell::default(),
        }
    }

    /// The counters of a listener, by its name.
    #[must_use]
    pub fn listener(&self, name: &Name) -> Rc<ListenerStats> {
        self.listeners.borrow_mut().get_or(name, || ListenerStats { counts: self.stats.add_listener(name) })
    }

    /// The counters of a connection manager, by its `stat_prefix`.
    #[must_use]
    pub fn http(&self, stat_prefix: &Name) -> Rc<HttpStats> {
        self.http.borrow_mut().get_or(stat_prefix, || HttpStats {
            set: self.stats.add_http(stat_prefix),
            stats: self.stats.clone(),
            series: Series::default(),
            blocked: Series::default(),
        })
    }

    /// A connection for `host`, or for `address` where no host was named, is refused.
    pub fn blocked(&self, reason: Blocked, host: Option<&str>, address: IpAddr) {
        match host {
            Some(host) => self.stats.blocked(reason, host),
            None => self.stats.blocked(reason, &address.to_canonical().to_string()),
        }
    }

    /// The counters of a TCP proxy, by its `stat_prefix`.
    #[must_use]
    pub fn tcp(&self, stat_prefix: &Name) -> Rc<TcpStats> {
        let make = || TcpStats { stats: self.stats.clone(), stat_prefix: stat_prefix.clone(), counts: OnceCell::new() };
        self.tcp.borrow_mut().get_or(stat_prefix, make)
    }

    /// The counters of a UDP proxy, by its `stat_prefix`.
    #[must_use]
    pub fn udp(&self, stat_prefix: &Name) -> Rc<UdpStats> {
        self.udp.borrow_mut().get_or(stat_prefix, || UdpStats(self.stats.add_udp(stat_prefix)))
    }

    /// The counters of access control.
    #[must_use]
    pub fn rbac(&self, scope: &RbacScope) -> RbacStats {
        let mut known = self.rbac.borrow_mut();
        let counts = known.get(scope).and_then(std::sync::Weak::upgrade).unwrap_or_else(|| {
            known.retain(|_, counts| counts.strong_count() > 0);
            let counts = self.stats.add_rbac(scope);
            known.insert(scope.clone(), Arc::downgrade(&counts));
            counts
        });
        RbacStats(counts)
    }

    /// The counters of a cluster, by its name.
    #[must_use]
    pub fn cluster(&self, cluster: &Cluster) -> Rc<ClusterStats> {
        self.clusters.borrow_mut().get_or(&cluster.name, || ClusterStats {
            stats: self.stats.clone(),
            name: cluster.name.clone(),
            destination: Destination::of(cluster),
            set: OnceCell::new(),
            series: Series::default(),
            tcp_series: RefCell::default(),
        })
    }
}

/// With how many peers, statuses and flags the series of one destination are told apart.
const MAX_SERIES: usize = 512;

/// The series of one destination that one worker has counted; a handful.
#[derive(Debug, Default)]
struct Series(RefCell<Vec<Arc<RequestSeries>>>);

impl Series {
    fn record(&self, record: &Record<'_>, add: impl FnOnce(SeriesKey) -> Arc<RequestSeries>) {
        let millis = millis(record);
        let key = SeriesKey::of(record);
        let mut series = self.0.borrow_mut();
        if let Some(known) = series.iter().find(|known| key.is(&known.key)) {
            known.record(record, millis);
            return;
        }
        if series.len() >= MAX_SERIES {
            // Somebody changes who they are all the time: who they are is not told any more.
            let key = key.without_peers();
            if let Some(known) = series.iter().find(|known| key.is(&known.key)) {
                known.record(record, millis);
                return;
            }
        }
        let new = add(if series.len() >= MAX_SERIES { key.without_peers() } else { key }.to_known());
        new.record(record, millis);
        series.push(new);
    }
}

fn millis(record: &Record<'_>) -> u64 {
    u64::try_from(record.timeline.total.as_millis()).unwrap_or(u64::MAX)
}

/// `listener.<address>.`
#[derive(Debug)]
pub struct ListenerStats {
    counts: Arc<ListenerCounts>,
}

impl ListenerStats {
    /// A connection was accepted.
    pub fn connection_opened(&self) {
        self.counts.downstream_cx_total.inc();
        self.counts.downstream_cx_active.inc();
    }

    /// It is over.
    pub fn connection_closed(&self) {
        self.counts.downstream_cx_active.dec();
        self.counts.downstream_cx_destroy.inc();
    }

    /// No filter chain takes it.
    pub fn no_filter_chain(&self) {
        self.counts.no_filter_chain_match.inc();
    }

    /// Its first bytes did not come in time.
    pub fn inspection_timed_out(&self) {
        self.counts.downstream_pre_cx_timeout.inc();
    }

    /// Its TLS handshake was done: resumed or in full, with a certificate of the client or without.
    pub fn tls_handshake(&self, is_resumed: bool, has_certificate: bool) {
        self.counts.ssl_handshake.inc();
        if is_resumed {
            self.counts.ssl_session_reused.inc();
        }
        if !has_certificate {
            self.counts.ssl_no_certificate.inc();
        }
    }

    /// Its TLS handshake failed; `None`: the connection did.
    pub fn tls_failed(&self, failure: Option<TlsFailure>) {
        let counts = &self.counts;
        match failure {
            None | Some(TlsFailure::Closed) => {}
            Some(TlsFailure::NotReady) => counts.server_ssl_downstream_context_secrets_not_ready.inc(),
            Some(TlsFailure::TimedOut) => counts.downstream_cx_transport_socket_connect_timeout.inc(),
            Some(TlsFailure::NoCertificate) => counts.ssl_fail_verify_no_cert.inc(),
            Some(TlsFailure::Verify(VerifyFailure::AlternativeNames)) => counts.ssl_fail_verify_san.inc(),
            Some(TlsFailure::Verify(VerifyFailure::Hash)) => counts.ssl_fail_verify_cert_hash.inc(),
            Some(TlsFailure::Verify(_)) => counts.ssl_fail_verify_error.inc(),
            Some(TlsFailure::Alert(_) | TlsFailure::Protocol(..)) => counts.ssl_connection_error.inc(),
        }
    }
}

/// `http.<stat_prefix>.`
#[derive(Debug)]
pub struct HttpStats {
    set: Arc<HttpSet>,
    stats: Arc<Stats>,
    series: Series,
    /// Those of requests that `block_all` refused.
    blocked: Series,
}

impl HttpStats {
    /// A connection was given to the connection manager.
    pub fn connection_opened(&self) {
        let counts = &self.set.counts;
        counts.downstream_cx_total.inc();
        counts.downstream_cx_active.inc();
    }

    /// It speaks HTTP/1.1, as its first bytes tell.
    pub fn http1_connection(&self) {
        self.set.counts.downstream_cx_http1_total.inc();
    }

    /// It speaks HTTP/2.
    pub fn http2_connection(&self) {
        self.set.counts.downstream_cx_http2_total.inc();
    }

    /// A service that was asked lets a request pass.
    pub fn authorization_passed(&self) {
        self.set.counts.ext_authz_ok.inc();
    }

    /// It denies one.
    pub fn authorization_denied(&self) {
        self.set.counts.ext_authz_denied.inc();
    }

    /// It cannot be asked.
    pub fn authorization_failed(&self) {
        self.set.counts.ext_authz_error.inc();
    }

    /// It cannot be asked, and the request passes all the same.
    pub fn authorization_failure_allowed(&self) {
        self.set.counts.ext_authz_failure_mode_allowed.inc();
    }

    /// A client broke the rules of HTTP/2, and its connection is ended.
    pub fn http2_protocol_error(&self) {
        self.set.counts.downstream_cx_protocol_error.inc();
    }

    /// It is over.
    pub fn connection_closed(&self) {
        self.set.counts.downstream_cx_active.dec();
        self.set.counts.downstream_cx_destroy.inc();
    }

    /// A request began.
    pub fn request_started(&self, is_http2: bool) {
        let counts = &self.set.counts;
        counts.downstream_rq_total.inc();
        if is_http2 {
            counts.downstream_rq_http2_total.inc();
        } else {
            counts.downstream_rq_http1_total.inc();
        }
        counts.downstream_rq_active.inc();
    }

    /// It is over. Istio's metrics are counted here when no cluster was found for it, and with the cluster otherwise.
    pub fn request_finished(&self, record: &Record<'_>) {
        let counts = &self.set.counts;
        counts.downstream_rq_active.dec();
        counts.rq_total.inc();
        match record.response_code / 100 {
            1 => counts.downstream_rq_1xx.inc(),
            2 => counts.downstream_rq_2xx.inc(),
            3 => counts.downstream_rq_3xx.inc(),
            4 => counts.downstream_rq_4xx.inc(),
            5 => counts.downstream_rq_5xx.inc(),
            _ => {}
        }
        if record.response_code != 0 {
            counts.downstream_rq_completed.inc();
        }
        for flag in record.flags.iter() {
            match flag {
                Flag::NoRouteFound => counts.no_route.inc(),
                Flag::NoClusterFound => counts.no_cluster.inc(),
                Flag::DownstreamConnectionTermination => counts.downstream_rq_rx_reset.inc(),
                Flag::DownstreamProtocolError => counts.downstream_cx_protocol_error.inc(),
                _ => {}
            }
        }
        if record.details == Ending::Direct.details() {
            counts.rq_direct_response.inc();
        }
        self.set.downstream_rq_time.record(millis(record));
        if record.upstream.cluster.is_some() {
            return;
        }
        if record.route_name == BLOCK_ALL {
            let host = record.request.first(":authority").map(String::from_utf8_lossy);
            let address = || record.downstream.local.ip().to_canonical().to_string();
            self.stats.blocked(Blocked::RegistryOnly, &host.map_or_else(address, Cow::into_owned));
            self.blocked.record(record, |key| self.stats.add_series(None, &Destination::black_hole(), key));
        } else {
            self.series.record(record, |key| self.stats.add_series(None, &Destination::unknown(), key));
        }
    }
}

/// `cluster.<name>.`, and Istio's metrics of the cluster's service.
#[derive(Debug)]
pub struct ClusterStats {
    stats: Arc<Stats>,
    name: Name,
    destination: Destination,
    set: OnceCell<Arc<ClusterSet>>,
    series: Series,
    tcp_series: RefCell<Vec<Arc<TcpSeries>>>,
}

impl ClusterStats {
    fn set(&self) -> &ClusterSet {
        self.set.get_or_init(|| self.stats.add_cluster(&self.name))
    }

    /// The counters of one of its endpoints.
    #[must_use]
    pub fn host(&self, address: SocketAddr) -> HostStats {
        self.stats.add_host(&self.name, address)
    }

    /// A connection to an endpoint was made.
    pub fn connection_opened(&self) {
        let counts = &self.set().counts;
        counts.upstream_cx_total.inc();
        counts.upstream_cx_active.inc();
    }

    /// It is over.
    pub fn connection_closed(&self) {
        self.set().counts.upstream_cx_active.dec();
        self.set().counts.upstream_cx_destroy.inc();
    }

    /// A connection speaks HTTP/1.1.
    pub fn http1_connection(&self) {
        self.set().counts.upstream_cx_http1_total.inc();
    }

    /// A connection speaks HTTP/2.
    pub fn http2_connection(&self) {
        self.set().counts.upstream_cx_http2_total.inc();
    }

    /// A connection could not be made.
    pub fn connect_failed(&self) {
        self.set().counts.upstream_cx_connect_fail.inc();
    }

    /// The TLS handshake with an endpoint was done.
    pub fn tls_handshake(&self) {
        self.set().counts.ssl_handshake.inc();
    }

    /// The TLS handshake with an endpoint failed; `None`: the connection did.
    pub fn tls_failed(&self, failure: Option<TlsFailure>) {
        let counts = &self.set().counts;
        match failure {
            None | Some(TlsFailure::Closed | TlsFailure::TimedOut) => {}
            Some(TlsFailure::NotReady) => counts.client_ssl_upstream_context_secrets_not_ready.inc(),
            Some(TlsFailure::NoCertificate) => counts.ssl_fail_verify_no_cert.inc(),
            Some(TlsFailure::Verify(VerifyFailure::AlternativeNames)) => counts.ssl_fail_verify_san.inc(),
            Some(TlsFailure::Verify(VerifyFailure::Hash)) => counts.ssl_fail_verify_cert_hash.inc(),
            Some(TlsFailure::Verify(_)) => counts.ssl_fail_verify_error.inc(),
            Some(TlsFailure::Alert(_) | TlsFailure::Protocol(..)) => counts.ssl_connection_error.inc(),
        }
    }

    /// A connection was not there within the connect timeout.
    pub fn connect_timed_out(&self) {
        self.set().counts.upstream_cx_connect_timeout.inc();
        self.set().counts.upstream_cx_connect_fail.inc();
    }

    /// A try of a request begins.
    pub fn request_started(&self) {
        let counts = &self.set().counts;
        counts.upstream_rq_total.inc();
        counts.upstream_rq_active.inc();
    }

    /// A try failed and there will be another.
    pub fn retried(&self) {
        self.set().counts.upstream_rq_retry.inc();
        self.set().counts.upstream_rq_active.dec();
    }

    /// A circuit breaker refused a request.
    pub fn overflowed(&self) {
        self.set().counts.upstream_rq_pending_overflow.inc();
    }

    /// No more connections may be made.
    pub fn connections_overflowed(&self) {
        self.set().counts.upstream_cx_overflow.inc();
    }

    /// No more retries may be made.
    pub fn retries_overflowed(&self) {
        self.set().counts.upstream_rq_retry_overflow.inc();
    }

    /// A request waits for a connection.
    pub fn pending_started(&self) {
        self.set().counts.upstream_rq_pending_total.inc();
        self.set().counts.upstream_rq_pending_active.inc();
    }

    /// It has one, or waits no longer.
    pub fn pending_ended(&self) {
        self.set().counts.upstream_rq_pending_active.dec();
    }

    /// A connection has served as many requests as it may.
    pub fn connection_used_up(&self) {
        self.set().counts.upstream_cx_max_requests.inc();
    }

    /// A connection has become as old as it may.
    pub fn connection_too_old(&self) {
        self.set().counts.upstream_cx_max_duration_reached.inc();
    }

    /// A connection was idle for too long.
    pub fn idle_timed_out(&self) {
        self.set().counts.upstream_cx_idle_timeout.inc();
    }

    /// There is no endpoint that may be used.
    pub fn none_healthy(&self) {
        self.set().counts.upstream_cx_none_healthy.inc();
    }

    /// A packet went to an endpoint.
    pub fn udp_sent(&self) {
        self.set().counts.udp_sess_tx_datagrams.inc();
    }

    /// A packet could not be sent to one.
    pub fn udp_send_failed(&self) {
        self.set().counts.udp_sess_tx_errors.inc();
    }

    /// A packet came from an endpoint.
    pub fn udp_received(&self) {
        self.set().counts.udp_sess_rx_datagrams.inc();
    }

    /// The kernel told of a failure instead of a packet: nobody listens there.
    pub fn udp_receive_failed(&self) {
        self.set().counts.udp_sess_rx_errors.inc();
    }

    /// An endpoint was chosen among all, because too few are healthy.
    pub fn in_panic(&self) {
        self.set().counts.lb_healthy_panic.inc();
    }

    /// A request whose route led here is over; once for each request, however many tries there were.
    pub fn request_finished(&self, record: &Record<'_>) {
        let set = self.set();
        let counts = &set.counts;
        if record.upstream.attempts > 0 {
            counts.upstream_rq_active.dec();
            counts.upstream_cx_tx_bytes_total.add(record.request_head_bytes + record.bytes_received);
            counts.upstream_cx_rx_bytes_total.add(record.response_head_bytes + record.bytes_sent);
        }
        match record.response_code / 100 {
            1 => counts.upstream_rq_1xx.inc(),
            2 => counts.upstream_rq_2xx.inc(),
            3 => counts.upstream_rq_3xx.inc(),
            4 => counts.upstream_rq_4xx.inc(),
            5 => counts.upstream_rq_5xx.inc(),
            _ => {}
        }
        if record.response_code != 0 {
            counts.upstream_rq_completed.inc();
        }
        for flag in record.flags.iter() {
            match flag {
                Flag::NoHealthyUpstream => counts.upstream_cx_none_healthy.inc(),
                Flag::UpstreamRequestTimeout if record.details == Ending::PerTryTimeout.details() => {
                    counts.upstream_rq_per_try_timeout.inc();
                }
                Flag::UpstreamRequestTimeout => counts.upstream_rq_timeout.inc(),
                Flag::UpstreamRetryLimitExceeded => counts.upstream_rq_retry_limit_exceeded.inc(),
                Flag::UpstreamConnectionTermination | Flag::UpstreamRemoteReset => counts.upstream_rq_rx_reset.inc(),
                _ => {}
            }
        }
        if record.upstream.attempts > 1 && record.flags.is_empty() {
            counts.upstream_rq_retry_success.inc();
        }
        if let Some(sent) = record.timeline.upstream_tx_begin {
            let upstream = record.timeline.total.saturating_sub(sent);
            set.upstream_rq_time.record(u64::try_from(upstream.as_millis()).unwrap_or(u64::MAX));
        }
        self.series.record(record, |key| self.stats.add_series(Some(&self.name), &self.destination, key));
    }

    /// A TCP connection whose chain led here has reached an endpoint, or has failed to.
    pub fn tcp_opened(&self, downstream: &Downstream<'_>, upstream: &Upstream<'_>) {
        let parties = Parties::of(downstream, upstream);
        self.tcp_series(&SeriesKey::tcp(Flags::default(), parties)).connections_opened_total.inc();
    }

    /// It is over: once for each connection, whether it reached an endpoint or not.
    pub fn tcp_closed(&self, record: &Record<'_>) {
        let counts = &self.set().counts;
        counts.upstream_cx_tx_bytes_total.add(record.bytes_received);
        counts.upstream_cx_rx_bytes_total.add(record.bytes_sent);
        if record.flags.has(Flag::NoHealthyUpstream) {
            counts.upstream_cx_none_healthy.inc();
        }
        let parties = Parties::of(&record.downstream, &record.upstream);
        let series = self.tcp_series(&SeriesKey::tcp(record.flags, parties));
        series.connections_closed_total.inc();
        series.received_bytes_total.add(record.bytes_received);
        series.sent_bytes_total.add(record.bytes_sent);
    }

    fn tcp_series(&self, key: &SeriesKey<Parties<'_>>) -> Arc<TcpSeries> {
        let mut series = self.tcp_series.borrow_mut();
        if let Some(known) = series.iter().find(|known| key.is(&known.key)) {
            return known.clone();
        }
        let new = self.stats.add_tcp_series(&self.name, &self.destination, key.to_known());
        series.push(new.clone());
        new
    }
}

/// `tcp.<stat_prefix>.`
#[derive(Debug)]
pub struct TcpStats {
    stats: Arc<Stats>,
    stat_prefix: Name,
    counts: OnceCell<Arc<TcpCounts>>,
}

impl TcpStats {
    fn counts(&self) -> &TcpCounts {
        self.counts.get_or_init(|| self.stats.add_tcp(&self.stat_prefix))
    }

    /// A connection was given to the TCP proxy.
    pub fn opened(&self) {
        self.counts().downstream_cx_total.inc();
    }

    /// It is over.
    pub fn closed(&self, record: &Record<'_>, idle: bool) {
        let counts = self.counts();
        counts.downstream_cx_rx_bytes_total.add(record.bytes_received);
        counts.downstream_cx_tx_bytes_total.add(record.bytes_sent);
        if record.flags.has(Flag::NoClusterFound) {
            counts.downstream_cx_no_route.inc();
        }
        if idle {
            counts.idle_timeout.inc();
        }
    }
}
