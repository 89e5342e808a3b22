//! `delete`: asks the API to delete objects, and waits until they are gone.

mod wait;

use crate::connect::ConnectionArgs;
use crate::discovery::Resource;
use crate::dry_run::DryRun;
use crate::error::{Error, Result, message};
use crate::files::FileArgs;
use crate::json;
use crate::select::select;
use crate::session::{Session, place_of};
use clap::ArgAction;
use meridian_resources::duration::Duration;
use serde_json::{Value, json};

/// What becomes of the objects that an object owns.
#[derive(clap::ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Cascade {
    /// They are deleted after it
    #[default]
    #[value(alias = "true")]
    Background,
    /// They are deleted before it
    Foreground,
    /// They stay
    #[value(alias = "false")]
    Orphan,
}

/// Options of `delete`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian delete vs httpbin
  meridian delete -f configuration/ --ignore-not-found
  meridian delete gateways,virtualservices --all -n istio-system
  meridian delete virtualservices -l app=httpbin")]
pub struct DeleteArgs {
    /// Kinds and names: `vs httpbin`, `vs/httpbin gw/gateway`, `vs,gw --all`
    #[arg(value_name = "KIND NAME | KIND/NAME")]
    words: Vec<String>,
    #[command(flatten)]
    files: FileArgs,
    /// All objects of the kinds in the namespace
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    all: bool,
    /// With --all or a selector: in all namespaces
    #[arg(short = 'A', long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    all_namespaces: bool,
    /// Objects with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Objects with these fields
    #[arg(long, value_name = "FIELDS")]
    field_selector: Option<String>,
    /// An object that does not exist is no error
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    ignore_not_found: bool,
    /// What becomes of objects that the object owns
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "background",
        default_value_t, value_name = "HOW")]
    cascade: Cascade,
    /// Wait until the objects are gone
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true,
        action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    wait: bool,
    /// How long to wait, such as 30s; for as long as it takes if it is not given
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// Do not wait for what runs to end
    #[arg(long)]
    force: bool,
    /// How many seconds what runs has to end
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    grace_period: Option<i64>,
    /// As --grace-period=1
    #[arg(long, conflicts_with = "grace_period")]
    now: bool,
    /// Only try: `client` sends nothing that changes an object, `server` lets the API check
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    dry_run: DryRun,
    /// `name` prints names only
    #[arg(short, long, value_parser = ["name"], value_name = "FORM")]
    output: Option<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// An object that goes.
#[derive(Debug, Clone)]
struct Doomed {
    resource: Resource,
    namespace: Option<String>,
    name: String,
    /// The file that names it.
    source: Option<String>,
}

/// Deletes objects.
pub(crate) async fn run(args: DeleteArgs, session: &mut Session<'_>) -> Result<()> {
    check(&args)?;
    let timeout = args.timeout.as_deref().map(time).transpose()?.flatten();
    if args.force {
        session.io.warn(
            "Immediate deletion does not wait for confirmation that the running resource has been terminated. The \
             resource may continue to run on the cluster indefinitely.",
        );
    }
    let (doomed, mut errors) = doomed(&args, session).await?;
    if args.connection.namespace.is_some() && doomed.iter().any(|doomed| !doomed.resource.namespaced) {
        session.io.warn("deleting cluster-scoped resources, not scoped to the provided namespace");
    }
    let nothing = doomed.is_empty() && errors.is_empty();
    let mut waiting = Vec::new();
    for doomed in doomed {
        match delete(&args, session, &doomed).await {
            Ok(answer) => {
                waiting.push((doomed, answer));
            }
            Err(error) if error.is_not_found() && (args.ignore_not_found || args.all) => {}
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => errors.push(match &doomed.source {
                Some(source) => error.doing(&format!("error when deleting {source:?}")),
                None => error,
            }),
        }
    }
    session.tell_warnings();
    if nothing {
        session.io.line("No resources found")?;
    }
    if args.wait
        && args.dry_run == DryRun::None
        && let Err(error) = wait::until_gone(session, &waiting, timeout).await
    {
        errors.push(error);
    }
    Error::all(errors)
}

fn check(args: &DeleteArgs) -> Result<()> {
    if args.all && args.selector.is_some() {
        return message("cannot set --all and --selector at the same time");
    }
    if args.all && args.field_selector.is_some() {
        return message("cannot set --all and --field-selector at the same time");
    }
    if args.force && args.grace_period.is_some_and(|seconds| seconds > 0) {
        return message("--force and --grace-period greater than 0 cannot be specified together");
    }
    if args.words.is_empty() && args.files.is_empty() {
        return message(
            "You must provide one or more resources by argument or filename: -f FILE, KIND NAME, or KIND --all",
        );
    }
    Ok(())
}

