//! Keeps what Gateways need on a Kubernetes API as it is wanted, and tells what became of it.
//!
//! Objects are applied when what is wanted is different from what was applied last, when somebody else has changed or
//! deleted what is seen of them (Services, accounts, endpoints), after a failure, and now and then in any case, because
//! not all of them are seen. Only the leader writes; all control planes tell what became of it. What is not wanted any
//! more is deleted; when the Gateway itself is deleted, Kubernetes does so too by the owner references.

mod state;

use super::{Input, Installation, Provisioned};
use crate::cluster::{Cluster, ClusterError};
use serde_json::Value;
use state::{Id, Key, Plan, State};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// How many Gateways are worked on at one time.
const AT_ONCE: usize = 16;

/// When the first repetition of something that failed comes, and the longest wait between two.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How often everything is applied again, for objects that are not seen. What says the same already is not written.
const AGAIN: Duration = Duration::from_secs(300);

/// Does the work of one control plane. Owned by one task.
pub(crate) struct Provisioner {
    cluster: Cluster,
    leads: watch::Receiver<bool>,
    /// What they said last.
    led: bool,
    state: State,
    work: JoinSet<(Key, Outcome)>,
    output: UnboundedSender<Provisioned>,
}

/// What became of one plan.
#[derive(Debug, Default)]
struct Outcome {
    applied: Vec<Value>,
    deleted: Vec<Id>,
    failure: Option<ClusterError>,
}

impl Provisioner {
    pub(crate) fn new(cluster: Cluster, installation: Installation, output: UnboundedSender<Provisioned>) -> Self {
        let leads = cluster.leadership();
        let led = *leads.borrow();
        Self { cluster, leads, led, state: State::new(installation), work: JoinSet::new(), output }
    }

    /// Runs until nobody tells anything any more.
    pub(crate) async fn run(mut self, mut inputs: UnboundedReceiver<Input>) {
        let mut again = tokio::time::interval_at(Instant::now() + AGAIN, AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                input = inputs.recv() => {
                    let Some(input) = input else { return };
                    self.state.take(input);
                    while let Ok(input) = inputs.try_recv() {
                        self.state.take(input);
                    }
                }
                Some(done) = self.work.join_next() => match done {
                    Ok((key, outcome)) => self.finish(&key, outcome),
                    Err(error) => tracing::error!(%error, "work for a Gateway ended early"),
                },
                changed = self.leads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // Whoever led before may not have come to it.
                    let leads = *self.leads.borrow_and_update();
                    if leads && !self.led {
                        self.state.all_again();
                    }
                    self.led = leads;
                }
                () = until(self.state.next_retry()) => {}
                _ = again.tick() => self.state.all_again(),
            }
            self.start_work();
            if !self.tell() {
                return;
            }
        }
    }

    fn start_work(&mut self) {
        if !*self.leads.borrow() {
            return;
        }
        while self.work.len() < AT_ONCE {
            let Some((key, plan)) = self.state.next_plan(Instant::now()) else { return };
            let cluster = self.cluster.clone();
            self.work.spawn(async move {
                let outcome = carry_out(&cluster, plan).await;
                (key, outcome)
            });
        }
    }

    fn finish(&mut self, key: &Key, outcome: Outcome) {
        if let Some(error) = &outcome.failure {
            tracing::warn!(gateway = %format!("{}/{}", key.0, key.1), %error, "what the Gateway needs cannot be made");
        }
        self.state.finished(key, outcome, Instant::now());
    }

    /// Tells what is different. Whether somebody listens.
    fn tell(&mut self) -> bool {
        self.state.provisions().into_iter().all(|provisioned| self.output.send(provisioned).is_ok())
    }
}

/// Applies everything that is to be applied, then deletes what is not wanted any more; ends at the first failure.
async fn carry_out(cluster: &Cluster, plan: Plan) -> Outcome {
    let mut outcome = Outcome::default();
    for object in plan.apply {
        if let Err(error) = cluster.apply(&object).await {
            return Outcome { failure: Some(error), ..outcome };
        }
        outcome.applied.push(object);
    }
    for id in plan.delete {
        if let Err(error) = cluster.delete(&id.api_version, &id.kind, &id.namespace, &id.name).await {
            return Outcome { failure: Some(error), ..outcome };
        }
        outcome.deleted.push(id);
    }
    outcome
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
