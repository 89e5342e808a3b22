//! `meridian store`: look after the objects of a Meridian. All but an export want that it is not running.

mod export;
mod import;

use crate::client::output;
use anyhow::Context;
use clap::Subcommand;
use meridian_store::maintenance;
use std::fmt::Write;
use std::path::PathBuf;

/// Options of `meridian store`
#[derive(clap::Args, Debug)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Subcommand, Debug)]
enum StoreCommand {
    /// Write every object as YAML, also of a Meridian that runs, and what can still be read of a damaged store
    Export(export::ExportArgs),
    /// Read the objects of an export into a new store
    Import(import::ImportArgs),
    /// Say what is in the store
    Info(DataArgs),
    /// Read and check all of the store
    Check(DataArgs),
    /// Give the space that is not used back to the disk
    Compact(DataArgs),
    /// Encrypt every Secret under a new key, and forget the old one
    RotateKey(DataArgs),
}

/// Where the store is
#[derive(clap::Args, Debug)]
struct DataArgs {
    /// The data folder of `meridian up` [default: $XDG_DATA_HOME/meridian or ~/.local/share/meridian]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataArgs {
    fn folder(&self) -> anyhow::Result<PathBuf> {
        self.data
            .clone()
            .or_else(crate::folder::default_data)
            .context("neither HOME nor XDG_DATA_HOME says where the objects live; name the folder with --data")
    }
}

/// Runs one of the commands.
///
/// # Errors
/// The store is in use, damaged or not there, or a file cannot be read or written.
pub(crate) fn run(args: StoreArgs) -> anyhow::Result<()> {
    crate::logging::start("warn")?;
    match args.command {
        StoreCommand::Export(args) => export::run(&args),
        StoreCommand::Import(args) => import::run(&args),
        StoreCommand::Info(args) => info(&args),
        StoreCommand::Check(args) => check(&args),
        StoreCommand::Compact(args) => compact(&args),
        StoreCommand::RotateKey(args) => rotate_key(&args),
    }
}

fn info(args: &DataArgs) -> anyhow::Result<()> {
    let found = maintenance::inspect(&args.folder()?)?;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        writeln!(text, "{name:<16}{value}").expect("text is written to memory");
    };
    line("file", found.file.display().to_string());
    line("format", found.format.to_string());
    line("size", format!("{} bytes, {} of them objects and changes", found.file_bytes, found.used_bytes));
    line("revision", found.revision.to_string());
    line("watches from", found.history_from.to_string());
    line("key of Secrets", found.key.map_or("none yet".to_owned(), |key| format!("{key:016x}")));
    line("objects", found.objects.len().to_string());
    for (collection, count) in found.collections() {
        line("", format!("{count:>7} {collection}"));
    }
    output::print(&text)
}

fn check(args: &DataArgs) -> anyhow::Result<()> {
    let found = maintenance::inspect(&args.folder()?)?;
    let (objects, changes) = (found.objects.len(), found.revision - found.history_from);
    output::print(&format!("{} is sound: {objects} objects, {changes} changes\n", found.file.display()))
}

fn compact(args: &DataArgs) -> anyhow::Result<()> {
    let folder = args.folder()?;
    let (before, after) = maintenance::compact(&folder)?;
    output::print(&format!("{}: {before} bytes before, {after} bytes now\n", folder.display()))
}

fn rotate_key(args: &DataArgs) -> anyhow::Result<()> {
    let folder = args.folder()?;
    maintenance::rotate_key(&folder)?;
    let key = folder.join("store.key");
    output::print(&format!(
        "every Secret is encrypted under a new key; copy {} to where the old one was kept\n",
        key.display()
    ))
}
