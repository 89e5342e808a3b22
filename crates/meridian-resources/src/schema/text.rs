//! Schemas of texts with a format or a rule, for `#[schemars(with = ...)]` where the Rust type is a plain `String`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Defines a type that stands for a schema.
macro_rules! schema_type {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}
pub(crate) use schema_type;

schema_type!(
    /// Bytes in base64.
    Base64, json_schema!({ "type": "string", "format": "byte" })
);
schema_type!(
    /// The value of a label.
    LabelValue, json_schema!({ "type": "string", "maxLength": 63 })
);
schema_type!(
    /// A host of a ServiceEntry.
    ServiceEntryHost, json_schema!({ "type": "string", "x-rule": "service-entry-host" })
);

schema_type!(
    /// An object of any content.
    FreeObject, json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
);
schema_type!(
    /// Any value.
    AnyValue, json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
);
