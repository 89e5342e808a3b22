//! What access control has counted.

use super::count::{Count, Kind, counts};
use super::{Sample, Value};
use meridian_ir::Name;
use std::sync::Arc;

counts! {
    /// Requests or connections by what was decided.
    RbacCounts {
        allowed: Counter,
        denied: Counter,
    }
}

/// Whose numbers they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RbacScope {
    /// The connection manager's `stat_prefix` (`http.<stat_prefix>.rbac.`); `None` for connections that are not HTTP
    /// (`tcp.rbac.`).
    pub manager: Option<Name>,
    /// The prefix of rules that are only tried (`istio_dry_run_deny_`, and `shadow_` behind it); `None` for those that
    /// count.
    pub shadow: Option<Name>,
}

/// One worker's share.
#[derive(Debug, Clone)]
pub struct RbacStats(pub(super) Arc<RbacCounts>);

impl RbacStats {
    /// A request or connection was judged.
    pub fn judged(&self, is_allowed: bool) {
        if is_allowed {
            self.0.allowed.inc();
        } else {
            self.0.denied.inc();
        }
    }
}

impl RbacScope {
    pub(super) fn samples(&self, shards: &[Arc<RbacCounts>], samples: &mut Vec<Sample>) {
        let shadow = self.shadow.as_ref().map(|prefix| format!("{prefix}shadow_")).unwrap_or_default();
        for (field, _, count) in RbacCounts::FIELDS {
            let sum = shards.iter().map(|shard| count(shard).get()).sum();
            let (name, kind, labels) = match &self.manager {
                Some(manager) => {
                    let labels = vec![("http_conn_manager_prefix", manager.to_string())];
                    (format!("http.{manager}.rbac.{shadow}{field}"), "http", labels)
                }
                None => (format!("tcp.rbac.{shadow}{field}"), "tcp", Vec::new()),
            };
            let prometheus = format!("envoy_{kind}_rbac_{shadow}{field}");
            samples.push(Sample { name, prometheus, labels, value: Value::Counter(sum) });
        }
    }
}
