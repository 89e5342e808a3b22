//! `meridian store import`.

use super::DataArgs;
use crate::input::{self, Input};
use anyhow::{Context, bail};
use meridian_apiserver::backup::{self, Found};
use meridian_resources::yaml;
use meridian_store::{StoredObject, maintenance};
use serde_json::Value;
use std::collections::HashSet;

/// Options of `meridian store import`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian store import --data NEW-FOLDER backup.yaml
  meridian up --data NEW-FOLDER")]
pub(super) struct ImportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// An export, or any file of objects; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Restores everything or nothing.
///
/// # Errors
/// The file cannot be read, an object of it cannot be restored, or the store has objects already.
pub(super) fn run(args: &ImportArgs) -> anyhow::Result<()> {
    let folder = args.data.folder()?;
    let inputs = input::read(std::slice::from_ref(&args.file))?;
    let mut objects = Vec::new();
    let mut revision = 0;
    for input in &inputs {
        match backup::summary(&input.text) {
            Found::Whole(summary) => revision = revision.max(summary.revision),
            Found::Cut => bail!(
                "{}: this export is not whole, its last line is missing; what is there can be imported when its first \
                 line is taken away",
                input.name
            ),
            Found::Other => {}
        }
        read(input, &mut objects)?;
    }
    if objects.is_empty() {
        bail!("there is no object in {}", args.file);
    }
    let count = objects.len();
    let revision = maintenance::restore(&folder, objects, revision)?;
    eprintln!("{count} objects were imported into {}, revision {revision}", folder.display());
    Ok(())
}

fn read(input: &Input, objects: &mut Vec<StoredObject>) -> anyhow::Result<()> {
    let mut seen: HashSet<_> = objects.iter().map(|object| object.key().clone()).collect();
    for (number, document) in yaml::values(&input.text, &input.name).into_iter().enumerate() {
        for item in items(document?) {
            let context = || format!("{}: document {}: {}", input.name, number + 1, called(&item));
            let (context, item) = (context(), item);
            let object = backup::object(item).with_context(|| context.clone())?;
            if !seen.insert(object.key().clone()) {
                bail!("{context} is there twice");
            }
            objects.push(object);
        }
    }
    Ok(())
}

/// The objects of a List, or the one that the document is.
fn items(mut document: Value) -> Vec<Value> {
    if document["kind"] == "List"
        && let Some(Value::Array(items)) = document.get_mut("items").map(Value::take)
    {
        return items;
    }
    vec![document]
}

/// Kind and name as the document says them.
fn called(document: &Value) -> String {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}
