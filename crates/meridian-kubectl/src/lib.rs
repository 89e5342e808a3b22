//! The commands that change and show objects, for users without `kubectl`: `apply`, `get`, `delete` and
//! their relatives.
//!
//! They speak to any Kubernetes API, that of `meridian up` among them, and say what kubectl says, so that both can be
//! mixed on the same objects and in the same scripts. Kinds, names and scopes come from discovery, rows from the API.
#![forbid(unsafe_code)]

mod age;
mod api;
mod apply;
mod columns;
mod connect;
mod create;
mod delete;
mod describe;
mod diff;
mod discovery;
mod dry_run;
mod edit;
mod error;
mod explain;
mod files;
mod get;
mod io;
mod json;
mod jsonpath;
mod kinds;
mod label;
mod labels;
mod output;
mod patch;
mod replace;
mod schema;
mod select;
mod session;
mod tabs;
mod write;

pub use connect::ConnectionArgs;
pub use io::Io;

use error::{Error, Result};
use session::Session;
use std::process::ExitCode;

/// A command on objects.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make the API have what files say
    Apply(Box<apply::ApplyArgs>),
    /// Show objects
    Get(Box<get::GetArgs>),
    /// Show objects in full, with what happened to them
    Describe(Box<describe::DescribeArgs>),
    /// Create objects, from files or from the command line
    Create(Box<create::CreateArgs>),
    /// Make objects that exist say what files say
    Replace(Box<replace::ReplaceArgs>),
    /// Change objects in an editor
    Edit(Box<edit::EditArgs>),
    /// Change fields of objects
    Patch(Box<patch::PatchArgs>),
    /// Set and take away labels
    Label(Box<label::LabelArgs>),
    /// Set and take away annotations
    Annotate(Box<label::LabelArgs>),
    /// Delete objects
    Delete(Box<delete::DeleteArgs>),
    /// List the kinds that the API has
    ApiResources(Box<kinds::KindsArgs>),
    /// Show what the API says about a kind and its fields
    Explain(Box<explain::ExplainArgs>),
}

impl Command {
    /// Which API the command speaks to.
    #[must_use]
    pub fn connection(&self) -> &ConnectionArgs {
        match self {
            Command::Apply(args) => &args.connection,
            Command::Get(args) => &args.connection,
            Command::Describe(args) => &args.connection,
            Command::Create(args) => &args.connection,
            Command::Replace(args) => &args.connection,
            Command::Edit(args) => &args.connection,
            Command::Patch(args) => &args.connection,
            Command::Label(args) | Command::Annotate(args) => &args.connection,
            Command::Delete(args) => &args.connection,
            Command::ApiResources(args) => &args.connection,
            Command::Explain(args) => &args.connection,
        }
    }
}

/// Runs a command on the API that `client` leads to; `namespace` is meant when the command names none.
///
/// What is wrong is told on `io.err` in kubectl's words; the exit code is 1 then.
pub async fn run(command: Command, client: kube::Client, namespace: &str, io: &mut Io) -> ExitCode {
    match execute(command, client, namespace, io).await {
        // A reader that has seen enough, such as `head`, is no error.
        Ok(()) | Err(Error::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            io.tell(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn execute(command: Command, client: kube::Client, namespace: &str, io: &mut Io) -> Result<()> {
    let connection = command.connection().clone();
    let mut session = Session::open(&connection, client, namespace, io).await?;
    let session = &mut session;
    match command {
        Command::Apply(args) => apply::run(*args, session).await,
        Command::Get(args) => get::run(*args, session).await,
        Command::Describe(args) => describe::run(*args, session).await,
        Command::Create(args) => create::run(*args, session).await,
        Command::Replace(args) => replace::run(*args, session).await,
        Command::Edit(args) => edit::run(*args, session).await,
        Command::Patch(args) => patch::run(*args, session).await,
        Command::Label(args) => label::run(*args, label::Which::Labels, session).await,
        Command::Annotate(args) => label::run(*args, label::Which::Annotations, session).await,
        Command::Delete(args) => delete::run(*args, session).await,
        Command::ApiResources(args) => kinds::run(&args, session),
        Command::Explain(args) => explain::run(*args, session).await,
    }
}
