//! Reading: one object, lists in pages, and the conditions of watches.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meridian_store::{Snapshot, StoredObject};
use serde::{Deserialize, Serialize};

use super::{Api, key};
use crate::error::ApiError;
use crate::query::{ListOptions, VersionMatch};
use crate::target::Objects;

/// A part of a list.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// The revision at which the list was taken; the same for all its pages.
    pub revision: u64,
    /// The objects.
    pub objects: Vec<Arc<StoredObject>>,
    /// Where the next page begins, when there is one.
    pub continue_token: Option<String>,
    /// How many objects follow; not counted when a selector is in use.
    pub remaining: Option<usize>,
}

/// What a `continue` token says. Opaque to clients.
#[derive(Debug, Serialize, Deserialize)]
struct Continue {
    /// The revision of the first page.
    rv: u64,
    /// The last object of the page before.
    namespace: String,
    name: String,
}

impl Api {
    /// One object.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn get(&self, target: &Objects) -> Result<Arc<StoredObject>, ApiError> {
        let key = key(target)?;
        self.store.get(&key).ok_or_else(|| ApiError::not_found(&key.resource, &key.name))
    }

    /// A page of the objects that the options select. Pages of one list all show the state of the first.
    ///
    /// # Errors
    /// 400 for a selector or token that makes no sense, 410 when the state of the first page is not known any more.
    pub(crate) fn list(&self, target: &Objects, options: &ListOptions) -> Result<Page, ApiError> {
        options.fields.check(target.resource)?;
        let after = options.continue_token.as_deref().map(decode_token).transpose()?;
        let Snapshot { revision, objects } = self.snapshot(target, options, after.as_ref())?;
        let selective = !options.labels.is_everything() || options.fields != Default::default();
        let start = after.map_or(0, |after| {
            let past = (after.namespace.as_str(), after.name.as_str());
            objects.partition_point(|object| (&*object.key().namespace, &*object.key().name) <= past)
        });
        let rest = objects[start..].iter().filter(|object| matches(options, object));
        let limit = if options.limit == 0 { usize::MAX } else { options.limit };
        let mut page: Vec<Arc<StoredObject>> = rest.clone().take(limit.saturating_add(1)).cloned().collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let last = page.last().filter(|_| more);
        Ok(Page {
            revision,
            continue_token: last.map(|last| encode_token(revision, last)),
            remaining: (more && !selective).then(|| objects.len() - start - page.len()),
            objects: page,
        })
    }

    fn snapshot(
        &self,
        target: &Objects,
        options: &ListOptions,
        after: Option<&Continue>,
    ) -> Result<Snapshot, ApiError> {
        let (collection, namespace) = (&target.resource.collection, target.namespace.as_deref());
        let exact = match (after, options.version_match, options.resource_version) {
            (Some(after), _, _) => Some(after.rv),
            (None, Some(VersionMatch::Exact), Some(revision)) => Some(revision),
            (None, _, wanted) => {
                let current = self.store.revision();
                if wanted.is_some_and(|wanted| wanted > current) {
                    let requested = wanted.unwrap_or_default();
                    return Err(meridian_store::WatchError::Future { requested, current }.into());
                }
                None
            }
        };
        let Some(revision) = exact else { return Ok(self.store.list(collection, namespace)) };
        self.store.list_at(collection, namespace, revision).map_err(|error| match (error, after) {
            (meridian_store::WatchError::Expired { .. }, Some(_)) => ApiError::expired(
                "The provided continue parameter is too old to display a consistent list result. You must start a new \
                 list without the continue parameter.",
            ),
            (error, _) => error.into(),
        })
    }
}

/// Whether the selectors take an object.
pub(crate) fn matches(options: &ListOptions, object: &StoredObject) -> bool {
    options.fields.matches(object)
        && (options.labels.is_everything() || options.labels.matches(&object.metadata().labels))
}

fn encode_token(revision: u64, last: &StoredObject) -> String {
    let key = last.key();
    let token = Continue { rv: revision, namespace: key.namespace.to_string(), name: key.name.to_string() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

fn decode_token(token: &str) -> Result<Continue, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
        ApiError::bad_request("invalid continue token: it is not one of this server; start a new list without it")
    })
}
