//! `apply`: makes the API have what files say.
//!
//! What was applied is kept in kubectl's annotation, so that both can be used on the same objects. On the next time the
//! patch is computed from three things: what was applied last, what is to be applied, and what the API has.

mod migrate;
mod server_side;

use crate::connect::ConnectionArgs;
use crate::diff::three_way;
use crate::discovery::Resource;
use crate::dry_run::{DryRun, Validate};
use crate::error::{Error, Result, message};
use crate::files::{Document, FileArgs};
use crate::json;
use crate::output::{self, Output};
use crate::schema::{Schema, Schemas};
use crate::session::{Session, place_of};
use serde_json::Value;

/// Where kubectl keeps what was applied.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Who writes what is applied by patches that are computed here; kubectl's name, because both mean the same.
pub(crate) const CLIENT_SIDE_MANAGER: &str = "kubectl-client-side-apply";
/// Who writes what the API merges.
const SERVER_SIDE_MANAGER: &str = "kubectl";
/// How often an object may be changed by somebody else meanwhile.
const MOST_CONFLICTS: u32 = 5;

/// Options of `apply`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian apply -f httpbin.yaml
  meridian apply -f configuration/ -R
  cat gateway.yaml | meridian apply -f -
  meridian apply -f gateway.yaml --server-side --force-conflicts")]
pub struct ApplyArgs {
    #[command(flatten)]
    files: FileArgs,
    /// Let the API merge, which keeps account of who has set which field
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = clap::ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    server_side: bool,
    /// With --server-side: take fields that others have set
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = clap::ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    force_conflicts: bool,
    /// Refused: what no file names any more is deleted by `delete`, or by kubectl
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = clap::ArgAction::Set, hide = true, value_name = "BOOL")]
    prune: bool,
    /// Only try: `client` sends nothing that changes an object, `server` lets the API check
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    dry_run: DryRun,
    /// What becomes of fields that the API does not know: strict (or true), warn, ignore (or false)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "strict", default_value = "strict",
        value_name = "HOW")]
    validate: Validate,
    /// Who is named as the one who sets the fields
    #[arg(long, value_name = "NAME")]
    field_manager: Option<String>,
    /// Only take objects with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// What is printed: name, yaml, json, jsonpath=...
    #[arg(short, long, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Applies files.
pub(crate) async fn run(args: ApplyArgs, session: &mut Session<'_>) -> Result<()> {
    if args.files.is_empty() {
        return message("must specify -f: the files that say what is to be applied");
    }
    if args.prune {
        return message(
            "--prune is not supported: delete what the files name no more with `meridian delete`, use `kubectl apply \
             --prune`, or let `meridian up --config DIR` follow a folder",
        );
    }
    if args.force_conflicts && !args.server_side {
        return message("--force-conflicts only works with --server-side");
    }
    if args.dry_run == DryRun::Client && args.server_side {
        return message("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
    }
    let selector = args.selector.as_deref().map(crate::labels::Selector::parse).transpose()?;
    let documents = args.files.read(session.io).await?;
    let mut errors = documents.errors;
    let mut applying = Applying { args: &args, schemas: Schemas::default(), printed: Vec::new() };
    for document in &documents.objects {
        if selector.as_ref().is_some_and(|selector| !selector.selects(&document.value)) {
            continue;
        }
        let applied = applying.object(session, document).await;
        session.tell_warnings();
        match applied {
            Ok(()) => {}
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => errors.push(document.locate(error)),
        }
    }
    print_objects(session, args.output.as_ref(), applying.printed)?;
    Error::all(errors)
}

/// Prints what `-o` asks for: one object as it is, several as a List.
pub(crate) fn print_objects(session: &mut Session<'_>, form: Option<&Output>, mut objects: Vec<Value>) -> Result<()> {
    let Some(form) = form.filter(|_| !objects.is_empty()) else { return Ok(()) };
    objects.iter_mut().for_each(output::hide_managed_fields);
    let object = if objects.len() == 1 { objects.remove(0) } else { output::list(objects) };
    session.io.out(&form.print(&object)?)
}

struct Applying<'a> {
    args: &'a ApplyArgs,
    schemas: Schemas,
    /// The objects as they are now, for `-o`.
    printed: Vec<Value>,
}

