//! Watches over HTTP: a stream of `{"type":..., "object":...}` lines.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meridian_store::{Event, EventType, Selection, StoredObject, Watch, WatchError};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, sleep_until};

use crate::api::Api;
use crate::error::ApiError;
use crate::media::Form;
use crate::query::ListOptions;
use crate::render;
use crate::stop::Stopping;
use crate::target::Objects;

/// How many pieces may wait for the client. When they do, the watch stands still, and falls behind the store's history
/// at last, which ends it with 410.
const PENDING_PIECES: usize = 4;

/// Changes that are there at once are sent together, up to about this many bytes.
const PIECE: usize = 64 << 10;

/// Seconds after which a watch ends unless the client says otherwise; Kubernetes takes between 30 and 60 minutes.
const DEFAULT_TIMEOUT: u64 = 45 * 60;

/// Tells the client where the objects that were there at the start end.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// How a watch is run.
#[derive(Debug, Clone)]
pub(crate) struct WatchSettings {
    /// How often the client is told the newest revision.
    pub(crate) bookmark_interval: Duration,
    /// Becomes true when the server stops.
    pub(crate) stopping: Stopping,
}

/// Checks the request, and starts to feed the stream that it returns.
///
/// # Errors
/// What is wrong with the request. What goes wrong later is an `ERROR` event of the stream.
pub(crate) fn start(
    api: &Api,
    target: Objects,
    mut options: ListOptions,
    form: Form,
    settings: WatchSettings,
) -> Result<mpsc::Receiver<Bytes>, ApiError> {
    if let Some(name) = &target.name {
        options.fields = crate::selector::FieldSelector::parse(&format!("metadata.name={name}"))?;
    }
    options.fields.check(target.resource)?;
    let (sender, receiver) = mpsc::channel(PENDING_PIECES);
    let feeder = Feeder::new(target, options, form, sender);
    let api = api.clone();
    tokio::spawn(async move {
        if let Err(error) = feeder.run(&api, settings).await {
            feeder.fail(error).await;
        }
    });
    Ok(receiver)
}

/// The client has gone away, or its time is up; nothing more can be said.
#[derive(Debug)]
struct Over;

/// Why a stream ends.
enum End {
    Over,
    Failed(ApiError),
}

impl From<Over> for End {
    fn from(_: Over) -> End {
        End::Over
    }
}

impl From<ApiError> for End {
    fn from(error: ApiError) -> End {
        End::Failed(error)
    }
}

impl From<WatchError> for End {
    fn from(error: WatchError) -> End {
        // A store that closes ends its watches as a server that stops does.
        if error == WatchError::Closed { End::Over } else { End::Failed(error.into()) }
    }
}

struct Feeder {
    target: Objects,
    api_version: String,
    options: ListOptions,
    form: Form,
    sender: mpsc::Sender<Bytes>,
}

impl Feeder {
    fn new(target: Objects, options: ListOptions, form: Form, sender: mpsc::Sender<Bytes>) -> Feeder {
        let api_version = target.api_version();
        Feeder { target, api_version, options, form, sender }
    }

    async fn run(&self, api: &Api, settings: WatchSettings) -> Result<(), ApiError> {
        match self.feed(api, settings).await {
            Ok(()) | Err(End::Over) => Ok(()),
            Err(End::Failed(error)) => Err(error),
        }
    }

