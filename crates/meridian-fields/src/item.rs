//! What a value is to a walk by its type, the names of the items of lists, and the fields of a value.

use serde_json::{Map, Value};

use crate::element::Element;
use crate::schema::{ItemsBy, ListType, MapType, Scalar, Type, TypeRef};
use crate::set::Set;

/// The form that a value takes among those that its type allows.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Form<'a> {
    Map(&'a MapType),
    Scalar(Scalar),
    List(&'a ListType),
}

/// The form of a value. A value that fits none, `null` among them, takes the first that the type allows.
pub(crate) fn form<'a>(type_: &'a Type, value: &Value) -> Option<Form<'a>> {
    let fitting = match value {
        Value::Number(_) | Value::String(_) | Value::Bool(_) => type_.scalar.map(Form::Scalar),
        Value::Array(_) => type_.list.as_ref().map(Form::List),
        Value::Object(_) => type_.map.as_ref().map(Form::Map),
        Value::Null => None,
    };
    fitting.or_else(|| first(type_))
}

fn first(type_: &Type) -> Option<Form<'_>> {
    let map = type_.map.as_ref().map(Form::Map);
    map.or_else(|| type_.scalar.map(Form::Scalar)).or_else(|| type_.list.as_ref().map(Form::List))
}

/// The name of an item of a list whose items are told apart.
///
/// # Errors
/// What the item lacks.
pub(crate) fn element(list: &ListType, item: &Value) -> Result<Element, String> {
    match &list.items_by {
        ItemsBy::Keys(keys) => by_keys(list, keys, item).map(Element::Key),
        ItemsBy::Value => match item {
            Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
            Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
            Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
            scalar => Ok(Element::Value(scalar.clone())),
        },
        ItemsBy::Atomic => Err("invalid indexing of non-associative list".to_owned()),
    }
}

fn by_keys(list: &ListType, keys: &[String], item: &Value) -> Result<Vec<(String, Value)>, String> {
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let known = list.items.resolve().and_then(|type_| type_.map.as_ref());
    let default = |key: &String| known.and_then(|map| map.fields.get(key)).and_then(|field| field.default.clone());
    let mut found: Vec<(String, Value)> = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(value) = fields.get(key).cloned().or_else(|| default(key)) {
            found.push((key.clone(), value));
        }
    }
    if found.is_empty() {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values \
             for any key fields)",
            keys.join(" ")
        ));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// The entries of an object; none of anything else.
pub(crate) fn entries(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object).filter(|fields| !fields.is_empty())
}

/// The items of a list; none of anything else.
pub(crate) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The fields that a value sets, each of which can have owners.
pub fn fields_of(type_: &TypeRef, value: &Value) -> Set {
    let mut set = Set::default();
    collect(type_, value, &mut Vec::new(), &mut set);
    set
}

fn collect(type_: &TypeRef, value: &Value, path: &mut Vec<Element>, set: &mut Set) {
    match type_.resolve().and_then(|type_| form(type_, value)) {
        Some(Form::Scalar(_)) => set.insert(path),
        Some(Form::Map(map)) if map.atomic => set.insert(path),
        Some(Form::List(list)) if list.items_by == ItemsBy::Atomic => set.insert(path),
        Some(Form::Map(map)) => {
            for (name, value) in value.as_object().into_iter().flatten() {
                path.push(Element::field(name.clone()));
                collect(&map.field(name), value, path, set);
                let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if empty || !map.fields.contains_key(name) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        Some(Form::List(list)) => collect_items(list, items(Some(value)), path, set),
        None => {}
    }
}

fn collect_items(list: &ListType, items: &[Value], path: &mut Vec<Element>, set: &mut Set) {
    let named: Vec<(Element, &Value)> =
        items.iter().filter_map(|item| element(list, item).ok().map(|element| (element, item))).collect();
    for (element, item) in &named {
        path.push(element.clone());
        // What several items share has one owner.
        if named.iter().filter(|(other, _)| other == element).count() == 1 {
            collect(&list.items, item, path, set);
        }
        set.insert(path);
        path.pop();
    }
}