impl Applying<'_> {
    async fn object(&mut self, session: &mut Session<'_>, document: &Document) -> Result<()> {
        let source = &document.source;
        let resource = session.discovery.of_object(&document.value, source)?.clone();
        let mut object = document.value.clone();
        session.place(&resource, &mut object)?;
        if place_of(&object).1.is_empty() {
            let generated = json::text(&object, "/metadata/generateName");
            if generated.is_empty() {
                return Err(Error::Object(format!("error validating {source:?}: resource name may not be empty")));
            }
            return Err(Error::Object(format!("from {generated}: cannot use generate name with apply")));
        }
        let (object, done) = if self.args.server_side {
            server_side::apply(session, self.args, &resource, object).await?
        } else {
            self.client_side(session, &resource, object, source).await?
        };
        let name = format!("{}/{}", resource.prefix(), place_of(&object).1);
        if !json::text(&object, "/metadata/deletionTimestamp").is_empty() {
            let (plural, name) = (resource.qualified(), place_of(&object).1.to_owned());
            session.io.warn(&format!("Detected changes to resource {plural}/{name} which is currently being deleted."));
        }
        if self.args.output.is_some() {
            self.printed.push(object);
            return Ok(());
        }
        session.io.line(&format!("{name} {done}{}", self.args.dry_run.suffix()))
    }

    async fn client_side(
        &mut self,
        session: &mut Session<'_>,
        resource: &Resource,
        mut object: Value,
        source: &str,
    ) -> Result<(Value, &'static str)> {
        note_applied(&mut object)?;
        let (namespace, name) = place_of(&object);
        let target = resource.target(namespace, Some(name));
        let mut current = match session.api.get(&target, crate::api::JSON).await {
            Ok(current) => current,
            Err(error) if error.is_not_found() => {
                return Ok((self.create(session, resource, object, source).await?, "created"));
            }
            Err(error) => return Err(error.doing(&format!("error when retrieving {source:?}"))),
        };
        if self.args.dry_run == DryRun::Client {
            return Ok((current, "configured"));
        }
        if applied_before(&current).is_none() {
            let plural = if resource.group.is_empty() { &resource.plural } else { &resource.qualified() };
            session.io.warn(&format!(
                "resource {plural}/{name} is missing the {LAST_APPLIED} annotation which is required by meridian \
                 apply. meridian apply should only be used on resources created declaratively by either meridian \
                 create --save-config or meridian apply. The missing annotation will be patched automatically."
            ));
        }
        let document = self.schemas.strategic(&mut session.api, resource).await?;
        let schema = document.as_deref().map(|document| Schema::of(document, resource));
        let media_type = media_type(schema.is_some());
        let parameters = [
            ("fieldManager", self.args.field_manager.as_deref().unwrap_or(CLIENT_SIDE_MANAGER)),
            ("fieldValidation", self.args.validate.parameter()),
            ("dryRun", self.args.dry_run.parameter()),
        ];
        let writing = parameters.iter().fold(target.clone(), |target, (name, value)| target.with(name, value));
        for attempt in 1.. {
            let original = applied_before(&current).unwrap_or_default();
            let patch = three_way(&original, &object, &current, schema);
            if patch.as_object().is_none_or(serde_json::Map::is_empty) {
                return Ok((current, "unchanged"));
            }
            match session.api.patch(&writing, media_type, &patch).await {
                Ok(patched) => return Ok((patched, "configured")),
                Err(error) if error.code() == Some(409) && attempt <= MOST_CONFLICTS => {
                    current = session.api.get(&target, crate::api::JSON).await?;
                }
                Err(error) => return Err(told(error, &patch, resource, &object, source)),
            }
        }
        message("the object is changed by others all the time")
    }

    async fn create(
        &mut self,
        session: &mut Session<'_>,
        resource: &Resource,
        mut object: Value,
        source: &str,
    ) -> Result<Value> {
        without_nulls(&mut object);
        if let Some(metadata) = json::child(&mut object, "metadata") {
            metadata.remove("resourceVersion");
        }
        if self.args.dry_run == DryRun::Client {
            return Ok(object);
        }
        let target = resource
            .target(place_of(&object).0, None)
            .with("fieldManager", self.args.field_manager.as_deref().unwrap_or(CLIENT_SIDE_MANAGER))
            .with("fieldValidation", self.args.validate.parameter())
            .with("dryRun", self.args.dry_run.parameter());
        let created = session.api.post(&target, &object).await;
        created.map_err(|error| error.doing(&format!("error when creating {source:?}")))
    }
}

