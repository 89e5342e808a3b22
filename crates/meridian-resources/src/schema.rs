//! Schemas derived from the types: the structural OpenAPI v3 form that the API serves, and the compiled form that
//! checks, prunes and fills objects.

pub(crate) mod check;
pub(crate) mod fields;
pub(crate) mod node;
pub(crate) mod path;
pub(crate) mod rule;
mod structural;
pub(crate) mod text;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kind::{Kind, Nulls};
use crate::meta::ObjectMeta;
use crate::object::{NoStatus, Spec};
use node::Node;

/// The schema of one kind as it is derived, still with the project's own `x-` keywords.
pub(crate) struct Schema {
    whole: Value,
    nulls: Nulls,
}

impl Schema {
    /// The compiled form.
    pub(crate) fn compile(&self) -> Node {
        let mut node = Node::compile(&self.whole, self.nulls == Nulls::Absent);
        if let Some(metadata) = self.whole.pointer("/properties/metadata") {
            node.properties.insert("metadata".to_owned(), Node::compile(metadata, true));
        }
        node
    }

    /// The structural OpenAPI v3 schema.
    pub(crate) fn publish(mut self) -> Value {
        structural::publish(&mut self.whole);
        self.whole
    }
}

/// Defines the two forms of a schema. `fn compiled() -> &'static Node` builds that which checks objects at its first use;
/// `fn published() -> Value` makes that which the API shows anew each time, because few ask for it and it is large.
macro_rules! forms {
    ($build:expr) => {
        fn compiled() -> &'static $crate::schema::node::Node {
            static NODE: std::sync::OnceLock<$crate::schema::node::Node> = std::sync::OnceLock::new();
            NODE.get_or_init(|| $crate::schema::Schema::compile(&$build))
        }

        fn published() -> serde_json::Value {
            $crate::schema::Schema::publish($build)
        }
    };
}
pub(crate) use forms;

/// The schema of a kind whose fields are under `spec`.
pub(crate) fn of_spec<T: Spec>(kind: &Kind, spec_required: bool) -> Schema {
    of_types::<T, T::Status>(kind, spec_required)
}

/// The same, with a specification that `change` rewrites: for kinds and versions whose limits differ a little from
/// those of the type.
pub(crate) fn of_changed_spec<T: Spec>(kind: &Kind, change: fn(&mut Value)) -> Schema {
    let mut spec = raw::<T>();
    change(&mut spec);
    of_parts::<T::Status>(kind, spec, true)
}

/// The schema of a kind by the types of its `spec` and of its `status`.
pub(crate) fn of_types<S: JsonSchema, T: JsonSchema + 'static>(kind: &Kind, spec_required: bool) -> Schema {
    of_parts::<T>(kind, raw::<S>(), spec_required)
}

fn of_parts<T: JsonSchema + 'static>(kind: &Kind, spec: Value, spec_required: bool) -> Schema {
    let description = spec.get("description").cloned();
    let mut properties = Map::new();
    properties.insert("spec".to_owned(), spec);
    let required = if spec_required { json!(["spec"]) } else { Value::Null };
    whole::<T>(kind, description, properties, required)
}

/// The schema of a kind whose fields are at the top of the object.
pub(crate) fn of_flat<T: Spec>(kind: &Kind) -> Schema {
    let mut spec = raw::<T>();
    let description = spec.get("description").cloned();
    let required = spec.get("required").cloned().unwrap_or_default();
    let properties = match spec.get_mut("properties").map(Value::take) {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    whole::<T::Status>(kind, description, properties, required)
}

fn whole<T: JsonSchema + 'static>(
    kind: &Kind,
    description: Option<Value>,
    mut properties: Map<String, Value>,
    required: Value,
) -> Schema {
    let string = |description: &str| json!({ "type": "string", "description": description });
    properties.insert("apiVersion".to_owned(), string("The API group and version of this object."));
    properties.insert("kind".to_owned(), string("The kind of this object."));
    properties.insert("metadata".to_owned(), raw::<ObjectMeta>());
    if std::any::TypeId::of::<T>() != std::any::TypeId::of::<NoStatus>() {
        let mut status = raw::<T>();
        // Tools of other origin report here too; what they say is kept, except where Gateway API says what there is.
        if !kind.group.starts_with("gateway.networking.") {
            status["x-kubernetes-preserve-unknown-fields"] = Value::Bool(true);
        }
        properties.insert("status".to_owned(), status);
    }
    let mut root = json!({ "type": "object", "properties": properties });
    if let Some(description) = description {
        root["description"] = description;
    }
    if !required.is_null() {
        root["required"] = required;
    }
    Schema { whole: root, nulls: kind.nulls }
}

/// What schemars derives, already in structural form, still with the project's own `x-` keywords.
fn raw<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    structural::normalise(&mut schema);
    schema
}
