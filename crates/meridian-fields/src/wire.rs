//! `fieldsV1`: sets as JSON.
//!
//! A path element is a key: `f:NAME` for a field, `k:{...}` for an item by its key fields, `v:VALUE` for an item of a
//! set, `i:INDEX` for an item by its place. A member without longer paths has an empty object; one with longer paths
//! has the key `.` in it.

use serde_json::{Map, Value};

use crate::element::Element;
use crate::set::Set;

impl Set {
    /// The set as `fieldsV1`.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        for member in &self.members {
            object.insert(text(member), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            let mut below = child.to_json();
            if let Value::Object(below) = &mut below
                && self.members.contains(element)
            {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            object.insert(text(element), below);
        }
        Value::Object(object)
    }

    /// Reads `fieldsV1`. Elements of kinds that are not known are passed over.
    ///
    /// # Errors
    /// A key that is no path element, or a value that is no object.
    pub fn from_json(value: &Value) -> Result<Set, String> {
        read(value).map(|(set, _)| set)
    }
}

/// The set below a key, and whether the key itself is a member.
fn read(value: &Value) -> Result<(Set, bool), String> {
    let Value::Object(fields) = value else {
        return Err(format!("found {value} in fieldsV1, allowed: an object"));
    };
    let (mut set, mut member) = (Set::default(), false);
    for (key, value) in fields {
        if key == "." {
            member = true;
            continue;
        }
        let Some(element) = element(key)? else { continue };
        let (below, is_member) = read(value)?;
        if is_member {
            set.members.insert(element.clone());
        }
        if !below.is_empty() {
            set.children.insert(element, below);
        }
    }
    let is_leaf = set.is_empty();
    Ok((set, member || is_leaf))
}

fn text(element: &Element) -> String {
    match element {
        Element::Field(name) => format!("f:{name}"),
        Element::Key(fields) => {
            let fields: Map<String, Value> = fields.iter().cloned().collect();
            format!("k:{}", Value::Object(fields))
        }
        Element::Value(value) => format!("v:{value}"),
        Element::Index(index) => format!("i:{index}"),
    }
}

/// Reads a path element; `None` for a kind that is not known.
fn element(key: &str) -> Result<Option<Element>, String> {
    let Some((kind, rest)) = key.split_once(':').filter(|(kind, _)| kind.len() == 1) else {
        return Err(format!("found the key {key:?} in fieldsV1, allowed: f:, k:, v: or i: and what they name"));
    };
    let unreadable = |why: &dyn std::fmt::Display| format!("the key {key:?} in fieldsV1 is not readable: {why}");
    Ok(match kind {
        "f" => Some(Element::field(rest)),
        "k" => {
            let fields: Map<String, Value> = serde_json::from_str(rest).map_err(|e| unreadable(&e))?;
            Some(Element::Key(fields.into_iter().collect()))
        }
        "v" => Some(Element::Value(serde_json::from_str(rest).map_err(|e| unreadable(&e))?)),
        "i" => Some(Element::Index(rest.parse().map_err(|e| unreadable(&e))?)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Set;

    #[test]
    fn a_set_survives_its_json() {
        let text = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:ports": {".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}},
                "f:finalizers": {"v:\"x\"": {}, "v:1": {}},
                "f:list": {"i:3": {"f:a": {}}},
            },
        });
        let set = Set::from_json(&text).expect("a set");
        assert_eq!(set.to_json(), text);
        assert_eq!(set.len(), 8);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for wrong in [json!([]), json!({"x": {}}), json!({"k:x": {}}), json!({"i:x": {}}), json!({"f:a": 1})] {
            assert!(Set::from_json(&wrong).is_err(), "{wrong}");
        }
        assert!(Set::from_json(&json!({"z:later": {}})).expect("an unknown kind is passed over").is_empty());
    }
}