/// The media type of what [`three_way`] returns.
pub(crate) fn media_type(strategic: bool) -> &'static str {
    if strategic { "application/strategic-merge-patch+json" } else { "application/merge-patch+json" }
}

/// Writes into the object's annotation what the object says.
///
/// # Errors
/// Its metadata or annotations are something else than objects.
pub(crate) fn note_applied(object: &mut Value) -> Result<()> {
    let annotations = |object: &mut Value| -> Option<()> {
        let metadata = json::child(object, "metadata")?;
        let annotations = metadata.entry("annotations").or_insert_with(|| serde_json::json!({}));
        if annotations.is_null() {
            *annotations = serde_json::json!({});
        }
        annotations.as_object_mut().map(|annotations| drop(annotations.remove(LAST_APPLIED)))
    };
    if annotations(object).is_none() {
        return message("metadata.annotations: found something else, allowed: an object of texts");
    }
    let text = format!("{}\n", json::compact(object));
    object["metadata"]["annotations"][LAST_APPLIED] = text.into();
    Ok(())
}

/// What the object's annotation says was applied.
pub(crate) fn applied_before(object: &Value) -> Option<Value> {
    let text = object.pointer("/metadata/annotations")?.get(LAST_APPLIED)?.as_str()?;
    serde_json::from_str(text).ok()
}

/// Fields that are `null` are left out of what is created.
fn without_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(without_nulls);
    }
}

/// A patch that the API refuses, with the patch; that of a Secret is not shown.
fn told(error: Error, patch: &Value, resource: &Resource, object: &Value, source: &str) -> Error {
    let (namespace, name) = place_of(object);
    let secret = resource.group.is_empty() && resource.kind == "Secret";
    let patch = if secret { "(not shown)".to_owned() } else { json::compact(patch) };
    let gvk = format!("{}, Kind={}", resource.api_version(), resource.kind);
    let gvr = format!("{}, Resource={}", resource.api_version(), resource.plural);
    error.doing(&format!("error when patching {source:?}")).doing(&format!(
        "error when applying patch:\n{patch}\nto:\nResource: {gvr:?}, GroupVersionKind: {gvk:?}\nName: {name:?}, \
         Namespace: {:?}\nfor: {source:?}",
        namespace.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_annotation_is_that_of_kubectl() {
        let mut object =
            json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}, "data": {"b": "<"}});
        note_applied(&mut object).unwrap();
        let expected = "{\"apiVersion\":\"v1\",\"data\":{\"b\":\"\\u003c\"},\"kind\":\"ConfigMap\",\"metadata\":\
                        {\"annotations\":{},\"name\":\"a\"}}\n";
        assert_eq!(object["metadata"]["annotations"][LAST_APPLIED], expected);
        let again = object.clone();
        note_applied(&mut object).unwrap();
        assert_eq!(object, again);
    }
}
