//! What a write makes of an object and of its managers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::compare::{Comparison, compare};
use crate::element::{Element, PathText};
use crate::item::fields_of;
use crate::last_applied;
use crate::managed::{Entry, Managed, Manager};
use crate::merge::merge;
use crate::number;
use crate::reconcile::reconcile;
use crate::remove::remove;
use crate::schema::TypeRef;
use crate::set::Set;
use crate::validate::{Duplicates, validate};

/// The manager of what was there before somebody applied, when nobody had been tracked.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// What nobody owns: the server does.
static SERVER_OWNED: LazyLock<Set> = LazyLock::new(|| {
    let mut set = Set::of_fields(&[&["apiVersion"], &["kind"], &["metadata"]]);
    for field in [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ] {
        set.insert(&[Element::field("metadata"), Element::field(field)]);
    }
    set
});

/// A kind of objects in its versions.
pub trait Objects {
    /// The type of objects of a version; `None` for one that is not served.
    fn type_of(&self, api_version: &str) -> Option<TypeRef>;

    /// An object of one version in another that is served.
    fn convert<'a>(&self, object: &'a Value, from: &str, to: &str) -> Cow<'a, Value>;
}

/// One write.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The kind of the object.
    pub objects: &'a dyn Objects,
    /// The version in which the client writes; objects are given in it.
    pub api_version: &'a str,
    /// The manager.
    pub manager: &'a str,
    /// The subresource that is written; empty for the object itself.
    pub subresource: &'a str,
    /// The time (RFC 3339, whole seconds, UTC).
    pub now: &'a str,
    /// Fields that this way of writing does not change, whatever the client sends.
    pub ignored: &'a Set,
    /// An object of this kind before anything is said about it.
    pub empty: &'a Value,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("manager", &self.manager).field("subresource", &self.subresource).finish()
    }
}

/// A field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The owner.
    pub manager: Manager,
    /// The field.
    pub path: Vec<Element>,
}

/// Why an object cannot be applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields that would change.
    #[error("{}", conflicts_text(.0))]
    Conflicts(Vec<Conflict>),
    /// What is applied does not fit the type.
    #[error("{}", errors_text(.0))]
    Malformed(Vec<String>),
    /// What is applied cannot be merged.
    #[error("failed to merge config: {0}")]
    Merge(String),
}

fn errors_text(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        several => {
            let lines: Vec<String> = several.iter().map(|error| format!("\n  {error}")).collect();
            format!("errors:{}", lines.concat())
        }
    }
}

fn conflicts_text(conflicts: &[Conflict]) -> String {
    if let [Conflict { manager, path }] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {manager}: {}", PathText(path));
    }
    let mut by_manager: BTreeMap<&Manager, Vec<&[Element]>> = BTreeMap::new();
    for conflict in conflicts {
        by_manager.entry(&conflict.manager).or_default().push(&conflict.path);
    }
    let mut lines = Vec::new();
    for (manager, paths) in by_manager {
        lines.push(format!("conflicts with {manager}:"));
        lines.extend(paths.iter().map(|path| format!("- {}", PathText(path))));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// The outcome of an apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The object, without its managers.
    pub object: Value,
    /// Its managers.
    pub managed: Managed,
}

/// The managers after a write that is no apply. Objects come without their managers. An object that is there already
/// and has no managers is not tracked until somebody applies it.
pub fn update(request: Request<'_>, live: &Value, new: &Value, managed: Managed, is_new: bool) -> Managed {
    if managed.is_empty() && !is_new {
        return managed;
    }
    let mut managed = track(request, live, new, managed);
    managed.cap_updaters();
    managed
}

fn track(request: Request<'_>, live: &Value, new: &Value, mut managed: Managed) -> Managed {
    reconcile_all(request, &mut managed);
    let mut changes = Changes::new(request, live, new);
    let found = changes.find(&managed, None);
    found.take_away(&mut managed);
    let Some(own) = changes.in_version(request.api_version) else { return managed };
    let set = own.added.clone().union(&own.modified).recursive_difference(request.ignored).difference(&SERVER_OWNED);
    if !set.is_empty() {
        let manager = Manager::updater(request.manager, request.api_version, request.subresource);
        let entry = Entry { set, api_version: request.api_version.to_owned(), time: Some(request.now.to_owned()) };
        let before = managed.entries.remove(&manager);
        let set = before.map(|before| before.set).unwrap_or_default().union(&entry.set);
        managed.entries.insert(manager, Entry { set, ..entry });
    }
    managed
}

