//! `edit`: opens objects in the user's editor, and writes what was changed.

use crate::api::JSON;
use crate::apply::media_type;
use crate::connect::ConnectionArgs;
use crate::diff::three_way;
use crate::discovery::Resource;
use crate::error::{Error, Result, message};
use crate::files::FileArgs;
use crate::json;
use crate::output;
use crate::schema::{Schema, Schemas};
use crate::session::{Session, place_of};
use meridian_resources::yaml;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
";

/// Options of `edit`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian edit vs httpbin
  EDITOR='code --wait' meridian edit gateway/gateway -n istio-system

The editor is $KUBE_EDITOR, else $EDITOR, else vi.")]
pub struct EditArgs {
    /// A kind and names: `vs httpbin`, `vs/httpbin`
    #[arg(value_name = "KIND NAME | KIND/NAME", required_unless_present = "files")]
    words: Vec<String>,
    #[command(flatten)]
    files: FileArgs,
    /// Who is named as the one who sets the fields
    #[arg(long, value_name = "NAME", default_value = "kubectl-edit")]
    field_manager: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Edits objects, one after the other.
pub(crate) async fn run(args: EditArgs, session: &mut Session<'_>) -> Result<()> {
    let (named, mut errors) = session.named(&args.files, &args.words).await?;
    for (resource, namespace, name) in named {
        let target = resource.target(namespace.as_deref(), Some(&name));
        let edited = match session.api.get(&target, JSON).await {
            Ok(object) => edit(&args, session, &resource, object).await,
            Err(error) => Err(error),
        };
        match edited {
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => errors.push(error),
            Ok(()) => {}
        }
    }
    Error::all(errors)
}

/// Opens the editor until what it leaves is accepted, or given up.
async fn edit(args: &EditArgs, session: &mut Session<'_>, resource: &Resource, mut object: Value) -> Result<()> {
    output::hide_managed_fields(&mut object);
    let original = yaml::emit_as_go(&object);
    let mut text = format!("{HEAD}{original}");
    // What was left with an error, to see whether it is left so again.
    let mut refused: Option<String> = None;
    loop {
        let path = store(&text)?;
        run_editor(&session.io.editor, &path)?;
        let edited = std::fs::read_to_string(&path)?;
        if let Some(before) = &refused
            && content(before) == content(&edited)
        {
            session.io.tell(&format!("A copy of your changes has been stored to {:?}", path.display().to_string()));
            return message("Edit cancelled, no valid changes were saved.");
        }
        if content(&edited) == content(&original) {
            remove(&path);
            session.io.tell("Edit cancelled, no changes made.");
            return Ok(());
        }
        if content(&edited).trim().is_empty() {
            remove(&path);
            session.io.tell("Edit cancelled, saved file was empty.");
            return Ok(());
        }
        match write(args, session, resource, &object, &edited).await {
            Ok(Some(changed)) => {
                remove(&path);
                session.tell_warnings();
                return session.io.line(&format!("{}/{} edited", resource.prefix(), place_of(&changed).1));
            }
            Ok(None) => {
                remove(&path);
                session.io.line(&format!("{}/{} skipped", resource.prefix(), place_of(&object).1))?;
                return Ok(());
            }
            Err(error) if error.is_not_found() => {
                session.io.tell(&format!(
                    "The edits you made on deleted resources have been saved to {:?}",
                    path.display().to_string()
                ));
                return Err(error);
            }
            Err(error) => {
                let name = format!("{} {:?} was not valid:", resource.qualified(), place_of(&object).1);
                session.io.tell(&error.to_string());
                text = with_error(&name, &error, &edited);
                remove(&path);
                refused = Some(edited);
            }
        }
    }
}

/// Writes the change; nothing when there is none.
async fn write(
    args: &EditArgs,
    session: &mut Session<'_>,
    resource: &Resource,
    object: &Value,
    edited: &str,
) -> Result<Option<Value>> {
    let wanted = match &yaml::values(edited, "the edited file")[..] {
        [Ok(wanted)] => wanted.clone(),
        [Err(error)] => return message(format!("error parsing edited-file: {error}")),
        found => return message(format!("found {} documents, allowed: one object", found.len())),
    };
    for pointer in ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"] {
        if json::text(&wanted, pointer) != json::text(object, pointer) {
            return message("At least one of apiVersion, kind and name was changed");
        }
    }
    let document = Schemas::default().strategic(&mut session.api, resource).await?;
    let schema = document.as_deref().map(|document| Schema::of(document, resource));
    let patch = three_way(object, &wanted, object, schema);
    if patch.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(None);
    }
    let (namespace, name) = place_of(object);
    let target = resource.target(namespace, Some(name)).with("fieldManager", &args.field_manager);
    let target = target.with("fieldValidation", "Strict");
    session.api.patch(&target, media_type(schema.is_some()), &patch).await.map(Some)
}

/// The text for the next round, with what is wrong above it.
fn with_error(name: &str, error: &Error, edited: &str) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&format!("# {name}\n"));
    error.to_string().lines().for_each(|line| text.push_str(&format!("# * {}\n", line.trim_start_matches("* "))));
    text.push_str("#\n");
    text.push_str(&content(edited));
    text
}

/// The lines that count.
fn content(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

/// A file of its own that only this user can read: the object may be a Secret.
fn store(text: &str) -> Result<PathBuf> {
    let mut file = tempfile::Builder::new().prefix("meridian-edit-").suffix(".yaml").tempfile()?;
    file.write_all(text.as_bytes())?;
    let (_, path) = file.keep().map_err(|error| Error::Message(format!("cannot keep the file: {}", error.error)))?;
    Ok(path)
}

fn remove(path: &Path) {
    // A file that stays in the folder for temporary files is no reason to fail.
    let _ = std::fs::remove_file(path);
}

fn run_editor(editor: &str, path: &Path) -> Result<()> {
    // The variable may hold options, and quotes around them.
    let mut command = std::process::Command::new("/bin/sh");
    command.arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(path);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            remove(path);
            message(format!("there was a problem with the editor {editor:?}: {status}"))
        }
        Err(error) => message(format!("cannot start the editor {editor:?}: {error}; set $EDITOR")),
    }
}
