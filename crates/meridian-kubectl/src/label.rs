//! `label` and `annotate`: set and take away labels and annotations.

use crate::connect::ConnectionArgs;
use crate::discovery::Resource;
use crate::dry_run::DryRun;
use crate::error::{Error, Result, message};
use crate::output::Output;
use crate::select::select;
use crate::session::{Session, place_of};
use crate::write::Writing;
use serde_json::{Map, Value, json};

/// Options of `label` and `annotate`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian label namespace default istio-injection=enabled --overwrite
  meridian label vs httpbin team-
  meridian annotate vs httpbin note='by hand'")]
pub struct LabelArgs {
    /// A kind and names, then KEY=VALUE to set and KEY- to take away
    #[arg(value_name = "KIND NAME KEY=VALUE | KEY-", required = true)]
    words: Vec<String>,
    /// Change what is there already
    #[arg(long)]
    overwrite: bool,
    /// All objects of the kind in the namespace
    #[arg(long)]
    all: bool,
    /// Objects with these labels
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "all")]
    selector: Option<String>,
    /// Only try: `client` sends nothing that changes an object, `server` lets the API check
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    dry_run: DryRun,
    /// Who is named as the one who sets the fields
    #[arg(long, value_name = "NAME")]
    field_manager: Option<String>,
    /// What is printed: name, yaml, json, jsonpath=...
    #[arg(short, long, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Which of the two is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Labels,
    Annotations,
}

impl Which {
    fn field(self) -> &'static str {
        if self == Which::Labels { "labels" } else { "annotations" }
    }

    fn one(self) -> &'static str {
        if self == Which::Labels { "label" } else { "annotation" }
    }
}

/// What is set, and what goes.
#[derive(Debug, Default)]
struct Changes {
    set: Vec<(String, String)>,
    gone: Vec<String>,
}

/// Sets and takes away labels or annotations.
pub(crate) async fn run(args: LabelArgs, which: Which, session: &mut Session<'_>) -> Result<()> {
    let (words, changes) = changes(&args, which)?;
    let objects = objects(&args, session, &words).await?;
    let mut errors = Vec::new();
    for (resource, object) in objects {
        match change(&args, which, session, &resource, &object, &changes).await {
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => errors.push(error),
            Ok(()) => {}
        }
    }
    Error::all(errors)
}

/// The words that name objects, and the changes after them.
fn changes(args: &LabelArgs, which: Which) -> Result<(Vec<String>, Changes)> {
    let mut changes = Changes::default();
    let is_change = |word: &&String| word.contains('=') || word.ends_with('-');
    let first = args.words.iter().position(|word| is_change(&word)).unwrap_or(args.words.len());
    for word in &args.words[first..] {
        match (word.split_once('='), word.strip_suffix('-')) {
            (Some((key, value)), _) if !key.is_empty() => changes.set.push((key.to_owned(), value.to_owned())),
            (None, Some(key)) if !key.is_empty() => changes.gone.push(key.to_owned()),
            _ => return message(format!("found {word:?}, allowed after the names: KEY=VALUE and KEY-")),
        }
    }
    if changes.set.is_empty() && changes.gone.is_empty() {
        return message(format!("at least one {} update is required", which.one()));
    }
    if let Some((key, _)) = changes.set.iter().find(|(key, _)| changes.gone.contains(key)) {
        return message(format!("can not both modify and remove a {} in the same command: {key}", which.one()));
    }
    Ok((args.words[..first].to_vec(), changes))
}

async fn objects(args: &LabelArgs, session: &mut Session<'_>, words: &[String]) -> Result<Vec<(Resource, Value)>> {
    let mut objects = Vec::new();
    for selected in select(&session.discovery, words)? {
        let namespace = selected.resource.namespaced.then(|| session.namespace.clone());
        let target = selected.resource.target(namespace.as_deref(), selected.name.as_deref());
        match selected.name {
            Some(_) if args.all || args.selector.is_some() => {
                return message("name cannot be provided when a selector or --all is specified");
            }
            Some(_) => objects.push((selected.resource, session.api.get(&target, crate::api::JSON).await?)),
            None if args.all || args.selector.is_some() => {
                let target = target.with("labelSelector", args.selector.as_deref().unwrap_or_default());
                let list = session.api.get(&target, crate::api::JSON).await?;
                let items = list["items"].as_array().into_iter().flatten().cloned();
                objects.extend(items.map(|item| (selected.resource.clone(), item)));
            }
            None => return message("resource(s) were provided, but no name was specified"),
        }
    }
    Ok(objects)
}

async fn change(
    args: &LabelArgs,
    which: Which,
    session: &mut Session<'_>,
    resource: &Resource,
    object: &Value,
    changes: &Changes,
) -> Result<()> {
    let known = &object["metadata"][which.field()];
    let mut patch = Map::new();
    for (key, value) in &changes.set {
        match known[key].as_str() {
            Some(old) if old == value => {}
            Some(old) if !args.overwrite => {
                return message(format!("'{key}' already has a value ({old}), and --overwrite is false"));
            }
            _ => {
                patch.insert(key.clone(), value.as_str().into());
            }
        }
    }
    for key in &changes.gone {
        if known.get(key).is_some() {
            patch.insert(key.clone(), Value::Null);
        } else if which == Which::Labels {
            session.io.line(&format!("label {key:?} not found."))?;
        }
    }
    let done = match which {
        Which::Annotations => "annotated",
        Which::Labels => done(args, object, &patch),
    };
    let manager = match which {
        Which::Labels => "kubectl-label",
        Which::Annotations => "kubectl-annotate",
    };
    let manager = args.field_manager.as_deref().unwrap_or(manager);
    let writing = Writing { manager, dry_run: args.dry_run, validate: None, output: args.output.as_ref() };
    if patch.is_empty() || args.dry_run == DryRun::Client {
        return writing.tell(session, resource, object, done);
    }
    let (namespace, name) = place_of(object);
    let target = resource.target(namespace, Some(name)).with("fieldManager", manager);
    let patch = json!({"metadata": {which.field(): patch}});
    let target = target.with("dryRun", args.dry_run.parameter());
    let changed = session.api.patch(&target, "application/merge-patch+json", &patch).await?;
    writing.tell(session, resource, &changed, done)
}

/// What kubectl says of a change of labels; it compares the texts of the object before and after.
fn done(args: &LabelArgs, object: &Value, patch: &Map<String, Value>) -> &'static str {
    let mut after = object.clone();
    if let Some(labels) = crate::json::child(&mut after["metadata"], "labels") {
        for (key, value) in patch {
            if value.is_null() {
                labels.remove(key);
            } else {
                labels.insert(key.clone(), value.clone());
            }
        }
    }
    let shorter = crate::json::compact(&after).len() < crate::json::compact(object).len();
    match after == *object {
        true => "not labeled",
        false if shorter && !args.overwrite => "unlabeled",
        false => "labeled",
    }
}
