//! Schemas of texts with a format or a rule, for `#[schemars(with = ...)]` where the Rust type is a plain `String`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $keyword:literal: $value:expr) => {
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
                json_schema!({ "type": "string", $keyword: $value })
            }
        }
    };
}

text!(
    /// Bytes in base64.
    Base64, "format": "byte"
);
text!(
    /// The value of a label.
    LabelValue, "maxLength": 63
);
text!(
    /// A host of a ServiceEntry.
    ServiceEntryHost, "x-rule": "service-entry-host"
);

macro_rules! free {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
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
                json_schema!($schema)
            }
        }
    };
}

free!(
    /// An object of any content.
    FreeObject, { "type": "object", "x-kubernetes-preserve-unknown-fields": true }
);
free!(
    /// Any value.
    AnyValue, { "x-kubernetes-preserve-unknown-fields": true }
);
