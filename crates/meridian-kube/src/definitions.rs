//! Which kinds are served. Kubernetes' own always are; others come and go with their CustomResourceDefinitions.
//!
//! The definitions are only watched for their names: they are large, and what counts is what the server has made of
//! them, which it tells in its discovery documents.

use crate::client::{self, Client};
use crate::error;
use crate::watch::{self, Change, Pauses, Trouble};
use futures_util::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::watcher::{Event, watcher};
use meridian_resources::Kind;
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long a definition that has changed is left alone: what is applied together is looked at together.
const SETTLE: Duration = Duration::from_millis(20);

/// What is watched here.
const DEFINITIONS: &str = "customresourcedefinitions";

/// The kinds of these groups need no definition.
const BUILT_IN: [&str; 8] = [
    "",
    "apps",
    "authentication.k8s.io",
    "autoscaling",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "policy",
];

/// Follows the definitions, and with them the objects of all kinds that are served.
pub(crate) async fn follow(client: Client, kinds: &'static [&'static Kind], changes: mpsc::Sender<Change>) {
    let (listed, mut first_lists) = mpsc::unbounded_channel();
    let mut served = Served::new(client.clone(), kinds, changes, listed);
    if served.client.in_process {
        return served.follow_all(first_lists).await;
    }
    served.start_built_in();
    let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client.kube.clone());
    let mut definitions = pin!(watcher(api, watch::config()));
    let mut pauses = Pauses::new();
    let mut names = HashSet::new();
    let mut trouble = Trouble::new(served.troubles.clone(), DEFINITIONS);
    loop {
        tokio::select! {
            event = definitions.next() => match event {
                None => return,
                Some(Ok(event)) => {
                    if !matches!(event, Event::Init) {
                        pauses.reset();
                        trouble.ends();
                    }
                    served.take(event, &mut names).await;
                }
                Some(Err(error)) => {
                    if trouble.begins(&error) {
                        pauses.wait().await;
                    }
                }
            },
            Some(kind) = first_lists.recv() => served.first_list(kind),
            Some(_) = served.watchers.join_next() => {}
            () = tokio::time::sleep_until(served.next_look), if !served.unclear.is_empty() => served.look().await,
        }
        served.tell_in_step().await;
    }
}

/// The plurals that are served, by group and version.
type Found = HashMap<(String, String), HashSet<String>>;

/// The watchers that run, and what they are about to tell.
struct Served {
    client: Client,
    kinds: &'static [&'static Kind],
    changes: mpsc::Sender<Change>,
    listed: mpsc::UnboundedSender<&'static Kind>,
    watchers: JoinSet<()>,
    /// How many watchers cannot watch.
    troubles: Arc<AtomicUsize>,
    running: HashMap<&'static Kind, (&'static str, tokio::task::AbortHandle)>,
    /// Kinds that are defined and whose version is to be found out.
    unclear: HashSet<&'static Kind>,
    /// When the server is asked for them.
    next_look: Instant,
    /// The pauses until it is asked again for those that it does not serve yet.
    looks: Pauses,
    /// Which of the definitions that there were at the start are served is known.
    looked: bool,
    /// Kinds whose first list is awaited; `None`: all that there were have come.
    awaited: Option<HashSet<&'static Kind>>,
}

