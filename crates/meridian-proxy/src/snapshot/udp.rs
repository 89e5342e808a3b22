//! UDP proxies with their clusters as slots.

use super::slot::{SlotRef, SlotTable};
use meridian_ir::UdpProxy;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A UDP proxy that runs.
#[derive(Debug)]
pub struct UdpPlan {
    /// As configured.
    pub proxy: Arc<UdpProxy>,
    /// Beside its clusters, in the same order.
    clusters: Vec<SlotRef>,
    /// Sessions of all workers, which stay when the plan is replaced.
    sessions: Arc<AtomicU32>,
}

/// Counts as one session as long as it lives.
#[derive(Debug)]
pub struct SessionPlace(Arc<AtomicU32>);

impl Drop for SessionPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl UdpPlan {
    pub(super) fn new(proxy: &Arc<UdpProxy>, before: Option<&Self>, clusters: &mut SlotTable) -> Self {
        Self {
            clusters: proxy.clusters.iter().map(|choice| clusters.slot(&choice.cluster)).collect(),
            sessions: before.map(|before| before.sessions.clone()).unwrap_or_default(),
            proxy: proxy.clone(),
        }
    }

    /// The cluster of one session.
    #[must_use]
    pub fn pick(&self, random: u64) -> Option<&SlotRef> {
        let picked = self.proxy.pick_cluster(random)?;
        self.clusters.get(self.proxy.clusters.element_offset(picked)?)
    }

    /// Whether sessions may go to this cluster.
    #[must_use]
    pub fn leads_to(&self, slot: &SlotRef) -> bool {
        self.clusters.iter().zip(&self.proxy.clusters).any(|(known, share)| known == slot && share.weight > 0)
    }

    /// The right to one more session; `None` when there are as many as there may be.
    #[must_use]
    pub fn take_place(&self) -> Option<SessionPlace> {
        let more = |count: u32| (count < self.proxy.max_sessions).then_some(count + 1);
        self.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(SessionPlace(self.sessions.clone()))
    }
}
