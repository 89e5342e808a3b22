//! The thread's loop: one task for each name.

use super::on_demand::Known;
use super::{Progress, Source, State};
use meridian_ir::Name;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, LocalSet};

/// Bounds of the time between two questions for a name.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);
/// A question that failed is asked again after this, twice this, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// Without a source.
const NOT_CONFIGURED: &str = "there is no configuration of name servers";
/// How often the configuration's files are looked at.
const CONFIGURATION_INTERVAL: Duration = Duration::from_secs(5);

type Answer = Result<(Vec<IpAddr>, Duration), String>;

/// What the thread is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// To keep these names fresh, and no others.
    Watch(BTreeSet<Name>),
    /// To ask for this name now.
    Ask(Name, oneshot::Sender<Known>),
}

/// State of the thread.
pub(super) struct Keeper<S: Source, F> {
    source: S,
    asker: Option<S::Asker>,
    state: Arc<State>,
    changed: F,
    tasks: HashMap<Name, Task>,
    answers: mpsc::UnboundedSender<(Name, Answer)>,
    inbox: mpsc::UnboundedReceiver<(Name, Answer)>,
    taken_over: u64,
    /// Who waits for the answer of a name that is asked for once.
    waiting: HashMap<Name, Vec<oneshot::Sender<Known>>>,
    once: mpsc::UnboundedSender<(Name, Answer)>,
    once_inbox: mpsc::UnboundedReceiver<(Name, Answer)>,
}

#[derive(Debug)]
struct Task {
    abort: AbortHandle,
    /// Answered or refused at least once.
    settled: bool,
    failing: bool,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

impl<S: Source, F: Fn()> Keeper<S, F> {
    pub(super) fn new(source: S, state: Arc<State>, changed: F) -> Self {
        let (answers, inbox) = mpsc::unbounded_channel();
        let (once, once_inbox) = mpsc::unbounded_channel();
        let (tasks, waiting) = (HashMap::new(), HashMap::new());
        Self { source, asker: None, state, changed, tasks, answers, inbox, taken_over: 0, waiting, once, once_inbox }
    }

    /// Runs until nobody sends names any more.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let local = LocalSet::new();
        let mut look = tokio::time::interval(CONFIGURATION_INTERVAL);
        local
            .run_until(async {
                loop {
                    tokio::select! {
                        order = orders.recv() => match order {
                            Some(Order::Watch(wanted)) => self.take_over(wanted),
                            Some(Order::Ask(name, done)) => self.ask_once(name, done),
                            None => return,
                        },
                        Some((name, answer)) = self.inbox.recv() => self.answered(&name, answer),
                        Some((name, answer)) = self.once_inbox.recv() => self.answered_once(name, answer),
                        _ = look.tick() => self.look_at_configuration(),
                    }
                    let waiting = self.tasks.values().filter(|task| !task.settled).count();
                    self.state.progress.send_replace(Progress { taken_over: self.taken_over, waiting });
                }
            })
            .await;
    }

    fn take_over(&mut self, wanted: BTreeSet<Name>) {
        self.taken_over += 1;
        self.tasks.retain(|name, _| wanted.contains(name));
        self.update(|resolved| resolved.retain(|name, _| wanted.contains(name)));
        for name in wanted {
            if !self.tasks.contains_key(&name) {
                self.ask(name, false);
            }
        }
    }

    /// The source, as it can be asked.
    fn asker(&mut self) -> Option<S::Asker> {
        if self.asker.is_none() {
            match self.source.open() {
                Ok(asker) => self.asker = Some(asker),
                Err(error) => tracing::error!("names cannot be resolved: {error}"),
            }
        }
        self.asker.clone()
    }

    /// Asks for `name` once, unless that is under way.
    fn ask_once(&mut self, name: Name, done: oneshot::Sender<Known>) {
        // Answered between the look of who asks and now.
        if let Some(known) = self.state.on_demand.get(&name, Instant::now()) {
            // Who asked may have gone.
            let _ = done.send(known);
            return;
        }
        let waiting = self.waiting.entry(name.clone()).or_default();
        waiting.push(done);
        if waiting.len() > 1 {
            return;
        }
        let (asker, once) = (self.asker(), self.once.clone());
        tokio::task::spawn_local(async move {
            let answer = match &asker {
                Some(asker) => S::ask(asker, &name).await,
                None => Err(NOT_CONFIGURED.to_owned()),
            };
            // An error means that the thread ends.
            let _ = once.send((name, answer));
        });
    }

    fn answered_once(&mut self, name: Name, answer: Answer) {
        let known = self.state.on_demand.put(name.clone(), answer, Instant::now());
        for done in self.waiting.remove(&name).unwrap_or_default() {
            // Who asked may have gone.
            let _ = done.send(known.clone());
        }
    }

    /// Starts to ask for `name`, from now on.
    fn ask(&mut self, name: Name, settled: bool) {
        let (asker, answers, asked) = (self.asker(), self.answers.clone(), name.clone());
        let task = tokio::task::spawn_local(async move {
            let mut retry = FIRST_RETRY;
            loop {
                let answer = match &asker {
                    Some(asker) => S::ask(asker, &asked).await,
                    None => Err(NOT_CONFIGURED.to_owned()),
                };
                let pause = match &answer {
                    Ok((_, ttl)) => {
                        retry = FIRST_RETRY;
                        later(*ttl, 10).clamp(SHORTEST, LONGEST)
                    }
                    Err(_) => {
                        let pause = later(retry, 2);
                        retry = (retry * 2).min(LONGEST_RETRY);
                        pause
                    }
                };
                if answers.send((asked.clone(), answer)).is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        });
        self.tasks.insert(name, Task { abort: task.abort_handle(), settled, failing: false });
    }

    fn answered(&mut self, name: &Name, answer: Answer) {
        // An answer that was on its way when the name was dropped.
        let Some(task) = self.tasks.get_mut(name) else { return };
        task.settled = true;
        match answer {
            Ok((addresses, _)) => {
                if std::mem::take(&mut task.failing) {
                    tracing::info!(name = &**name, "resolved again");
                }
                let before = self.state.resolved().get(name).cloned();
                if before.as_deref() != Some(&addresses[..]) {
                    let is_same = before.is_some_and(|before| same_set(&before, &addresses));
                    self.update(|resolved| {
                        resolved.insert(name.clone(), addresses.into());
                    });
                    if !is_same {
                        (self.changed)();
                    }
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut task.failing, true) {
                    let stale = self.state.resolved().contains_key(name);
                    let meanwhile = if stale { "its last addresses stay in use" } else { "it has no addresses yet" };
                    tracing::warn!(name = &**name, "cannot be resolved, {meanwhile}: {error}");
                }
            }
        }
    }

    fn update(&self, change: impl FnOnce(&mut super::Resolved)) {
        let mut resolved = self.state.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut resolved));
    }

    /// Asks everything anew when the configuration has changed.
    fn look_at_configuration(&mut self) {
        if !self.source.has_changed() {
            return;
        }
        tracing::info!("the configuration of name resolution has changed");
        self.asker = None;
        for (name, task) in std::mem::take(&mut self.tasks) {
            self.ask(name, task.settled);
        }
    }
}

/// `time` and up to one part in `share` of it more.
fn later(time: Duration, share: u32) -> Duration {
    time + (time / share).mul_f64(fastrand::f64())
}

fn same_set(a: &[IpAddr], b: &[IpAddr]) -> bool {
    a.len() == b.len() && a.iter().all(|address| b.contains(address))
}