impl Served {
    fn new(
        client: Client,
        kinds: &'static [&'static Kind],
        changes: mpsc::Sender<Change>,
        listed: mpsc::UnboundedSender<&'static Kind>,
    ) -> Self {
        Self {
            client,
            kinds,
            changes,
            listed,
            watchers: JoinSet::new(),
            troubles: Arc::default(),
            running: HashMap::new(),
            unclear: HashSet::new(),
            next_look: Instant::now(),
            looks: Pauses::new(),
            looked: false,
            awaited: Some(HashSet::new()),
        }
    }

    /// Follows the objects of all kinds, for ever: there are no definitions on which it depends what is served.
    async fn follow_all(mut self, mut first_lists: mpsc::UnboundedReceiver<&'static Kind>) {
        for kind in self.kinds {
            self.start(kind, kind.versions[0]);
        }
        self.looked = true;
        loop {
            self.tell_in_step().await;
            tokio::select! {
                Some(kind) = first_lists.recv() => self.first_list(kind),
                Some(_) = self.watchers.join_next() => {}
                else => return,
            }
        }
    }

    fn start_built_in(&mut self) {
        for kind in self.kinds.iter().filter(|kind| BUILT_IN.contains(&kind.group)) {
            self.start(kind, kind.versions[0]);
        }
    }

    fn start(&mut self, kind: &'static Kind, version: &'static str) {
        self.client.set_version(kind, version);
        let resource = client::resource(kind, version);
        let (changes, listed) = (self.changes.clone(), self.listed.clone());
        let trouble = Trouble::new(self.troubles.clone(), kind.plural);
        let handle = self.watchers.spawn(watch::follow(self.client.clone(), kind, resource, changes, listed, trouble));
        if let Some((_, before)) = self.running.insert(kind, (version, handle)) {
            before.abort();
        }
        if let Some(awaited) = &mut self.awaited {
            awaited.insert(kind);
        }
    }

    /// A kind is not served any more, and so none of its objects exists.
    async fn stop(&mut self, kind: &'static Kind) {
        self.unclear.remove(kind);
        if let Some(awaited) = &mut self.awaited {
            awaited.remove(kind);
        }
        let Some((_, handle)) = self.running.remove(kind) else { return };
        handle.abort();
        tracing::info!("{} of {} are not served any more", kind.plural, kind.group);
        // An error means that nobody reads, and then this ends, too.
        let _ = self.changes.send(Change::Listed { kind, objects: HashSet::new() }).await;
    }

    /// The kind of ours that a definition is of.
    fn kind_of(&self, definition: &PartialObjectMeta<CustomResourceDefinition>) -> Option<&'static Kind> {
        let (plural, group) = definition.metadata.name.as_deref()?.split_once('.')?;
        let is_meant = |kind: &&&'static Kind| kind.group == group && kind.plural == plural;
        self.kinds.iter().find(is_meant).copied()
    }

    async fn take(
        &mut self,
        event: Event<PartialObjectMeta<CustomResourceDefinition>>,
        names: &mut HashSet<&'static Kind>,
    ) {
        match event {
            Event::Init => names.clear(),
            Event::InitApply(definition) => names.extend(self.kind_of(&definition)),
            Event::InitDone => {
                let gone: Vec<_> =
                    self.running.keys().filter(|kind| !BUILT_IN.contains(&kind.group)).copied().collect();
                for kind in gone.into_iter().filter(|kind| !names.contains(kind)) {
                    self.stop(kind).await;
                }
                self.unclear.extend(names.drain());
                self.looked |= self.unclear.is_empty();
                self.look_soon();
            }
            Event::Apply(definition) => {
                let Some(kind) = self.kind_of(&definition) else { return };
                if definition.metadata.deletion_timestamp.is_none() {
                    self.unclear.insert(kind);
                    self.look_soon();
                }
            }
            Event::Delete(definition) => {
                if let Some(kind) = self.kind_of(&definition) {
                    self.stop(kind).await;
                }
            }
        }
    }

    fn look_soon(&mut self) {
        self.looks.reset();
        self.next_look = Instant::now() + SETTLE;
    }

    /// Asks the server in which versions it serves the kinds that are unclear.
    async fn look(&mut self) {
        let found = self.ask().await;
        self.next_look = Instant::now() + self.looks.next();
        match found {
            Ok(found) => self.found(&found),
            Err(error) => tracing::debug!("which kinds are served could not be read: {}", error::whole_text(&error)),
        }
    }

    /// The plurals that are served, by group and version; of the groups of unclear kinds.
    async fn ask(&self) -> Result<Found, kube::Error> {
        let mut found = Found::new();
        for group in self.client.kube.list_api_groups().await?.groups {
            if !self.unclear.iter().any(|kind| kind.group == group.name) {
                continue;
            }
            for version in group.versions {
                match self.client.kube.list_api_group_resources(&version.group_version).await {
                    Ok(list) => {
                        let plurals = list.resources.into_iter().map(|resource| resource.name).collect();
                        found.insert((group.name.clone(), version.version), plurals);
                    }
                    // It has gone meanwhile.
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }

    fn found(&mut self, found: &Found) {
        self.looked = true;
        for kind in self.unclear.clone() {
            let versions: Vec<&str> = found
                .iter()
                .filter(|((group, _), plurals)| group == kind.group && plurals.contains(kind.plural))
                .map(|((_, version), _)| version.as_str())
                .collect();
            if versions.is_empty() {
                // It has just been made, and will be served, or its names are refused.
                continue;
            }
            self.unclear.remove(kind);
            let Some(version) = kind.versions.iter().find(|version| versions.contains(*version)) else {
                let (served, known) = (versions.join(", "), kind.versions.join(", "));
                tracing::warn!("{}.{} are served as {served}, allowed: {known}; passed over", kind.plural, kind.group);
                continue;
            };
            if self.running.get(kind).is_none_or(|(running, _)| running != version) {
                tracing::debug!("{} of {}/{version} are served", kind.plural, kind.group);
                self.start(kind, version);
            }
        }
    }

    fn first_list(&mut self, kind: &'static Kind) {
        if let Some(awaited) = &mut self.awaited {
            awaited.remove(kind);
        }
    }

    /// Tells once that all objects of all kinds have been told.
    async fn tell_in_step(&mut self) {
        let all = self.looked && self.awaited.as_ref().is_some_and(HashSet::is_empty);
        if all {
            self.awaited = None;
            // An error means that nobody reads, and then this ends, too.
            let _ = self.changes.send(Change::InStep).await;
        }
    }
}
