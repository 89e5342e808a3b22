//! The numbers of each kind of thing. Field names are Envoy's.

use super::count::{Count, Kind, counts};
use super::histogram::Histogram;

counts! {
    /// `listener.<address>.`
    ListenerCounts {
        downstream_cx_active: Gauge,
        downstream_cx_destroy: Counter,
        downstream_cx_total: Counter,
        downstream_cx_transport_socket_connect_timeout: Counter,
        downstream_pre_cx_timeout: Counter,
        no_filter_chain_match: Counter,
        server_ssl_downstream_context_secrets_not_ready: Counter,
        ssl_connection_error: Counter,
        ssl_fail_verify_cert_hash: Counter,
        ssl_fail_verify_error: Counter,
        ssl_fail_verify_no_cert: Counter,
        ssl_fail_verify_san: Counter,
        ssl_handshake: Counter,
        ssl_no_certificate: Counter,
        ssl_session_reused: Counter,
    }
}

counts! {
    /// `http.<stat_prefix>.`
    HttpCounts {
        downstream_cx_active: Gauge,
        downstream_cx_destroy: Counter,
        downstream_cx_http1_total: Counter,
        downstream_cx_http2_total: Counter,
        downstream_cx_protocol_error: Counter,
        downstream_cx_total: Counter,
        downstream_rq_1xx: Counter,
        downstream_rq_2xx: Counter,
        downstream_rq_3xx: Counter,
        downstream_rq_4xx: Counter,
        downstream_rq_5xx: Counter,
        downstream_rq_active: Gauge,
        downstream_rq_completed: Counter,
        downstream_rq_http1_total: Counter,
        downstream_rq_http2_total: Counter,
        downstream_rq_rx_reset: Counter,
        downstream_rq_total: Counter,
        ext_authz_denied: Counter,
        ext_authz_error: Counter,
        ext_authz_failure_mode_allowed: Counter,
        ext_authz_ok: Counter,
        no_cluster: Counter,
        no_route: Counter,
        rq_direct_response: Counter,
        rq_total: Counter,
    }
}

counts! {
    /// `cluster.<name>.`
    ClusterCounts {
        client_ssl_upstream_context_secrets_not_ready: Counter,
        lb_healthy_panic: Counter,
        ssl_connection_error: Counter,
        ssl_fail_verify_cert_hash: Counter,
        ssl_fail_verify_error: Counter,
        ssl_fail_verify_no_cert: Counter,
        ssl_fail_verify_san: Counter,
        ssl_handshake: Counter,
        udp_sess_rx_datagrams: Counter,
        udp_sess_rx_errors: Counter,
        udp_sess_tx_datagrams: Counter,
        udp_sess_tx_errors: Counter,
        upstream_cx_active: Gauge,
        upstream_cx_connect_fail: Counter,
        upstream_cx_connect_timeout: Counter,
        upstream_cx_destroy: Counter,
        upstream_cx_http1_total: Counter,
        upstream_cx_http2_total: Counter,
        upstream_cx_idle_timeout: Counter,
        upstream_cx_max_duration_reached: Counter,
        upstream_cx_max_requests: Counter,
        upstream_cx_none_healthy: Counter,
        upstream_cx_overflow: Counter,
        upstream_cx_rx_bytes_total: Counter,
        upstream_cx_total: Counter,
        upstream_cx_tx_bytes_total: Counter,
        upstream_rq_1xx: Counter,
        upstream_rq_2xx: Counter,
        upstream_rq_3xx: Counter,
        upstream_rq_4xx: Counter,
        upstream_rq_5xx: Counter,
        upstream_rq_active: Gauge,
        upstream_rq_completed: Counter,
        upstream_rq_pending_active: Gauge,
        upstream_rq_pending_overflow: Counter,
        upstream_rq_pending_total: Counter,
        upstream_rq_per_try_timeout: Counter,
        upstream_rq_retry: Counter,
        upstream_rq_retry_limit_exceeded: Counter,
        upstream_rq_retry_overflow: Counter,
        upstream_rq_retry_success: Counter,
        upstream_rq_rx_reset: Counter,
        upstream_rq_timeout: Counter,
        upstream_rq_total: Counter,
    }
}

counts! {
    /// `tcp.<stat_prefix>.`
    TcpCounts {
        downstream_cx_no_route: Counter,
        downstream_cx_rx_bytes_total: Counter,
        downstream_cx_total: Counter,
        downstream_cx_tx_bytes_total: Counter,
        idle_timeout: Counter,
    }
}

counts! {
    /// `udp.<stat_prefix>.`; `downstream_sess_overflow` is not Envoy's.
    UdpCounts {
        downstream_sess_active: Gauge,
        downstream_sess_no_route: Counter,
        downstream_sess_overflow: Counter,
        downstream_sess_rx_bytes: Counter,
        downstream_sess_rx_datagrams: Counter,
        downstream_sess_rx_datagrams_dropped: Counter,
        downstream_sess_rx_errors: Counter,
        downstream_sess_total: Counter,
        downstream_sess_tx_bytes: Counter,
        downstream_sess_tx_datagrams: Counter,
        downstream_sess_tx_errors: Counter,
        idle_timeout: Counter,
    }
}

counts! {
    /// What `/clusters` tells of an endpoint.
    HostCounts {
        cx_active: Gauge,
        cx_connect_fail: Counter,
        cx_total: Counter,
        rq_active: Gauge,
        rq_error: Counter,
        rq_success: Counter,
        rq_timeout: Counter,
        rq_total: Counter,
    }
}

/// [`HttpCounts`] with the time of requests in milliseconds.
#[derive(Debug, Default)]
pub(super) struct HttpSet {
    pub(super) counts: HttpCounts,
    pub(super) downstream_rq_time: Histogram,
}

/// [`ClusterCounts`] with the time of requests in milliseconds.
#[derive(Debug, Default)]
pub(super) struct ClusterSet {
    pub(super) counts: ClusterCounts,
    pub(super) upstream_rq_time: Histogram,
}
