//! Looking at ejected endpoints, once in each cluster's interval. One worker does it for all.

use super::Worker;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Clusters that came since are looked at no later than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Two looks are at least this far apart.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// Takes ejected endpoints back when their time is over, for as long as the worker runs.
pub(super) async fn check(worker: Rc<Worker>) {
    loop {
        let now = Instant::now();
        let mut next = now + LONGEST_PAUSE;
        for cluster in worker.clusters.borrow().iter().flatten() {
            let plan = cluster.plan();
            if let (Some(outliers), Some(settings)) = (&plan.outliers, &plan.cluster.outlier_detection) {
                next = next.min(outliers.check(settings, now));
            }
        }
        tokio::time::sleep_until(next.max(now + SHORTEST_PAUSE).into()).await;
    }
}