/// Applies an object. Both come without their managers; `live` is [`Request::empty`] when there is none.
///
/// # Errors
/// [`ApplyError`].
pub fn apply(
    request: Request<'_>,
    live: &Value,
    applied: &Value,
    mut managed: Managed,
    force: bool,
) -> Result<Applied, ApplyError> {
    if managed.is_empty() {
        let before = Request { manager: BEFORE_FIRST_APPLY, ..request };
        managed = track(before, request.empty, live, managed);
        managed.cap_updaters();
    }
    let mut outcome = apply_once(request, live, applied, managed.clone(), force);
    if request.manager == last_applied::KUBECTL
        && let Err(ApplyError::Conflicts(conflicts)) = &outcome
        && let Some(allowed) = allowed_by_last_applied(request, live)
    {
        let refused: Vec<Conflict> =
            conflicts.iter().filter(|conflict| !allowed.has(&conflict.path)).cloned().collect();
        outcome = match refused.is_empty() {
            true => apply_once(request, live, applied, managed, true),
            false => Err(ApplyError::Conflicts(refused)),
        };
    }
    let mut outcome = outcome?;
    if request.manager == last_applied::KUBECTL {
        last_applied::refresh(&mut outcome.object, applied);
    }
    Ok(outcome)
}

fn apply_once(
    request: Request<'_>,
    live: &Value,
    applied: &Value,
    mut managed: Managed,
    force: bool,
) -> Result<Applied, ApplyError> {
    let type_ = request.objects.type_of(request.api_version).unwrap_or(TypeRef::Deduced);
    let errors = validate(&type_, applied, Duplicates::Refused);
    if !errors.is_empty() {
        return Err(ApplyError::Malformed(errors));
    }
    reconcile_all(request, &mut managed);
    let merged = merge(&type_, live, applied).map_err(ApplyError::Merge)?;
    let manager = Manager::applier(request.manager, request.subresource);
    let last = managed.entries.get(&manager).cloned();
    let entry = Entry {
        set: fields_of(&type_, applied).recursive_difference(request.ignored),
        api_version: request.api_version.to_owned(),
        time: last.as_ref().and_then(|last| last.time.clone()),
    };
    managed.entries.insert(manager.clone(), entry);
    let object = match &last {
        Some(last) if !last.set.is_empty() => prune(request, merged, &managed, last),
        _ => merged,
    };
    let found = Changes::new(request, live, &object).find(&managed, Some(&manager));
    let conflicts = found.conflicts();
    if !force && !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    found.take_away(&mut managed);
    let changed = !number::same(live, &object);
    if let Some(entry) = managed.entries.get_mut(&manager) {
        entry.set = entry.set.difference(&SERVER_OWNED);
        if changed {
            entry.time = Some(request.now.to_owned());
        }
    }
    managed.drop_empty();
    Ok(Applied { object, managed })
}

/// Sets that were written for another form of their type.
fn reconcile_all(request: Request<'_>, managed: &mut Managed) {
    for entry in managed.entries.values_mut() {
        let type_ = request.objects.type_of(&entry.api_version);
        if let Some(set) = type_.and_then(|type_| reconcile(&type_, &entry.set)) {
            entry.set = set;
        }
    }
}

/// Removes what this manager applied last time and not now, unless somebody else owns it too.
fn prune(request: Request<'_>, merged: Value, managed: &Managed, last: &Entry) -> Value {
    let objects = request.objects;
    let Some(type_) = objects.type_of(&last.api_version) else { return merged };
    let merged_then = objects.convert(&merged, request.api_version, &last.api_version).into_owned();
    let last_set = last.set.with_named_fields(&type_);
    let pruned = remove(&type_, &merged_then, &last_set);
    let (merged, version, pruned) = add_back_owned(request, (merged_then, pruned), managed, &last.api_version);
    let Some(type_) = objects.type_of(&last.api_version) else { return merged };
    let merged = objects.convert(&merged, &version, &last.api_version).into_owned();
    let pruned = objects.convert(&pruned, &version, &last.api_version).into_owned();
    // What went though this manager had not owned it comes back.
    let pruned_set = fields_of(&type_, &pruned).with_named_fields(&type_);
    let merged_set = fields_of(&type_, &merged).with_named_fields(&type_);
    let gone = merged_set.difference(&pruned_set).intersection(&last_set);
    let pruned = remove(&type_, &merged, &gone);
    objects.convert(&pruned, &last.api_version, request.api_version).into_owned()
}

