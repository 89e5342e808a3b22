//! `metadata.managedFields`: who owns which fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::set::Set;

/// The most entries of updates; the oldest beyond share one.
const MOST_UPDATERS: usize = 10;
/// The manager of the entry that the oldest share.
const ANCIENT: &str = "ancient-changes";

/// How a manager changed an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// In any other way.
    Update,
}

impl Operation {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        }
    }
}

/// What tells entries apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    /// The name that the client gave.
    pub name: String,
    /// How it changed the object.
    pub operation: Operation,
    /// The version of its changes; empty for appliers, which have one entry for all versions.
    pub api_version: String,
    /// The subresource through which it came; empty for the object itself.
    pub subresource: String,
}

impl Manager {
    pub(crate) fn updater(name: &str, api_version: &str, subresource: &str) -> Manager {
        Manager {
            name: if name.is_empty() { "unknown" } else { name }.to_owned(),
            operation: Operation::Update,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }

    pub(crate) fn applier(name: &str, subresource: &str) -> Manager {
        Manager {
            name: if name.is_empty() { "unknown" } else { name }.to_owned(),
            operation: Operation::Apply,
            api_version: String::new(),
            subresource: subresource.to_owned(),
        }
    }
}

/// As messages spell it: `"kubectl" with subresource "status" using v1`.
impl std::fmt::Display for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.name)?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {:?}", self.subresource)?;
        }
        if self.operation == Operation::Update {
            write!(f, " using {}", self.api_version)?;
        }
        Ok(())
    }
}

/// What a manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The fields.
    pub set: Set,
    /// The version in which they are named.
    pub api_version: String,
    /// When it last changed something (RFC 3339, whole seconds, UTC).
    pub time: Option<String>,
}

/// The managers of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managed {
    pub(crate) entries: BTreeMap<Manager, Entry>,
}

impl Managed {
    /// Whether nobody manages anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The managers and what they own.
    pub fn entries(&self) -> impl Iterator<Item = (&Manager, &Entry)> {
        self.entries.iter()
    }

    /// Whether a client asks by this value of `metadata.managedFields` to forget all managers: it is empty, or holds one
    /// empty entry.
    pub fn is_reset(value: Option<&Value>) -> bool {
        match value.and_then(Value::as_array).map(Vec::as_slice) {
            Some([]) => true,
            Some([only]) => only.as_object().is_some_and(Map::is_empty),
            _ => false,
        }
    }

    /// Reads `metadata.managedFields`.
    ///
    /// # Errors
    /// An entry that is not complete or has an unknown form.
    pub fn from_json(value: Option<&Value>) -> Result<Managed, String> {
        let mut managed = Managed::default();
        let entries = match value {
            None | Some(Value::Null) => return Ok(managed),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err("found managedFields of another type, allowed: a list".to_owned()),
        };
        for (i, entry) in entries.iter().enumerate() {
            let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            let operation = match entry["operation"].as_str() {
                Some("Apply") => Operation::Apply,
                Some("Update") => Operation::Update,
                _ => return Err("operation must be `Apply` or `Update`".to_owned()),
            };
            let api_version = text("apiVersion");
            if api_version.is_empty() {
                return Err("apiVersion must not be empty".to_owned());
            }
            match entry["fieldsType"].as_str() {
                Some("FieldsV1") => {}
                None | Some("") => return Err(format!("missing fieldsType in managed fields entry {i}")),
                Some(other) => return Err(format!("invalid fieldsType {other:?} in managed fields entry {i}")),
            }
            let manager = Manager {
                name: text("manager"),
                operation,
                api_version: if operation == Operation::Apply { String::new() } else { api_version.clone() },
                subresource: text("subresource"),
            };
            let set = match &entry["fieldsV1"] {
                Value::Null => Set::default(),
                fields => Set::from_json(fields)?,
            };
            let time = entry["time"].as_str().map(str::to_owned);
            managed.entries.insert(manager, Entry { set, api_version, time });
        }
        Ok(managed)
    }

    /// Writes `metadata.managedFields`; `None` when there is nothing to write. Appliers come first, then by time.
    pub fn to_json(&self) -> Option<Value> {
        let mut entries: Vec<(&Manager, &Entry)> = self.entries.iter().collect();
        entries.sort_by(|(a, x), (b, y)| {
            let by_time = a.operation.cmp(&b.operation).then_with(|| seconds(x).cmp(&seconds(y)));
            let by_name = by_time.then_with(|| a.name.cmp(&b.name));
            by_name.then_with(|| x.api_version.cmp(&y.api_version)).then_with(|| a.subresource.cmp(&b.subresource))
        });
        let entries: Vec<Value> = entries.into_iter().map(|(manager, entry)| entry_json(manager, entry)).collect();
        (!entries.is_empty()).then_some(Value::Array(entries))
    }

    pub(crate) fn drop_empty(&mut self) {
        self.entries.retain(|_, entry| !entry.set.is_empty());
    }

    /// Lets the oldest updaters beyond the limit share an entry for each version.
    pub(crate) fn cap_updaters(&mut self) {
        let is_updater = |manager: &&Manager| manager.operation == Operation::Update;
        let mut updaters: Vec<Manager> = self.entries.keys().filter(is_updater).cloned().collect();
        if updaters.len() <= MOST_UPDATERS {
            return;
        }
        updaters.sort_by_key(|manager| self.entries.get(manager).map(seconds));
        let mut left = updaters.len();
        let mut first_of: BTreeMap<String, Manager> = BTreeMap::new();
        for manager in updaters {
            if left <= MOST_UPDATERS {
                break;
            }
            let version = manager.api_version.clone();
            let Some(first) = first_of.get(&version) else {
                first_of.insert(version, manager);
                continue;
            };
            let bucket = Manager::updater(ANCIENT, &version, "");
            let Some(entry) = self.entries.remove(&manager) else { continue };
            if !self.entries.contains_key(&bucket)
                && let Some(first) = self.entries.remove(first)
            {
                self.entries.insert(bucket.clone(), first);
            }
            if let Some(shared) = self.entries.get_mut(&bucket) {
                shared.set = std::mem::take(&mut shared.set).union(&entry.set);
                shared.time = entry.time;
            }
            left -= 1;
        }
    }
}

fn entry_json(manager: &Manager, entry: &Entry) -> Value {
    let mut value = json!({
        "manager": manager.name,
        "operation": manager.operation.as_str(),
        "apiVersion": entry.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": entry.set.to_json(),
    });
    if let Some(time) = &entry.time {
        value["time"] = time.as_str().into();
    }
    if !manager.subresource.is_empty() {
        value["subresource"] = manager.subresource.as_str().into();
    }
    value
}

fn seconds(entry: &Entry) -> i64 {
    let time = entry.time.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    time.map_or(0, jiff::Timestamp::as_second)
}
