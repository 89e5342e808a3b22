//! Tables (`meta/v1 Table`): what `kubectl get` prints.

use meridian_resources::Column;
use meridian_store::StoredObject;
use serde_json::{Value, json};

use crate::duration;
use crate::media::IncludeObject;
use crate::render;
use crate::resource::{ApiResource, Layout};
use crate::version;

const NAME: &str = "Name must be unique within a namespace.";
const AGE: &str = "The time since this object was created.";

/// A column in its place.
enum Place {
    Name,
    Age,
    Own(&'static Column),
}

/// NAME, the columns for everybody, AGE, then those after it and those for `-o wide`. A kind with a layout of its own has
/// its columns in their order.
fn places(resource: &ApiResource) -> impl Iterator<Item = Place> {
    let usual = resource.layout == Layout::Usual;
    let after = move |column: &&Column| usual && (column.wide || column.after_age);
    let columns = resource.columns;
    let before_age = columns.iter().filter(move |column| !after(column)).map(Place::Own);
    let after_age = columns.iter().filter(after).map(Place::Own);
    let (name, age) = (usual.then_some(Place::Name), usual.then_some(Place::Age));
    name.into_iter().chain(before_age).chain(age).chain(after_age)
}

/// `columnDefinitions`.
pub(crate) fn column_definitions(resource: &ApiResource) -> Value {
    let definition = |name: &str, type_: &str, format: &str, description: &str, wide: bool| json!({"name": name, "type": type_, "format": format, "description": description, "priority": i32::from(wide)});
    places(resource)
        .map(|place| match place {
            Place::Name => definition("Name", "string", "name", NAME, false),
            // To Kubernetes' own kinds it is a text, to custom resources a time that is shown as an age.
            Place::Age if resource.built_in() => definition("Age", "string", "", AGE, false),
            Place::Age => definition("Age", "date", "", AGE, false),
            Place::Own(column) => {
                let format = if column.name == "Name" { "name" } else { "" };
                definition(column.name, column.type_, format, column.description, column.wide)
            }
        })
        .collect()
}

/// Appends one row.
pub(crate) fn write_row(
    resource: &ApiResource,
    api_version: &str,
    object: &StoredObject,
    include: IncludeObject,
    out: &mut Vec<u8>,
) {
    let value = object.to_value(&resource.api_version(resource.versions[0]), resource.kind);
    let cells: Value = places(resource).map(|place| cell(&place, &value)).collect();
    out.extend_from_slice(b"{\"cells\":");
    out.extend_from_slice(cells.to_string().as_bytes());
    out.extend_from_slice(b",\"object\":");
    match include {
        IncludeObject::None => out.extend_from_slice(b"null"),
        IncludeObject::Metadata => render::write_metadata(object, out),
        IncludeObject::Object => version::write_json(resource, api_version, object, out),
    }
    out.push(b'}');
}

fn cell(place: &Place, object: &Value) -> Value {
    match place {
        Place::Name => object["metadata"]["name"].clone(),
        Place::Age => age(&object["metadata"]["creationTimestamp"]),
        Place::Own(column) => {
            let cell = (column.cell)(object);
            if column.type_ == "date" && !cell.is_null() { age(&cell) } else { cell }
        }
    }
}

fn age(timestamp: &Value) -> Value {
    duration::since(timestamp.as_str().unwrap_or_default()).into()
}