    async fn feed(&self, api: &Api, settings: WatchSettings) -> Result<(), End> {
        let mut headings = true;
        let start = self.initial(api, &mut headings).await?;
        let mut watch = self.open(api, start)?;
        let deadline = Instant::now() + Duration::from_secs(self.options.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
        let first = Instant::now() + settings.bookmark_interval;
        let mut bookmarks = interval_at(first, settings.bookmark_interval);
        let mut stopping = settings.stopping;
        loop {
            tokio::select! {
                event = watch.next() => {
                    let piece = self.piece(event?, &mut watch, &mut headings)?;
                    self.send(piece).await?;
                }
                _ = bookmarks.tick(), if self.options.bookmarks => {
                    // Nothing is waiting in the watch, or it would have been taken: all until here has been sent.
                    self.send(self.bookmark(watch.revision(), false)).await?;
                }
                () = sleep_until(deadline) => {
                    if self.options.bookmarks {
                        self.send(self.bookmark(watch.revision(), false)).await?;
                    }
                    return Ok(());
                }
                () = self.sender.closed() => return Err(End::Over),
                () = stopping.wait() => return Ok(()),
            }
        }
    }

    /// Sends the objects that are there, when the client wants them, and returns the revision to go on from.
    async fn initial(&self, api: &Api, headings: &mut bool) -> Result<u64, End> {
        let from = self.options.resource_version.unwrap_or(0);
        if from != 0 && !self.options.send_initial_events {
            return Ok(from);
        }
        let mut options = ListOptions { limit: 0, continue_token: None, version_match: None, ..self.options.clone() };
        options.resource_version = (from != 0).then_some(from);
        let page = api.list(&self.target, &options)?;
        let mut piece = Vec::new();
        for object in &page.objects {
            self.write_event("ADDED", object, headings, &mut piece);
            if piece.len() >= PIECE {
                self.send(std::mem::take(&mut piece)).await?;
            }
        }
        if self.options.send_initial_events && self.options.bookmarks {
            piece.extend(self.bookmark(page.revision, true));
        }
        self.send(piece).await?;
        Ok(page.revision)
    }

    fn open(&self, api: &Api, from: u64) -> Result<Watch, WatchError> {
        let selection = Selection {
            resource: Some(self.target.resource.collection.clone()),
            namespace: self.target.namespace.as_deref().map(Arc::from),
            name: self.options.fields.name().map(Arc::from),
        };
        api.store().watch(selection, from)
    }

    /// One change, and those that follow it at once.
    fn piece(&self, first: Event, watch: &mut Watch, headings: &mut bool) -> Result<Vec<u8>, WatchError> {
        let mut piece = Vec::new();
        let mut next = Some(first);
        while let Some(event) = next {
            if let Some((name, object)) = self.visible(&event) {
                self.write_event(name, &object, headings, &mut piece);
            }
            next = if piece.len() < PIECE { watch.try_next()? } else { None };
        }
        Ok(piece)
    }

    /// The change as this client sees it: an object that comes to match a selector is new to it, one that ceases to
    /// match is gone.
    fn visible(&self, event: &Event) -> Option<(&'static str, Arc<StoredObject>)> {
        let matches = |object: &StoredObject| crate::api::matches(&self.options, object);
        let object = &event.object;
        match (event.event_type, &event.previous) {
            (EventType::Added, _) => matches(object).then(|| ("ADDED", object.clone())),
            (EventType::Deleted, _) => matches(object).then(|| ("DELETED", object.clone())),
            (EventType::Modified, previous) => {
                let previous = previous.as_ref().filter(|previous| matches(previous));
                match (previous, matches(object)) {
                    (Some(_), true) => Some(("MODIFIED", object.clone())),
                    (None, true) => Some(("ADDED", object.clone())),
                    (Some(previous), false) => Some(("DELETED", Arc::new(previous.at_revision(object.revision())))),
                    (None, false) => None,
                }
            }
        }
    }

    fn write_event(&self, name: &str, object: &StoredObject, headings: &mut bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        render::write_object(self.target.resource, &self.api_version, self.form, *headings, object, out);
        out.extend_from_slice(b"}\n");
        *headings = false;
    }

    fn bookmark(&self, revision: u64, initial_events_end: bool) -> Vec<u8> {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if initial_events_end {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let object = match self.form {
            Form::Object => {
                json!({"apiVersion": self.api_version, "kind": self.target.resource.kind, "metadata": metadata})
            }
            Form::Metadata => {
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata})
            }
            Form::Table(_) => json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "Table", "columnDefinitions": null, "rows": [],
                "metadata": {"resourceVersion": revision.to_string()},
            }),
        };
        format!("{}\n", json!({"type": "BOOKMARK", "object": object})).into_bytes()
    }

    async fn send(&self, piece: Vec<u8>) -> Result<(), Over> {
        if piece.is_empty() {
            return Ok(());
        }
        self.sender.send(piece.into()).await.map_err(|_| Over)
    }

    async fn fail(&self, error: ApiError) {
        let event = format!("{}\n", json!({"type": "ERROR", "object": error.status()}));
        // A client that has gone needs no message.
        let _ = self.send(event.into_bytes()).await;
    }
}
