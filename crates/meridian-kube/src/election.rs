//! Which of several processes writes: the one that holds a Lease, by the rules of Kubernetes' own components
//! (`leaderelection` of client-go).
//!
//! Clocks of different machines are not compared: a Lease has ended when it has not been renewed for its duration as
//! seen from here.

use crate::client::{Client, FIELD_MANAGER};
use crate::error::Error;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How a leader is elected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease.
    pub name: String,
    /// Who this process is; no other has the same.
    pub identity: String,
    /// How long a leader that does not renew it is not replaced.
    pub lease: Duration,
    /// After how long without a renewal a leader stops to be one; shorter than `lease`.
    pub renew_deadline: Duration,
    /// The pause between two tries.
    pub retry: Duration,
}

impl Election {
    /// An election with the times that Kubernetes' components have: 15, 10 and 2 seconds.
    #[must_use]
    pub fn new(namespace: &str, name: &str, identity: String) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity,
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// Taking part in an election.
#[derive(Debug)]
pub struct Leadership {
    leads: watch::Receiver<bool>,
    candidate: Arc<Mutex<Candidate>>,
    task: JoinHandle<()>,
}

impl Leadership {
    /// Whether this process leads, now and from now on.
    #[must_use]
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// Takes part no longer; a leader gives the Lease back, so that another one need not wait for its end.
    pub async fn release(&self) {
        self.task.abort();
        self.candidate.lock().await.release().await;
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// Takes part in an election, by a task of the current runtime.
    #[must_use]
    pub fn elect(&self, election: Election) -> Leadership {
        let (sender, leads) = watch::channel(false);
        let client = self.clone();
        let candidate = Candidate { client, election, observed: None, renewed: None, failing: false, leads: sender };
        let candidate = Arc::new(Mutex::new(candidate));
        let task = tokio::spawn(run(candidate.clone()));
        Leadership { leads, candidate, task }
    }
}

async fn run(candidate: Arc<Mutex<Candidate>>) {
    loop {
        let pause = candidate.lock().await.turn().await;
        tokio::time::sleep(pause).await;
    }
}

/// The Lease as it was seen last.
#[derive(Debug)]
struct Observed {
    lease: Value,
    /// Since when it is as it is.
    since: Instant,
}

#[derive(Debug)]
struct Candidate {
    client: Client,
    election: Election,
    observed: Option<Observed>,
    /// When it was renewed last by this process, which leads.
    renewed: Option<Instant>,
    /// The last try failed.
    failing: bool,
    leads: watch::Sender<bool>,
}

impl Candidate {
    /// One try to get or renew the Lease; the pause until the next one.
    async fn turn(&mut self) -> Duration {
        let started = Instant::now();
        let deadline = self.renewed.unwrap_or(started) + self.election.renew_deadline;
        let tried = timeout_at(deadline, self.get_or_renew()).await;
        match tried {
            Ok(Ok(true)) => {
                self.renewed = Some(started);
                if self.leads.send_if_modified(|leads| !std::mem::replace(leads, true)) {
                    tracing::info!(identity = self.election.identity, "this control plane leads: it writes");
                }
            }
            Ok(Ok(false)) => self.lose("another one has the lease"),
            Ok(Err(error)) => {
                if std::mem::replace(&mut self.failing, true) {
                    tracing::debug!("Lease {}/{}: {error}", self.election.namespace, self.election.name);
                } else {
                    tracing::warn!("Lease {}/{}: {error}", self.election.namespace, self.election.name);
                }
                if self.renewed.is_some() && Instant::now() >= deadline {
                    self.lose("the lease could not be renewed in time");
                }
                return self.pause();
            }
            Err(_) => self.lose("the lease could not be renewed in time"),
        }
        self.failing = false;
        self.pause()
    }

    fn lose(&mut self, why: &str) {
        self.renewed = None;
        if self.leads.send_if_modified(|leads| std::mem::replace(leads, false)) {
            tracing::warn!("this control plane does not lead any more: {why}");
        }
    }

    /// Until the next try: at the latest when the other's lease ends, or when ours must have been renewed.
    fn pause(&self) -> Duration {
        let ends = match (&self.renewed, &self.observed) {
            (Some(renewed), _) => Some(*renewed + self.election.renew_deadline),
            (None, Some(observed)) => Some(observed.since + duration_of(&observed.lease)),
            (None, None) => None,
        };
        let left = ends.map(|ends| ends.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero());
        left.map_or(self.election.retry, |left| (left + Duration::from_millis(10)).min(self.election.retry))
    }

    /// Whether this process has the Lease now.
    async fn get_or_renew(&mut self) -> Result<bool, Error> {
        let Election { namespace, name, identity, .. } = &self.election;
        let Some(lease) = self.client.get("coordination.k8s.io/v1", "Lease", namespace, name).await? else {
            let made = self.client.create(&self.lease(None)).await;
            return match made {
                Ok(lease) => Ok(self.observe(lease)),
                // Somebody else was faster.
                Err(Error::AlreadyExists(_)) => Ok(false),
                Err(error) => Err(error),
            };
        };
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        let (is_free, is_ours) = (holder.is_empty(), holder == identity);
        let is_same = self.observed.as_ref().is_some_and(|observed| observed.lease["spec"] == lease["spec"]);
        if !is_same {
            self.observed = Some(Observed { lease: lease.clone(), since: Instant::now() });
        }
        let since = self.observed.as_ref().map_or_else(Instant::now, |observed| observed.since);
        if !is_free && !is_ours && Instant::now() < since + duration_of(&lease) {
            return Ok(false);
        }
        match self.client.replace(&self.lease(Some(&lease))).await {
            Ok(lease) => Ok(self.observe(lease)),
            Err(Error::Conflict(_) | Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn observe(&mut self, lease: Value) -> bool {
        self.observed = Some(Observed { lease, since: Instant::now() });
        true
    }

    /// The Lease as this process has it; `before` is what is replaced.
    fn lease(&self, before: Option<&Value>) -> Value {
        let Election { namespace, name, identity, lease, .. } = &self.election;
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let spec = before.map_or(&Value::Null, |before| &before["spec"]);
        let is_ours = spec["holderIdentity"] == **identity;
        let transitions = spec["leaseTransitions"].as_i64().unwrap_or(0);
        let mut metadata = json!({"namespace": namespace, "name": name});
        if let Some(before) = before {
            metadata["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        }
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": identity,
                "leaseDurationSeconds": lease.as_secs().max(1),
                "acquireTime": if is_ours { spec["acquireTime"].clone() } else { now.clone().into() },
                "renewTime": now,
                "leaseTransitions": transitions + i64::from(before.is_some() && !is_ours),
            },
        })
    }

    async fn release(&mut self) {
        if self.renewed.take().is_none() {
            return;
        }
        self.leads.send_replace(false);
        let Some(observed) = self.observed.take() else { return };
        let mut lease = self.lease(Some(&observed.lease));
        lease["spec"]["holderIdentity"] = "".into();
        lease["spec"]["leaseDurationSeconds"] = 1.into();
        if let Err(error) = self.client.replace(&lease).await {
            tracing::warn!("the lease of {FIELD_MANAGER} could not be given back: {error}");
        }
    }
}

/// How long a Lease counts.
fn duration_of(lease: &Value) -> Duration {
    Duration::from_secs(lease["spec"]["leaseDurationSeconds"].as_u64().unwrap_or(0))
}
