//! `meridian store export`.

use super::DataArgs;
use crate::client::output;
use anyhow::{Context, bail};
use meridian_apiserver::backup::{self, Export, Found, Summary, Without};
use meridian_store::{OpenError, maintenance};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

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

/// The text of an export, and what is missing of it, for the user.
struct Exported {
    text: String,
    summary: Summary,
}

/// Writes what can be read.
///
/// # Errors
/// Nothing can be read or written, or something is missing from what was written.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let without = Without { secrets: args.no_secrets, owned: args.plain };
    let Exported { text, summary } = read(&args.data.folder()?, without)?;
    match &args.output {
        Some(file) => write_private(file, &text).with_context(|| format!("cannot write {}", file.display()))?,
        None => output::print(&text)?,
    }
    eprintln!("{} objects were exported, revision {}", summary.objects, summary.revision);
    if !summary.missing.is_empty() {
        bail!("not everything could be exported: {}", summary.missing.join("; "));
    }
    Ok(())
}

/// Reads a store that is whole, what can be found of one that is not, or asks the process that has it.
fn read(folder: &Path, without: Without) -> anyhow::Result<Exported> {
    let whole = if without.secrets { maintenance::inspect_open(folder) } else { maintenance::inspect(folder) };
    let reason = match whole {
        Ok(found) => return exported(Export::new(found.objects, found.revision, without), Vec::new()),
        Err(OpenError::Damaged { reason, .. }) => reason,
        Err(in_use @ OpenError::InUse { .. }) => return ask(folder, without, &in_use),
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
    if found.sealed > 0 && !without.secrets {
        missing.push(format!("{} rows of Secrets do not open under the key that is there", found.sealed));
    }
    exported(Export::new(found.objects, found.revision, without), missing)
}

/// Asks the process that has the store open, by the kubeconfig that it has written there.
fn ask(folder: &Path, without: Without, in_use: &OpenError) -> anyhow::Result<Exported> {
    let path = format!("/meridian/v1/export?withoutSecrets={}&plain={}", without.secrets, without.owned);
    let asked = crate::block_on(async {
        let connection = meridian_kube::connect(&[folder.join("kubeconfig")], None).await?;
        Ok(connection.text(&path).await?)
    });
    let text = asked.with_context(|| format!("{in_use}; that process was asked for an export, without success"))?;
    match backup::summary(&text) {
        Found::Whole(summary) => Ok(Exported { text, summary }),
        Found::Cut | Found::Other => bail!("{in_use}; that process answered with half an export"),
    }
}

fn exported(pieces: Export, missing: Vec<String>) -> anyhow::Result<Exported> {
    let text = String::from_utf8(pieces.flatten().collect())?;
    let Found::Whole(mut summary) = backup::summary(&text) else { bail!("the export has no end") };
    summary.missing.splice(0..0, missing);
    Ok(Exported { text, summary })
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