/// A time limit; zero is none.
fn time(text: &str) -> Result<Option<std::time::Duration>> {
    let seconds = text.parse::<u64>().ok().map(std::time::Duration::from_secs);
    let parsed = seconds.or_else(|| Duration::parse(text).ok().map(Duration::to_std));
    match parsed {
        Some(time) => Ok(Some(time).filter(|time| !time.is_zero())),
        None => message(format!("--timeout: found {text:?}, allowed: a time such as 30s or 5m")),
    }
}

async fn doomed(args: &DeleteArgs, session: &mut Session<'_>) -> Result<(Vec<Doomed>, Vec<Error>)> {
    let mut all = Vec::new();
    if !args.files.is_empty() {
        if !args.words.is_empty() || args.all || args.selector.is_some() || args.field_selector.is_some() {
            return message("with -f there can be neither kinds and names nor --all and selectors");
        }
        let documents = args.files.read(session.io).await?;
        let mut errors = documents.errors;
        for document in documents.objects {
            match session.wanted(&document) {
                Ok((resource, namespace, name)) => {
                    let source = Some(document.source.clone());
                    all.push(Doomed { resource, namespace, name, source });
                }
                Err(error) => errors.push(document.locate(error)),
            }
        }
        return Ok((all, errors));
    }
    let selecting = args.all || args.selector.is_some() || args.field_selector.is_some();
    let selected = select(&session.discovery, &args.words)?;
    for selected in selected {
        let namespace = (selected.resource.namespaced && !args.all_namespaces).then(|| session.namespace.clone());
        match selected.name {
            Some(_) if selecting => return message("name cannot be provided when a selector or --all is specified"),
            Some(_) if args.all_namespaces => {
                return message("a resource cannot be retrieved by name across all namespaces");
            }
            Some(name) => all.push(Doomed { resource: selected.resource, namespace, name, source: None }),
            None if selecting => {
                let target = selected
                    .resource
                    .target(namespace.as_deref(), None)
                    .with("labelSelector", args.selector.as_deref().unwrap_or_default())
                    .with("fieldSelector", args.field_selector.as_deref().unwrap_or_default());
                let list = session.api.get(&target, crate::api::JSON).await?;
                for item in list["items"].as_array().into_iter().flatten() {
                    let (namespace, name) = place_of(item);
                    let (namespace, name) = (namespace.map(str::to_owned), name.to_owned());
                    all.push(Doomed { resource: selected.resource.clone(), namespace, name, source: None });
                }
            }
            None => {
                return message("resource(s) were provided, but no name was specified");
            }
        }
    }
    Ok((all, Vec::new()))
}

async fn delete(args: &DeleteArgs, session: &mut Session<'_>, doomed: &Doomed) -> Result<Value> {
    let target = doomed.resource.target(doomed.namespace.as_deref(), Some(&doomed.name));
    let answer = if args.dry_run == DryRun::Client {
        session.api.get(&target, crate::api::JSON).await?
    } else {
        session.api.delete(&target, &options(args)).await?
    };
    let name = &doomed.name;
    if args.output.is_some() {
        session.io.line(&format!("{}/{name}", doomed.resource.prefix()))?;
        return Ok(answer);
    }
    let done = if args.force { "force deleted" } else { "deleted" };
    session.io.line(&format!("{} {name:?} {done}{}", doomed.resource.prefix(), args.dry_run.suffix()))?;
    Ok(answer)
}

/// `DeleteOptions` of meta/v1.
fn options(args: &DeleteArgs) -> Value {
    let policy = match args.cascade {
        Cascade::Background => "Background",
        Cascade::Foreground => "Foreground",
        Cascade::Orphan => "Orphan",
    };
    let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy});
    let grace = match args.grace_period {
        _ if args.now => Some(1),
        // Without --force nothing is deleted that still runs.
        Some(0) if !args.force => Some(1),
        Some(seconds) if seconds >= 0 => Some(seconds),
        _ if args.force => Some(0),
        _ => None,
    };
    if let Some(grace) = grace {
        options["gracePeriodSeconds"] = grace.into();
    }
    if args.dry_run == DryRun::Server {
        options["dryRun"] = json!(["All"]);
    }
    options
}

/// The identity of the object that the API speaks of in its answer to a deletion.
fn uid_of(answer: &Value) -> &str {
    let of_status = json::text(answer, "/details/uid");
    if of_status.is_empty() { json::text(answer, "/metadata/uid") } else { of_status }
}

/// Waits until an object is gone whose deletion the API has answered.
pub(crate) async fn until_gone(
    session: &mut Session<'_>,
    resource: &Resource,
    namespace: Option<String>,
    name: String,
    answer: &Value,
) -> Result<()> {
    let doomed = Doomed { resource: resource.clone(), namespace, name, source: None };
    wait::until_gone(session, &[(doomed, answer.clone())], None).await
}
