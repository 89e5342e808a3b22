//! One setting of the command line, written as for `istioctl install --set`.

use serde_json::{Map, Value};
use std::str::FromStr;

/// What every path begins with.
const ROOT: &str = "meshConfig";

/// The most entries that a path may reach into a list.
const MOST_ENTRIES: usize = 1024;

/// One setting: `meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    path: Vec<Step>,
    value: Value,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Entry(usize),
}

/// The text is no setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "found {0:?}, allowed: meshConfig.PATH=VALUE, such as meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY or meshConfig.trustDomainAliases[0]=old.example"
)]
pub struct SettingError(String);

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || SettingError(text.to_owned());
        let (path, value) = text.split_once('=').ok_or_else(wrong)?;
        let path = path.strip_prefix(ROOT).and_then(|path| path.strip_prefix('.')).ok_or_else(wrong)?;
        let steps: Option<Vec<Vec<Step>>> = path.split('.').map(steps).collect();
        Ok(Self { path: steps.ok_or_else(wrong)?.concat(), value: read(value) })
    }
}

/// `name`, `name[0]`, `name[0][1]`.
fn steps(part: &str) -> Option<Vec<Step>> {
    let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte)) {
        return None;
    }
    let mut steps = vec![Step::Field(name.to_owned())];
    while !rest.is_empty() {
        let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
        let index = index.parse().ok().filter(|index| *index < MOST_ENTRIES)?;
        steps.push(Step::Entry(index));
        rest = after;
    }
    Some(steps)
}

/// Truth values and numbers are what they look like, `{a,b}` is a list, everything else text.
fn read(text: &str) -> Value {
    if let Some(entries) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        return entries.split(',').filter(|entry| !entry.is_empty()).map(|entry| read(entry.trim())).collect();
    }
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => number.into(),
            _ => text.into(),
        },
    }
}

impl Setting {
    /// Sets the value in a document. What is in the way and of another form is replaced.
    pub(super) fn apply(&self, document: &mut Value) {
        let mut place = document;
        for step in &self.path {
            place = match step {
                Step::Field(name) => {
                    if !place.is_object() {
                        *place = Value::Object(Map::new());
                    }
                    &mut place[name.as_str()]
                }
                Step::Entry(index) => {
                    if !place.is_array() {
                        *place = Value::Array(Vec::new());
                    }
                    if let Value::Array(entries) = place
                        && entries.len() <= *index
                    {
                        entries.resize(index + 1, Value::Null);
                    }
                    &mut place[*index]
                }
            };
        }
        place.clone_from(&self.value);
    }
}
