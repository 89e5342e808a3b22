//! `patch`: changes fields of objects.

use crate::connect::ConnectionArgs;
use crate::discovery::Resource;
use crate::dry_run::DryRun;
use crate::error::{Error, Result, message};
use crate::files::FileArgs;
use crate::output::Output;
use crate::select::select;
use crate::session::Session;
use crate::write::Writing;
use meridian_resources::yaml;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What kind of patch it is.
#[derive(clap::ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
enum PatchType {
    /// Kubernetes' merge of lists by their keys; only for Kubernetes' own kinds
    #[default]
    Strategic,
    /// A JSON merge patch (RFC 7396)
    Merge,
    /// A JSON patch (RFC 6902)
    Json,
}

/// Options of `patch`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian patch vs httpbin --type=merge -p '{\"spec\":{\"hosts\":[\"httpbin.example.com\"]}}'
  meridian patch service httpbin -p '{\"spec\":{\"type\":\"LoadBalancer\"}}'
  meridian patch vs httpbin --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/http/0\"}]'")]
pub struct PatchArgs {
    /// A kind and names: `vs httpbin`, `vs/httpbin`
    #[arg(value_name = "KIND NAME | KIND/NAME", required_unless_present = "files")]
    words: Vec<String>,
    #[command(flatten)]
    files: FileArgs,
    /// The patch, in JSON or YAML
    #[arg(short, long, value_name = "PATCH", required_unless_present = "patch_file", allow_hyphen_values = true)]
    patch: Option<String>,
    /// The file of the patch
    #[arg(long, value_name = "FILE", conflicts_with = "patch")]
    patch_file: Option<PathBuf>,
    /// What kind of patch it is
    #[arg(long = "type", value_enum, default_value_t, value_name = "TYPE")]
    type_: PatchType,
    /// A part of the object that is written by itself, such as status
    #[arg(long, value_name = "NAME", value_parser = ["status", "scale"])]
    subresource: Option<String>,
    /// Only try: `client` sends nothing that changes an object, `server` lets the API check
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    dry_run: DryRun,
    /// Who is named as the one who sets the fields
    #[arg(long, value_name = "NAME", default_value = "kubectl-patch")]
    field_manager: String,
    /// What is printed: name, yaml, json, jsonpath=...
    #[arg(short, long, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Patches objects.
pub(crate) async fn run(args: PatchArgs, session: &mut Session<'_>) -> Result<()> {
    let patch = read(&args)?;
    let (named, mut errors) = session.named(&args.files, &args.words).await?;
    let media_type = match args.type_ {
        PatchType::Strategic => "application/strategic-merge-patch+json",
        PatchType::Merge => "application/merge-patch+json",
        PatchType::Json => "application/json-patch+json",
    };
    let (dry_run, output) = (args.dry_run, args.output.as_ref());
    let writing = Writing { manager: &args.field_manager, dry_run, validate: None, output };
    for (resource, namespace, name) in named {
        let patching = async {
            let path = resource.target(namespace.as_deref(), Some(&name));
            let before = session.api.get(&path, crate::api::JSON).await?;
            if args.dry_run == DryRun::Client {
                return writing.tell(session, &resource, &before, "patched");
            }
            let path = match &args.subresource {
                Some(subresource) => crate::api::Target::below(path, subresource),
                None => path,
            };
            let target = path.with("fieldManager", &args.field_manager).with("dryRun", args.dry_run.parameter());
            let after = session.api.patch(&target, media_type, &patch).await;
            let after = after.map_err(|error| unsupported(error, media_type, &resource))?;
            let done =
                if without_version(&before) == without_version(&after) { "patched (no change)" } else { "patched" };
            writing.tell(session, &resource, &after, done)
        };
        match patching.await {
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => errors.push(error),
            Ok(()) => {}
        }
    }
    Error::all(errors)
}

/// A kind that does not have this kind of patch.
fn unsupported(error: Error, media_type: &str, resource: &Resource) -> Error {
    match error {
        Error::Status(status) if status.code == 415 => {
            let kind = match resource.group.as_str() {
                "" => format!("/{}, Kind={}", resource.version, resource.kind),
                _ => format!("{}, Kind={}", resource.api_version(), resource.kind),
            };
            Error::Message(format!("{media_type} is not supported by {kind}: {}", status.message))
        }
        other => other,
    }
}

fn without_version(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        ["resourceVersion", "managedFields", "generation"].iter().for_each(|field| drop(metadata.remove(*field)));
    }
    object
}

fn read(args: &PatchArgs) -> Result<Value> {
    let text = match (&args.patch, &args.patch_file) {
        (Some(patch), _) => patch.clone(),
        (None, Some(path)) => std::fs::read_to_string(path)
            .map_err(|error| Error::Message(format!("unable to read patch file {}: {error}", path.display())))?,
        (None, None) => return message("must specify --patch or --patch-file containing the contents of the patch"),
    };
    match yaml::values(&text, "patch").into_iter().next() {
        Some(Ok(patch)) => Ok(patch),
        Some(Err(error)) => message(format!("unable to parse {text:?}: {error}")),
        None => Ok(json!({})),
    }
}

impl Session<'_> {
    /// The objects that files or words name.
    ///
    /// # Errors
    /// There are words without a name, or kinds that the API does not have.
    pub(crate) async fn named(
        &mut self,
        files: &FileArgs,
        words: &[String],
    ) -> Result<(Vec<(Resource, Option<String>, String)>, Vec<Error>)> {
        let mut named = Vec::new();
        if !files.is_empty() {
            if !words.is_empty() {
                return message("there can be either -f or kinds and names, not both");
            }
            let documents = files.read(self.io).await?;
            let mut errors = documents.errors;
            for document in documents.objects {
                match self.wanted(&document) {
                    Ok(wanted) => named.push(wanted),
                    Err(error) => errors.push(document.locate(error)),
                }
            }
            return Ok((named, errors));
        }
        for selected in select(&self.discovery, words)? {
            let Some(name) = selected.name else {
                return message("resource(s) were provided, but no name was specified");
            };
            let namespace = selected.resource.namespaced.then(|| self.namespace.clone());
            named.push((selected.resource, namespace, name));
        }
        Ok((named, Vec::new()))
    }
}
