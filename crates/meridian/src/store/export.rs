//! `meridian store export`.

use super::DataArgs;
use crate::client::output;
use anyhow::{Context, bail};
use meridian_apiserver::backup;
use meridian_resources::yaml;
use meridian_store::{GroupResource, OpenError, StoredObject, maintenance};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// The first words of an export; the revision follows.
pub(super) const HEADER: &str = "# meridian store export, revision ";

/// What the server fills in, and another server fills in anew.
const OWNED: &[&str] = &["uid", "creationTimestamp", "generation", "managedFields", "deletionTimestamp"];

/// Options of `meridian store export`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian store export --output backup.yaml
  meridian store import --data NEW-FOLDER backup.yaml
  meridian store export --no-secrets --plain | kubectl apply -f -")]
pub(super) struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Write to this file, which only you may read, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
    /// Leave Secrets out
    #[arg(long)]
    no_secrets: bool,
    /// Leave out what a server fills in (uid, times, status), for kubectl apply
    #[arg(long)]
    plain: bool,
}

/// What was read, and what is missing of it.
struct Found {
    objects: Vec<Arc<StoredObject>>,
    revision: u64,
    /// What could not be read, for the user.
    missing: Vec<String>,
}

/// Writes what can be read.
///
/// # Errors
/// Nothing can be read or written, or something is missing from what was written.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let mut found = read(&args.data.folder()?, args.no_secrets)?;
    if args.no_secrets {
        found.objects.retain(|object| !object.key().resource.is_confidential());
    }
    let mut text = format!("{HEADER}{}\n", found.revision);
    let mut unknown: BTreeMap<&GroupResource, usize> = BTreeMap::new();
    for object in &found.objects {
        let Some(mut document) = backup::document(object) else {
            *unknown.entry(&object.key().resource).or_default() += 1;
            continue;
        };
        if args.plain {
            strip(&mut document);
        }
        text.push_str("---\n");
        text.push_str(&yaml::emit(&document));
    }
    let lost: Vec<String> =
        unknown.iter().map(|(resource, count)| format!("{count} {resource}, whose kind is not known")).collect();
    let written = found.objects.len() - unknown.values().sum::<usize>();
    found.missing.extend(lost);
    match &args.output {
        Some(file) => write_private(file, &text).with_context(|| format!("cannot write {}", file.display()))?,
        None => output::print(&text)?,
    }
    eprintln!("{written} objects were exported, revision {}", found.revision);
    if !found.missing.is_empty() {
        bail!("not everything could be exported: {}", found.missing.join("; "));
    }
    Ok(())
}

/// Reads a store that is whole, or what can be found of one that is not.
fn read(folder: &Path, no_secrets: bool) -> anyhow::Result<Found> {
    let whole = if no_secrets { maintenance::inspect_open(folder) } else { maintenance::inspect(folder) };
    let reason = match whole {
        Ok(found) => return Ok(Found { objects: found.objects, revision: found.revision, missing: Vec::new() }),
        Err(OpenError::Damaged { reason, .. }) => reason,
        Err(other) => return Err(other.into()),
    };
    let found = maintenance::salvage(folder)?;
    if found.rows == 0 {
        bail!("nothing can be read of the store in {}: {reason}", folder.display());
    }
    let mut missing = vec![format!(
        "the store is damaged ({reason}); {} rows were found whole, {} broken. Of an object whose newest row is broken, \
         an older one was taken, and objects that were deleted long ago may be among those exported",
        found.rows, found.damaged
    )];
    if found.sealed > 0 && !no_secrets {
        missing.push(format!("{} rows of Secrets do not open under the key that is there", found.sealed));
    }
    Ok(Found { objects: found.objects, revision: found.revision, missing })
}

fn strip(document: &mut Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !OWNED.contains(&field.as_str()));
    }
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let write = || {
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
    };
    let written = write();
    if written.is_err() {
        // Half a file with Secrets helps nobody.
        let _ = fs::remove_file(&new);
    }
    written
}
