//! `create`: makes objects that do not exist yet, from files or from what the command line says.

mod access;
mod data;
mod generators;
mod token;

use crate::apply::note_applied;
use crate::connect::ConnectionArgs;
use crate::dry_run::{DryRun, Validate};
use crate::error::{Error, Result, message};
use crate::files::FileArgs;
use crate::json;
use crate::output::Output;
use crate::session::Session;
use crate::write::Writing;
use clap::Subcommand;
use serde_json::Value;

/// Who is named as the one who sets the fields.
const MANAGER: &str = "kubectl-create";

/// What is made of the command line.
const KINDS: &str =
    "namespace, secret, configmap, serviceaccount, token, role, rolebinding, clusterrole, clusterrolebinding";

/// Options of `create`
#[derive(clap::Args, Debug)]
#[command(
    subcommand_value_name = "KIND",
    subcommand_help_heading = "Kinds",
    after_help = "Examples:
  meridian create -f gateway.yaml
  meridian create namespace istio-system
  meridian create -n istio-system secret tls httpbin-credential --key=tls.key --cert=tls.crt
  meridian create secret generic credential --from-file=tls.key=a.key --from-file=tls.crt=a.crt
  meridian create configmap settings --from-literal=color=blue"
)]
pub struct CreateArgs {
    #[command(subcommand)]
    kind: Option<CreateKind>,
    #[command(flatten)]
    files: FileArgs,
    /// Note what was created, for a later `apply`
    #[arg(long, global = true)]
    save_config: bool,
    /// Only try: `client` sends nothing that changes an object, `server` lets the API check
    #[arg(long, value_enum, default_value_t, value_name = "HOW", global = true)]
    dry_run: DryRun,
    /// What becomes of fields that the API does not know: strict (or true), warn, ignore (or false)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "strict", default_value = "strict",
        value_name = "HOW", global = true)]
    validate: Validate,
    /// Who is named as the one who sets the fields
    #[arg(long, value_name = "NAME", default_value = MANAGER, global = true)]
    field_manager: String,
    /// What is printed: name, yaml, json, jsonpath=...
    #[arg(short, long, value_name = "FORM", global = true)]
    output: Option<Output>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Subcommand, Debug)]
enum CreateKind {
    /// A namespace
    #[command(visible_alias = "ns")]
    Namespace(generators::NamespaceArgs),
    /// A Secret, of one of three kinds
    #[command(subcommand_required = true)]
    Secret(generators::SecretArgs),
    /// A ConfigMap from files, folders and literal values
    #[command(visible_alias = "cm")]
    Configmap(generators::ConfigMapArgs),
    /// A service account
    #[command(visible_alias = "sa")]
    Serviceaccount(generators::ServiceAccountArgs),
    /// A token of a service account, which is printed
    Token(token::TokenArgs),
    /// A role of a namespace: what may be done with which objects
    Role(access::RoleArgs),
    /// Who has a role in a namespace
    Rolebinding(access::RoleBindingArgs),
    /// A role of all namespaces
    Clusterrole(access::ClusterRoleArgs),
    /// Who has a role in all namespaces
    Clusterrolebinding(access::ClusterRoleBindingArgs),
    /// What only kubectl makes
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Creates objects.
pub(crate) async fn run(mut args: CreateArgs, session: &mut Session<'_>) -> Result<()> {
    let object = match args.kind.take() {
        None => return files(&args, session).await,
        Some(CreateKind::Token(token)) => return token::run(&token, args.output.as_ref(), session).await,
        Some(CreateKind::Other(words)) => {
            let kind = words.first().map_or("", String::as_str);
            return message(format!(
                "create {kind} is not supported; kubectl has it, here are allowed: -f and {KINDS}"
            ));
        }
        Some(_) if !args.files.is_empty() => return message("there can be either -f or a kind, not both"),
        Some(CreateKind::Namespace(namespace)) => namespace.object(),
        Some(CreateKind::Secret(secret)) => secret.object()?,
        Some(CreateKind::Configmap(config_map)) => config_map.object()?,
        Some(CreateKind::Serviceaccount(account)) => account.object(),
        Some(CreateKind::Role(role)) => role.object(&session.discovery, session.io)?,
        Some(CreateKind::Rolebinding(binding)) => binding.object()?,
        Some(CreateKind::Clusterrole(role)) => role.object(&session.discovery, session.io)?,
        Some(CreateKind::Clusterrolebinding(binding)) => binding.object()?,
    };
    generated(&args, session, object).await
}

impl CreateArgs {
    fn writing(&self, validate: Option<Validate>) -> Writing<'_> {
        let (dry_run, output) = (self.dry_run, self.output.as_ref());
        Writing { manager: &self.field_manager, dry_run, validate, output }
    }
}

/// An object that the command line describes.
async fn generated(args: &CreateArgs, session: &mut Session<'_>, mut object: Value) -> Result<()> {
    let resource = session.discovery.of_object(&object, "the command line")?.clone();
    // A namespace that nobody has asked for is not written into what is only printed.
    if session.enforced || args.dry_run != DryRun::Client {
        session.place(&resource, &mut object)?;
    }
    if args.save_config {
        note_applied(&mut object)?;
    }
    let writing = args.writing(None);
    if args.dry_run == DryRun::Client {
        object["metadata"]["creationTimestamp"] = Value::Null;
        if resource.kind == "Namespace" {
            object["spec"] = serde_json::json!({});
            object["status"] = serde_json::json!({});
        }
        return writing.tell(session, &resource, &object, "created");
    }
    let created = session.api.post(&writing.target(&resource, &object, false), &object).await;
    let kind = resource.kind.to_lowercase();
    // As kubectl does, which tells of some kinds only what the API says.
    let told = !matches!(resource.kind.as_str(), "Namespace" | "Role" | "ClusterRole");
    let created = created.map_err(|error| match error {
        Error::Status(status) if told => {
            let colon = if kind == "secret" { "" } else { ":" };
            Error::Message(format!("failed to create {kind}{colon} {}", status.message))
        }
        other => other,
    })?;
    writing.tell(session, &resource, &created, "created")
}

async fn files(args: &CreateArgs, session: &mut Session<'_>) -> Result<()> {
    if args.files.is_empty() {
        return message(format!("must specify one of -f and a kind: {KINDS}"));
    }
    let documents = args.files.read(session.io).await?;
    let mut errors = documents.errors;
    let writing = args.writing(Some(args.validate));
    for document in &documents.objects {
        let creating = async {
            let resource = session.discovery.of_object(&document.value, &document.source)?.clone();
            let mut object = document.value.clone();
            session.place(&resource, &mut object)?;
            if args.save_config {
                note_applied(&mut object)?;
            }
            if let Some(metadata) = json::child(&mut object, "metadata") {
                metadata.remove("resourceVersion");
            }
            let created = if args.dry_run == DryRun::Client {
                object
            } else {
                let created = session.api.post(&writing.target(&resource, &object, false), &object).await;
                created.map_err(|error| error.doing(&format!("error when creating {:?}", document.source)))?
            };
            writing.tell(session, &resource, &created, "created")
        };
        match creating.await {
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => errors.push(document.locate(error)),
            Ok(()) => {}
        }
    }
    Error::all(errors)
}
