//! Bringing an installation to an API server.

use crate::kinds::{self, KINDS};
use crate::{Error, FIELD_MANAGER, OWNER, called};
use kube::Client;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::Value;
use std::fmt;

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created(String),
    /// It was there, and is different now.
    Configured(String),
    /// It was there as it is wanted.
    Unchanged(String),
    /// It was ours, and is not wanted any more.
    Deleted(String),
    /// It is left alone.
    Left {
        /// Which.
        object: String,
        /// Why, and what to do about it.
        reason: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Created(object) => write!(f, "{object} created"),
            Change::Configured(object) => write!(f, "{object} configured"),
            Change::Unchanged(object) => write!(f, "{object} unchanged"),
            Change::Deleted(object) => write!(f, "{object} deleted"),
            Change::Left { object, reason } => write!(f, "{object} left as it is: {reason}"),
        }
    }
}

/// Makes the API server have `objects` of the installation in `namespace`, by server-side apply, and no others of it:
/// what an earlier apply with other values left is deleted. Nothing is written before it is clear that no object of
/// somebody else is in the way; `take_over` makes those ours. `tell` hears of every object as it is done.
///
/// # Errors
/// Somebody else's object is in the way, or the API server does not do what it is asked for.
pub async fn apply(
    client: &Client,
    namespace: &str,
    objects: &[Value],
    take_over: bool,
    tell: &mut (dyn FnMut(Change) + Send),
) -> Result<(), Error> {
    let steps = survey(client, namespace, objects, take_over).await?;
    for step in steps {
        tell(step.run(client, namespace).await?);
    }
    prune(client, namespace, objects, tell).await
}

/// An object, and what there is in its place.
struct Step<'a> {
    object: &'a Value,
    kind: &'static kinds::Kind,
    before: Before,
}

enum Before {
    /// Nothing.
    Nothing,
    /// An object with this version.
    There(Option<String>),
    /// Somebody else's, which does for us as well, or a kind that the API server does not have.
    Alone(&'static str),
}

const NO_GATEWAY_API: &str = "the API server does not have the kinds of Gateway API; apply the experimental-install.yaml \
                              of its release v1.6.1, and then this again";

async fn survey<'a>(
    client: &Client,
    namespace: &str,
    objects: &'a [Value],
    take_over: bool,
) -> Result<Vec<Step<'a>>, Error> {
    let (mut steps, mut taken) = (Vec::new(), Vec::new());
    for object in objects {
        let Some((_, kind)) = kinds::of(object) else { continue };
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let before = match kind.api(client, namespace).get(name).await {
            // The kind itself is missing, or its object is: both are answered with 404.
            Err(error) if is_not_found(&error) => {
                let missing = kind.kind == "GatewayClass" && !served(client, kind).await?;
                if missing { Before::Alone(NO_GATEWAY_API) } else { Before::Nothing }
            }
            Ok(there) => {
                let ours = owner(&there) == Some(namespace);
                match kind.kind {
                    _ if ours => {}
                    "Namespace" | "CustomResourceDefinition" => {}
                    _ if take_over => {}
                    _ => taken.push(called(object)),
                }
                match kind.kind {
                    "Namespace" if !ours => Before::Alone("it was there before"),
                    "CustomResourceDefinition" if !ours => Before::Alone("somebody else keeps it up to date"),
                    _ => Before::There(there.metadata.resource_version),
                }
            }
            Err(error) => return Err(Error::api(format!("cannot look for {}", called(object)), &error)),
        };
        steps.push(Step { object, kind, before });
    }
    if taken.is_empty() { Ok(steps) } else { Err(Error::Taken(taken)) }
}

/// Whether the API server has this kind.
async fn served(client: &Client, kind: &kinds::Kind) -> Result<bool, Error> {
    match kind.api(client, "").list(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(Error::api(format!("cannot list {}", kind.plural), &error)),
    }
}

impl Step<'_> {
    async fn run(self, client: &Client, namespace: &str) -> Result<Change, Error> {
        let object = called(self.object);
        let before = match self.before {
            Before::Alone(reason) => return Ok(Change::Left { object, reason: reason.to_owned() }),
            Before::Nothing => None,
            Before::There(version) => version,
        };
        let name = self.object["metadata"]["name"].as_str().unwrap_or_default();
        // Forced: where somebody has changed one of our fields, this command says what it is to be.
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let after = self
            .kind
            .api(client, namespace)
            .patch(name, &parameters, &Patch::Apply(self.object))
            .await
            .map_err(|error| Error::api(format!("cannot apply {object}"), &error))?;
        Ok(match before {
            None => Change::Created(object),
            Some(version) if after.metadata.resource_version.as_deref() == Some(&version) => Change::Unchanged(object),
            Some(_) => Change::Configured(object),
        })
    }
}

/// Deletes what is ours and not among `wanted`; definitions of kinds stay, because objects of users would go with them.
async fn prune(
    client: &Client,
    namespace: &str,
    wanted: &[Value],
    tell: &mut (dyn FnMut(Change) + Send),
) -> Result<(), Error> {
    for kind in KINDS.iter().rev() {
        if matches!(kind.kind, "Namespace" | "CustomResourceDefinition") {
            continue;
        }
        for there in ours(client, kind, namespace).await? {
            let name = there.metadata.name.clone().unwrap_or_default();
            let is_wanted =
                wanted.iter().any(|object| object["kind"] == kind.kind && object["metadata"]["name"] == name);
            if !is_wanted && let Some(object) = delete(client, kind, namespace, &name).await? {
                tell(Change::Deleted(object));
            }
        }
    }
    Ok(())
}

/// The objects of a kind that belong to the installation in `namespace` and are not being deleted.
pub(crate) async fn ours(client: &Client, kind: &kinds::Kind, namespace: &str) -> Result<Vec<DynamicObject>, Error> {
    let parameters = ListParams::default().labels(&format!("{OWNER}={namespace}"));
    match kind.api(client, namespace).list(&parameters).await {
        Ok(list) => Ok(list.items.into_iter().filter(|object| object.metadata.deletion_timestamp.is_none()).collect()),
        Err(error) if is_not_found(&error) => Ok(Vec::new()),
        Err(error) => Err(Error::api(format!("cannot list {}", kind.plural), &error)),
    }
}

/// Deletes an object; what it was, or `None` where it was gone already.
pub(crate) async fn delete(
    client: &Client,
    kind: &kinds::Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<String>, Error> {
    let object =
        if kind.namespaced { format!("{} {namespace}/{name}", kind.kind) } else { format!("{} {name}", kind.kind) };
    match kind.api(client, namespace).delete(name, &DeleteParams::background()).await {
        Ok(_) => Ok(Some(object)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(Error::api(format!("cannot delete {object}"), &error)),
    }
}

fn owner(object: &DynamicObject) -> Option<&str> {
    object.metadata.labels.as_ref()?.get(OWNER).map(String::as_str)
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