/// Adds back what somebody owns. Returns both objects in the version that was looked at last.
fn add_back_owned(
    request: Request<'_>,
    (mut merged, mut pruned): (Value, Value),
    managed: &Managed,
    first: &str,
) -> (Value, String, Value) {
    let mut by_version: BTreeMap<&str, Set> = BTreeMap::new();
    for entry in managed.entries.values() {
        let owned = by_version.entry(&entry.api_version).or_default();
        *owned = std::mem::take(owned).union(&entry.set);
    }
    let mut version = first.to_owned();
    // The version that is at hand first: others may not be convertible without what it brings back.
    let owned_first = by_version.remove(first).map(|owned| (first, owned));
    for (next, owned) in owned_first.into_iter().chain(by_version) {
        let Some(type_) = request.objects.type_of(next) else { continue };
        merged = request.objects.convert(&merged, &version, next).into_owned();
        pruned = request.objects.convert(&pruned, &version, next).into_owned();
        version = next.to_owned();
        let kept = fields_of(&type_, &pruned).with_named_fields(&type_).union(&owned.with_named_fields(&type_));
        let gone = fields_of(&type_, &merged).with_named_fields(&type_).difference(&kept);
        pruned = remove(&type_, &merged, &gone);
    }
    (merged, version, pruned)
}

/// The fields that kubectl's client-side apply has set and that still are as it set them: what another manager seems to
/// own there is kubectl's own.
fn allowed_by_last_applied(request: Request<'_>, live: &Value) -> Option<Set> {
    let last = last_applied::read(live)?;
    if last["apiVersion"] != request.api_version {
        return None;
    }
    let type_ = request.objects.type_of(request.api_version)?;
    if !validate(&type_, &last, Duplicates::Refused).is_empty() {
        return None;
    }
    let found = compare(&type_, &last, live);
    let set = fields_of(&type_, &last);
    Some(set.difference(&found.modified).difference(&found.added).difference(&found.removed))
}

/// What a write changes, in each version in which somebody owns fields.
struct Changes<'a> {
    request: Request<'a>,
    live: &'a Value,
    new: &'a Value,
    by_version: BTreeMap<String, Option<Comparison>>,
}

/// What managers lose by a write.
struct Losses {
    changed: BTreeMap<Manager, Set>,
    removed: BTreeMap<Manager, Set>,
    /// Managers of versions that are not served any more.
    obsolete: Vec<Manager>,
}

impl<'a> Changes<'a> {
    fn new(request: Request<'a>, live: &'a Value, new: &'a Value) -> Changes<'a> {
        Changes { request, live, new, by_version: BTreeMap::new() }
    }

    /// The changes in a version; `None` for one that is not served.
    fn in_version(&mut self, api_version: &str) -> Option<&Comparison> {
        if !self.by_version.contains_key(api_version) {
            let Request { objects, api_version: own, ignored, .. } = self.request;
            let comparison = objects.type_of(api_version).map(|type_| {
                let live = objects.convert(self.live, own, api_version);
                let new = objects.convert(self.new, own, api_version);
                compare(&type_, &live, &new).without(ignored)
            });
            self.by_version.insert(api_version.to_owned(), comparison);
        }
        self.by_version.get(api_version).and_then(Option::as_ref)
    }

    fn find(&mut self, managed: &Managed, own: Option<&Manager>) -> Losses {
        let mut losses = Losses { changed: BTreeMap::new(), removed: BTreeMap::new(), obsolete: Vec::new() };
        for (manager, entry) in managed.entries.iter().filter(|(manager, _)| Some(*manager) != own) {
            let Some(found) = self.in_version(&entry.api_version) else {
                losses.obsolete.push(manager.clone());
                continue;
            };
            let changed = entry.set.intersection(&found.modified.clone().union(&found.added));
            if !changed.is_empty() {
                losses.changed.insert(manager.clone(), changed);
            }
            if !found.removed.is_empty() {
                losses.removed.insert(manager.clone(), found.removed.clone());
            }
        }
        losses
    }
}

impl Losses {
    fn conflicts(&self) -> Vec<Conflict> {
        let of = |(manager, set): (&Manager, &Set)| {
            let manager = manager.clone();
            set.paths().into_iter().map(move |path| Conflict { manager: manager.clone(), path }).collect::<Vec<_>>()
        };
        self.changed.iter().flat_map(of).collect()
    }

    fn take_away(&self, managed: &mut Managed) {
        for manager in &self.obsolete {
            managed.entries.remove(manager);
        }
        for (manager, set) in self.changed.iter().chain(&self.removed) {
            if let Some(entry) = managed.entries.get_mut(manager) {
                entry.set = entry.set.difference(set);
            }
        }
        managed.drop_empty();
    }
}
