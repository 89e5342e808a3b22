//! Types: how a value splits into fields that can have different owners.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

/// What a scalar may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// A number.
    Numeric,
    /// A text.
    String,
    /// A boolean.
    Boolean,
    /// Any of them.
    Untyped,
}

/// A type. One that allows several forms is decided by the value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Type {
    /// It may be a scalar.
    pub scalar: Option<Scalar>,
    /// It may be a list.
    pub list: Option<ListType>,
    /// It may be an object.
    pub map: Option<MapType>,
}

/// The type of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListType {
    /// How its items are told apart.
    pub items_by: ItemsBy,
    /// The type of the items.
    pub items: TypeRef,
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemsBy {
    /// Not at all: the list has one owner.
    Atomic,
    /// By their values.
    Value,
    /// By these fields.
    Keys(Vec<String>),
}

/// The type of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct MapType {
    /// Whether the object has one owner as a whole.
    pub atomic: bool,
    /// The fields that the schema names.
    pub fields: BTreeMap<String, Field>,
    /// The type of all other fields.
    pub others: TypeRef,
}

/// A field that the schema names.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its type.
    pub type_: TypeRef,
    /// The value of the field where it is missing, which matters for keys of lists.
    pub default: Option<Value>,
    /// Whether every object has it.
    pub required: bool,
}

/// A reference to a type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeRef {
    /// There is no such field.
    Unknown,
    /// Any value; objects split into their fields, lists do not split.
    Deduced,
    /// Any value, with one owner.
    Atomic,
    /// This one.
    Of(Arc<Type>),
}

impl MapType {
    /// The type of a field.
    pub(crate) fn field(&self, name: &str) -> TypeRef {
        self.fields.get(name).map_or_else(|| self.others.clone(), |field| field.type_.clone())
    }
}

static DEDUCED: LazyLock<Type> = LazyLock::new(|| any(false, TypeRef::Deduced));
static ATOMIC: LazyLock<Type> = LazyLock::new(|| any(true, TypeRef::Atomic));

fn any(atomic: bool, others: TypeRef) -> Type {
    Type {
        scalar: Some(Scalar::Untyped),
        list: Some(ListType { items_by: ItemsBy::Atomic, items: TypeRef::Atomic }),
        map: Some(MapType { atomic, fields: BTreeMap::new(), others }),
    }
}

impl TypeRef {
    /// The type; `None` for what is not in the schema.
    pub(crate) fn resolve(&self) -> Option<&Type> {
        match self {
            TypeRef::Unknown => None,
            TypeRef::Deduced => Some(&DEDUCED),
            TypeRef::Atomic => Some(&ATOMIC),
            TypeRef::Of(type_) => Some(type_),
        }
    }

    /// The type that an OpenAPI schema describes, with `x-kubernetes-list-type`, `x-kubernetes-list-map-keys`,
    /// `x-kubernetes-map-type`, `x-kubernetes-patch-strategy` and `x-kubernetes-preserve-unknown-fields`. References
    /// (`$ref`, alone or in `allOf`) are looked up by the last part of their path.
    pub fn from_openapi(schema: &Value, definitions: &dyn Fn(&str) -> Option<Value>) -> TypeRef {
        let mut reader = Reader { definitions, open: Vec::new(), known: BTreeMap::new(), cut: false };
        reader.reference(schema, false)
    }
}

/// How deep references to definitions may nest; below, values have one owner each.
const DEEPEST: usize = 40;

struct Reader<'a> {
    definitions: &'a dyn Fn(&str) -> Option<Value>,
    /// The definitions that are being read.
    open: Vec<String>,
    /// Those that were, by whether they keep unknown fields: many are referred to from many places.
    known: BTreeMap<(String, bool), Type>,
    /// Whether something that is being read contains itself.
    cut: bool,
}

