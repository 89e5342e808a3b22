//! Objects and lists as JSON text, in the form that the client asked for.
//!
//! Objects are copied from their stored text; nothing is parsed unless a table needs cells.

use std::sync::Arc;

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

/// Renders a page of a list, on a line.
pub(crate) fn list(resource: &ApiResource, api_version: &str, form: Form, page: &Page) -> Vec<u8> {
    let mut out = Vec::new();
    let metadata = list_metadata(page);
    match form {
        Form::Table(_) => open_table(resource, &metadata, true, &mut out),
        Form::Object => open_list(api_version, resource.list_kind, &metadata, &mut out),
        Form::Metadata => open_list("meta.k8s.io/v1", "PartialObjectMetadataList", &metadata, &mut out),
    }
    write_items(resource, api_version, form, &page.objects, &mut out);
    out.extend_from_slice(b"]}\n");
    out
}

fn write_items(
    resource: &ApiResource,
    api_version: &str,
    form: Form,
    objects: &[Arc<StoredObject>],
    out: &mut Vec<u8>,
) {
    for (i, object) in objects.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        match form {
            Form::Object => version::write_json(resource, api_version, object, out),
            Form::Metadata => write_metadata(object, out),
            Form::Table(include) => table::write_row(resource, api_version, object, include, out),
        }
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
