//! Objects and lists as JSON text, in the form that the client asked for.
//!
//! Objects are copied from their stored text; nothing is parsed unless a table needs cells.

use std::sync::Arc;

use bytes::Bytes;
use meridian_store::StoredObject;
use serde_json::json;

use crate::api::Page;
use crate::media::Form;
use crate::resource::ApiResource;
use crate::table;
use crate::version;

/// Renders one object, on a line.
pub(crate) fn object(resource: &ApiResource, api_version: &str, form: Form, object: &StoredObject) -> Vec<u8> {
    let mut out = Vec::new();
    write_object(resource, api_version, form, true, object, &mut out);
    out.push(b'\n');
    out
}

/// Appends one object; in a table, with the headings if wanted.
pub(crate) fn write_object(
    resource: &ApiResource,
    api_version: &str,
    form: Form,
    headings: bool,
    object: &StoredObject,
    out: &mut Vec<u8>,
) {
    match form {
        Form::Object => version::write_json(resource, api_version, object, out),
        Form::Metadata => write_metadata(object, out),
        Form::Table(include) => {
            let metadata = json!({"resourceVersion": object.revision().to_string()});
            open_table(resource, &metadata.to_string(), headings, out);
            table::write_row(resource, api_version, object, include, out);
            out.extend_from_slice(b"]}");
        }
    }
}

/// How many bytes of a list are made at a time.
const PIECE: usize = 64 << 10;

/// A page of a list, on a line, in pieces.
pub(crate) struct List {
    resource: &'static ApiResource,
    api_version: String,
    form: Form,
    objects: std::vec::IntoIter<Arc<StoredObject>>,
    /// What comes before the first object, until it is written.
    head: Vec<u8>,
    is_first: bool,
    done: bool,
}

/// Renders a page of a list.
pub(crate) fn list(resource: &'static ApiResource, api_version: String, form: Form, page: Page) -> List {
    let mut head = Vec::new();
    let metadata = list_metadata(&page);
    match form {
        Form::Table(_) => open_table(resource, &metadata, true, &mut head),
        Form::Object => open_list(&api_version, resource.list_kind, &metadata, &mut head),
        Form::Metadata => open_list("meta.k8s.io/v1", "PartialObjectMetadataList", &metadata, &mut head),
    }
    List { resource, api_version, form, objects: page.objects.into_iter(), head, is_first: true, done: false }
}

impl List {
    fn write_item(&self, object: &StoredObject, out: &mut Vec<u8>) {
        match self.form {
            Form::Object => version::write_json(self.resource, &self.api_version, object, out),
            Form::Metadata => write_metadata(object, out),
            Form::Table(include) => table::write_row(self.resource, &self.api_version, object, include, out),
        }
    }
}

impl Iterator for List {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let mut out = std::mem::take(&mut self.head);
        while out.len() < PIECE {
            let Some(object) = self.objects.next() else {
                out.extend_from_slice(b"]}\n");
                self.done = true;
                break;
            };
            if !std::mem::take(&mut self.is_first) {
                out.push(b',');
            }
            self.write_item(&object, &mut out);
        }
        Some(out.into())
    }
}

fn open_list(api_version: &str, kind: &str, metadata: &str, out: &mut Vec<u8>) {
    let head = format!("{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\",\"metadata\":{metadata},\"items\":[");
    out.extend_from_slice(head.as_bytes());
}

fn open_table(resource: &ApiResource, metadata: &str, headings: bool, out: &mut Vec<u8>) {
    let columns = if headings { table::column_definitions(resource).to_string() } else { "null".to_owned() };
    let head = format!(
        "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata},\
         \"columnDefinitions\":{columns},\"rows\":["
    );
    out.extend_from_slice(head.as_bytes());
}

fn list_metadata(page: &Page) -> String {
    let mut metadata = json!({"resourceVersion": page.revision.to_string()});
    if let Some(token) = &page.continue_token {
        metadata["continue"] = token.as_str().into();
    }
    if let Some(remaining) = page.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    metadata.to_string()
}

/// Appends an object's `PartialObjectMetadata`.
pub(crate) fn write_metadata(object: &StoredObject, out: &mut Vec<u8>) {
    let head = format!(
        "{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\
         \"metadata\":{{\"resourceVersion\":\"{}\",",
        object.revision()
    );
    out.extend_from_slice(head.as_bytes());
    // The stored metadata is an object with at least a name; its opening brace is in the head already.
    out.extend_from_slice(&object.metadata_text().as_bytes()[1..]);
    out.push(b'}');
}
