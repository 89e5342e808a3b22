//! What is counted of packets.

use super::sets::UdpCounts;
use std::sync::Arc;

/// `udp.<stat_prefix>.`; received and sent as seen from the clients' side.
#[derive(Debug)]
pub struct UdpStats(pub(super) Arc<UdpCounts>);

impl UdpStats {
    /// A packet of so many bytes came from a client.
    pub fn received(&self, bytes: usize) {
        self.0.downstream_sess_rx_datagrams.inc();
        self.0.downstream_sess_rx_bytes.add(bytes as u64);
    }

    /// A packet of a client goes nowhere.
    pub fn dropped(&self) {
        self.0.downstream_sess_rx_datagrams_dropped.inc();
    }

    /// Packets could not be read.
    pub fn receive_failed(&self) {
        self.0.downstream_sess_rx_errors.inc();
    }

    /// A packet of so many bytes went to a client.
    pub fn sent(&self, bytes: usize) {
        self.0.downstream_sess_tx_datagrams.inc();
        self.0.downstream_sess_tx_bytes.add(bytes as u64);
    }

    /// A packet for a client was lost.
    pub fn send_failed(&self) {
        self.0.downstream_sess_tx_errors.inc();
    }

    /// A session begins.
    pub fn opened(&self) {
        self.0.downstream_sess_total.inc();
        self.0.downstream_sess_active.inc();
    }

    /// It is over, because it was silent for too long if it is `idle`.
    pub fn closed(&self, idle: bool) {
        self.0.downstream_sess_active.dec();
        if idle {
            self.0.idle_timeout.inc();
        }
    }

    /// There are as many sessions as there may be.
    pub fn overflowed(&self) {
        self.0.downstream_sess_overflow.inc();
    }

    /// The cluster that a packet would go to does not exist.
    pub fn no_route(&self) {
        self.0.downstream_sess_no_route.inc();
        self.dropped();
    }
}
