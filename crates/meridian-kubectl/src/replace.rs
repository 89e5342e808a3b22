//! `replace`: makes objects that exist say what files say, and nothing else.

use crate::api::JSON;
use crate::connect::ConnectionArgs;
use crate::discovery::Resource;
use crate::dry_run::{DryRun, Validate};
use crate::error::{Error, Result, message};
use crate::files::{Document, FileArgs};
use crate::json;
use crate::output::Output;
use crate::session::{Session, place_of};
use crate::write::Writing;
use serde_json::{Value, json};

/// Options of `replace`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian replace -f gateway.yaml
  meridian get vs httpbin -o yaml | sed s/v1/v2/ | meridian replace -f -
  meridian replace --force -f gateway.yaml")]
pub struct ReplaceArgs {
    #[command(flatten)]
    files: FileArgs,
    /// Delete the objects and create them anew
    #[arg(long)]
    force: bool,
    /// Note what was written, for a later `apply`
    #[arg(long)]
    save_config: bool,
    /// Only try: `client` sends nothing that changes an object, `server` lets the API check
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    dry_run: DryRun,
    /// What becomes of fields that the API does not know: strict (or true), warn, ignore (or false)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "strict", default_value = "strict",
        value_name = "HOW")]
    validate: Validate,
    /// Who is named as the one who sets the fields
    #[arg(long, value_name = "NAME", default_value = "kubectl-replace")]
    field_manager: String,
    /// What is printed: name, yaml, json, jsonpath=...
    #[arg(short, long, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Replaces objects.
pub(crate) async fn run(args: ReplaceArgs, session: &mut Session<'_>) -> Result<()> {
    if args.files.is_empty() {
        return message("must specify -f: the files that say what objects are to be");
    }
    if args.force && args.dry_run != DryRun::None {
        return message("--dry-run can not be used when --force is set");
    }
    let documents = args.files.read(session.io).await?;
    let mut errors = documents.errors;
    let writing = Writing {
        manager: &args.field_manager,
        dry_run: args.dry_run,
        validate: Some(args.validate),
        output: args.output.as_ref(),
    };
    for document in &documents.objects {
        match replace(&args, &writing, session, document).await {
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => errors.push(document.locate(error)),
            Ok(()) => {}
        }
    }
    Error::all(errors)
}

async fn replace(
    args: &ReplaceArgs,
    writing: &Writing<'_>,
    session: &mut Session<'_>,
    document: &Document,
) -> Result<()> {
    let resource = session.discovery.of_object(&document.value, &document.source)?.clone();
    let mut object = document.value.clone();
    session.place(&resource, &mut object)?;
    if place_of(&object).1.is_empty() {
        return message("resource name may not be empty");
    }
    if args.save_config {
        crate::apply::note_applied(&mut object)?;
    }
    let doing = |error: Error| error.doing(&format!("error when replacing {:?}", document.source));
    if args.force {
        recreate(writing, session, &resource, &mut object).await.map_err(doing)?;
        return writing.tell(session, &resource, &object, "replaced");
    }
    let replaced = if args.dry_run == DryRun::Client {
        object
    } else {
        if json::text(&object, "/metadata/resourceVersion").is_empty() {
            let (namespace, name) = place_of(&object);
            let current = session.api.get(&resource.target(namespace, Some(name)), JSON).await.map_err(doing)?;
            object["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
        }
        session.api.put(&writing.target(&resource, &object, true), &object).await.map_err(doing)?
    };
    writing.tell(session, &resource, &replaced, "replaced")
}

async fn recreate(
    writing: &Writing<'_>,
    session: &mut Session<'_>,
    resource: &Resource,
    object: &mut Value,
) -> Result<()> {
    let (namespace, name) = place_of(object);
    let (namespace, name) = (namespace.map(str::to_owned), name.to_owned());
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
    match session.api.delete(&resource.target(namespace.as_deref(), Some(&name)), &options).await {
        Ok(answer) => {
            session.io.line(&format!("{} {name:?} deleted", resource.prefix()))?;
            crate::delete::until_gone(session, resource, namespace, name, &answer).await?;
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    if let Some(metadata) = json::child(object, "metadata") {
        metadata.remove("resourceVersion");
        metadata.remove("uid");
    }
    *object = session.api.post(&writing.target(resource, object, false), object).await?;
    Ok(())
}