impl Reader<'_> {
    fn reference(&mut self, schema: &Value, preserve: bool) -> TypeRef {
        let Some(target) = target(schema) else {
            return TypeRef::Of(Arc::new(self.parse(schema, preserve)));
        };
        let mut type_ = match self.known.get(&(target.clone(), preserve)) {
            Some(known) => known.clone(),
            None => match self.definition(target, preserve) {
                Some(type_) => type_,
                None => return TypeRef::Deduced,
            },
        };
        if let (Some(map), Some(atomic)) = (&mut type_.map, map_type(schema)) {
            map.atomic = atomic;
        }
        TypeRef::Of(Arc::new(type_))
    }

    /// Reads a definition; `None` for one that there is not.
    fn definition(&mut self, target: String, preserve: bool) -> Option<Type> {
        // A definition that contains itself, such as a schema in a schema, does not split any deeper.
        if self.open.contains(&target) || self.open.len() > DEEPEST {
            self.cut = true;
            return None;
        }
        let definition = (self.definitions)(&target)?;
        self.open.push(target.clone());
        let type_ = self.parse(&definition, preserve);
        self.open.pop();
        if !self.cut {
            self.known.insert((target, preserve), type_.clone());
        } else if self.open.is_empty() {
            self.cut = false;
        }
        Some(type_)
    }

    fn parse(&mut self, schema: &Value, preserve: bool) -> Type {
        let preserve = preserve || schema["x-kubernetes-preserve-unknown-fields"] == true;
        let scalar = |scalar| Type { scalar: Some(scalar), ..Type::default() };
        match schema["type"].as_str() {
            Some("object") => Type { map: Some(self.object(schema, preserve)), ..Type::default() },
            Some("array") => Type { list: Some(self.list(schema, preserve)), ..Type::default() },
            Some("integer" | "number") => scalar(Scalar::Numeric),
            Some("boolean") => scalar(Scalar::Boolean),
            Some("string") => match schema["format"].as_str() {
                None | Some("" | "byte") => scalar(Scalar::String),
                _ => scalar(Scalar::Untyped),
            },
            _ => Type {
                scalar: Some(Scalar::Untyped),
                list: Some(self.list(schema, preserve)),
                map: Some(self.object(schema, preserve)),
            },
        }
    }

    fn object(&mut self, schema: &Value, preserve: bool) -> MapType {
        let mut fields = BTreeMap::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let default = property.get("default").filter(|default| !default.is_null()).cloned();
            let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|field| field == name));
            fields.insert(name.clone(), Field { type_: self.reference(property, preserve), default, required });
        }
        let others = match &schema["additionalProperties"] {
            Value::Object(_) => self.reference(&schema["additionalProperties"], preserve),
            Value::Bool(true) => TypeRef::Deduced,
            Value::Bool(false) => TypeRef::Unknown,
            _ if preserve || fields.is_empty() => TypeRef::Deduced,
            _ => TypeRef::Unknown,
        };
        MapType { atomic: map_type(schema).unwrap_or(false), fields, others }
    }

    fn list(&mut self, schema: &Value, preserve: bool) -> ListType {
        let items = match schema.get("items") {
            Some(items @ Value::Object(_)) => self.reference(items, preserve),
            _ => TypeRef::Atomic,
        };
        ListType { items_by: items_by(schema), items }
    }
}

fn items_by(schema: &Value) -> ItemsBy {
    if let Some(list_type) = schema["x-kubernetes-list-type"].as_str() {
        let keys: Vec<String> = schema["x-kubernetes-list-map-keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect();
        return match list_type {
            "map" if !keys.is_empty() => ItemsBy::Keys(keys),
            "set" => ItemsBy::Value,
            _ => ItemsBy::Atomic,
        };
    }
    match (schema["x-kubernetes-patch-strategy"].as_str(), schema["x-kubernetes-patch-merge-key"].as_str()) {
        (Some("merge" | "merge,retainKeys"), Some(key)) => ItemsBy::Keys(vec![key.to_owned()]),
        (Some("merge" | "merge,retainKeys"), None) => ItemsBy::Value,
        _ => ItemsBy::Atomic,
    }
}

/// Whether a schema says that its objects are atomic, or that they are not.
fn map_type(schema: &Value) -> Option<bool> {
    match schema["x-kubernetes-map-type"].as_str() {
        Some("atomic") => Some(true),
        Some("granular") => Some(false),
        _ => None,
    }
}

/// The definition to which a schema refers.
fn target(schema: &Value) -> Option<String> {
    let direct = schema["$ref"].as_str();
    let only = || match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([one]) => one["$ref"].as_str(),
        _ => None,
    };
    direct.or_else(only).and_then(|path| path.rsplit('/').next()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ItemsBy, Scalar, TypeRef};

    #[test]
    fn a_type_says_how_values_split() {
        let schema = json!({"type": "object", "properties": {
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port"],
                      "items": {"$ref": "#/components/schemas/Port"}},
            "names": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "selector": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
            "since": {"type": "string", "format": "date-time"},
            "target": {"x-kubernetes-int-or-string": true},
        }});
        let port = json!({"type": "object", "properties": {"port": {"type": "integer", "default": 80}}});
        let type_ = TypeRef::from_openapi(&schema, &|name| (name == "Port").then(|| port.clone()));
        let root = type_.resolve().expect("a type").map.as_ref().expect("an object");
        assert_eq!(root.others, TypeRef::Unknown);
        let field = |name: &str| root.field(name);
        let ports = field("ports").resolve().expect("known").list.clone().expect("a list");
        assert_eq!(ports.items_by, ItemsBy::Keys(vec!["port".to_owned()]));
        let item = ports.items.resolve().expect("found").map.clone().expect("an object");
        assert_eq!(item.fields["port"].default, Some(json!(80)));
        assert_eq!(field("names").resolve().expect("known").list.clone().expect("a list").items_by, ItemsBy::Value);
        assert!(field("selector").resolve().expect("known").map.clone().expect("a map").atomic);
        assert_eq!(field("since").resolve().expect("known").scalar, Some(Scalar::Untyped));
        let target = field("target");
        let target = target.resolve().expect("known");
        assert!(target.scalar.is_some() && target.list.is_some() && target.map.is_some());
    }

    #[test]
    fn a_definition_that_contains_itself_ends() {
        let node = json!({"type": "object", "properties": {"child": {"$ref": "#/definitions/Node"}}});
        let type_ = TypeRef::from_openapi(&json!({"$ref": "#/definitions/Node"}), &|_| Some(node.clone()));
        let child = type_.resolve().expect("a type").map.as_ref().expect("an object").field("child");
        assert_eq!(child, TypeRef::Deduced);
    }
}
