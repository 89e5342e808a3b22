//! `get`: shows objects, in rows that the API makes or in other forms.

mod documents;
mod rows;
mod sort;
mod table;
mod watch;

use crate::api::Target;
use crate::connect::ConnectionArgs;
use crate::discovery::Resource;
use crate::error::{Error, Result, message};
use crate::files::FileArgs;
use crate::output::Output;
use crate::select::select;
use crate::session::Session;
use clap::ArgAction;

/// How many objects are asked for at once.
const PAGE: &str = "500";

/// Options of `get`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian get virtualservices
  meridian get vs,gw -A -o wide
  meridian get vs httpbin -o yaml
  meridian get gateways -w
  meridian get vs -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'")]
pub struct GetArgs {
    /// Kinds and names: `vs`, `vs httpbin`, `vs/httpbin gw/gateway`, `vs,gw`
    #[arg(value_name = "KIND [NAME] | KIND/NAME")]
    words: Vec<String>,
    #[command(flatten)]
    files: FileArgs,
    /// The objects of all namespaces
    #[arg(short = 'A', long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    all_namespaces: bool,
    /// How objects are printed: wide, name, yaml, json, jsonpath=..., custom-columns=...
    #[arg(short, long, value_name = "FORM")]
    output: Option<Output>,
    /// Go on and print what changes
    #[arg(short, long)]
    watch: bool,
    /// Print only what changes from now on
    #[arg(long)]
    watch_only: bool,
    /// Only objects with these labels, such as app=httpbin
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Only objects with these fields, such as metadata.name=httpbin
    #[arg(long, value_name = "FIELDS")]
    field_selector: Option<String>,
    /// Print the labels, too
    #[arg(long)]
    show_labels: bool,
    /// Print these labels, each in a column
    #[arg(short = 'L', long, value_name = "LABEL", value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Print the kind before each name
    #[arg(long)]
    show_kind: bool,
    /// Leave the line of headers out
    #[arg(long)]
    no_headers: bool,
    /// Order by a field, such as .metadata.name
    #[arg(long, value_name = "PATH")]
    sort_by: Option<String>,
    /// An object that does not exist is no error
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    ignore_not_found: bool,
    /// Print metadata.managedFields, too
    #[arg(long)]
    show_managed_fields: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// One request: the objects of a kind, or one of them.
#[derive(Debug, Clone)]
struct Wanted {
    resource: Resource,
    namespace: Option<String>,
    name: Option<String>,
}

/// What is wanted, and what of it could not be found out.
#[derive(Debug, Default)]
struct Wishes {
    wanted: Vec<Wanted>,
    errors: Vec<Error>,
}

/// Shows objects.
pub(crate) async fn run(args: GetArgs, session: &mut Session<'_>) -> Result<()> {
    let wishes = wishes(&args, session).await?;
    if args.watch || args.watch_only {
        return watch::run(&args, session, wishes).await;
    }
    match args.output.clone() {
        None | Some(Output::Wide) => rows::run(&args, session, wishes).await,
        Some(form) => documents::run(&args, session, wishes, form).await,
    }
}

async fn wishes(args: &GetArgs, session: &mut Session<'_>) -> Result<Wishes> {
    if !args.files.is_empty() {
        if !args.words.is_empty() || args.selector.is_some() || args.field_selector.is_some() {
            return message("with -f there can be neither kinds and names nor selectors");
        }
        return of_files(args, session).await;
    }
    let selected = select(&session.discovery, &args.words)?;
    let named = selected.iter().any(|selected| selected.name.is_some());
    if named && args.all_namespaces {
        return message("a resource cannot be retrieved by name across all namespaces");
    }
    if named && (args.selector.is_some() || args.field_selector.is_some()) {
        return message("name cannot be provided when a selector is specified");
    }
    let wanted = selected.into_iter().map(|selected| Wanted {
        namespace: (selected.resource.namespaced && !args.all_namespaces).then(|| session.namespace.clone()),
        resource: selected.resource,
        name: selected.name,
    });
    Ok(Wishes { wanted: wanted.collect(), errors: Vec::new() })
}

async fn of_files(args: &GetArgs, session: &mut Session<'_>) -> Result<Wishes> {
    let documents = args.files.read(session.io).await?;
    let mut wishes = Wishes { wanted: Vec::new(), errors: documents.errors };
    for document in documents.objects {
        match session.wanted(&document) {
            Ok((resource, namespace, name)) => wishes.wanted.push(Wanted { resource, namespace, name: Some(name) }),
            Err(error) => wishes.errors.push(document.locate(error)),
        }
    }
    Ok(wishes)
}

impl Wanted {
    /// The path and the query.
    fn target(&self, args: &GetArgs) -> Target {
        let target = self.resource.target(self.namespace.as_deref(), self.name.as_deref());
        if self.name.is_some() {
            return target;
        }
        target
            .with("labelSelector", args.selector.as_deref().unwrap_or_default())
            .with("fieldSelector", args.field_selector.as_deref().unwrap_or_default())
            .with("limit", PAGE)
    }
}

impl Wishes {
    /// What is said when nothing was found.
    fn nothing(&self, session: &Session<'_>, args: &GetArgs) -> String {
        let in_namespace = self.wanted.iter().all(|wanted| wanted.resource.namespaced) && !args.all_namespaces;
        if in_namespace {
            format!("No resources found in {} namespace.", session.namespace)
        } else {
            "No resources found".to_owned()
        }
    }
}
