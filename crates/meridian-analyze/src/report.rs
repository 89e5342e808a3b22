//! Where analyzers put what they find.

use crate::message::{Message, MessageType};
use crate::objects::Objects;
use meridian_resources::{Object, ObjectRef, Spec};

/// Collects messages about objects.
pub(crate) struct Report<'o> {
    objects: &'o Objects,
    pub(crate) messages: Vec<Message>,
}

impl<'o> Report<'o> {
    pub(crate) fn new(objects: &'o Objects) -> Self {
        Self { objects, messages: Vec::new() }
    }

    /// A message about `field` of `object`.
    pub(crate) fn about<T: Spec>(
        &mut self,
        object: &Object<T>,
        field: &str,
        kind: &'static MessageType,
        text: impl Into<String>,
    ) {
        self.add(object.object_ref(), field, kind, text.into());
    }

    pub(crate) fn add(&mut self, object: ObjectRef, field: &str, kind: &'static MessageType, text: String) {
        let source = self.objects.place(&object, field);
        self.messages.push(Message { kind, text, object, source });
    }
}

/// `namespace/name`, as messages name other objects.
pub(crate) fn full_name<T: Spec>(object: &Object<T>) -> String {
    format!("{}/{}", object.meta.namespace, object.meta.name)
}

/// As Go prints a string with `%q`.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// As Go prints a list with `%v`.
pub(crate) fn list(items: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(" "))
}
