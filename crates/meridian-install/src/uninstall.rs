//! Taking an installation away.

use crate::apply::{Change, delete, ours};
use crate::kinds::KINDS;
use crate::{Error, OWNER};
use kube::Client;

/// Deletes what [`apply`](crate::apply()) has made for `namespace`, found by its label alone: nothing is asked for that
/// is not there, and what somebody else has made stays.
///
/// Definitions of kinds and the namespace stay too, with the objects in them and the authority of the mesh, unless
/// `purge`. `tell` hears of every object.
///
/// # Errors
/// The API server does not do what it is asked for.
pub async fn uninstall(
    client: &Client,
    namespace: &str,
    purge: bool,
    tell: &mut (dyn FnMut(Change) + Send),
) -> Result<(), Error> {
    // What admits and what is served goes before what it needs.
    for kind in KINDS.iter().rev() {
        let keep = !purge && matches!(kind.kind, "Namespace" | "CustomResourceDefinition");
        for object in ours(client, kind, namespace).await? {
            let name = object.metadata.name.unwrap_or_default();
            if keep {
                tell(Change::Left {
                    object: format!("{} {name}", kind.kind),
                    reason: format!(
                        "what is in it would go too; --purge deletes what has the label {OWNER}={namespace}"
                    ),
                });
            } else if let Some(object) = delete(client, kind, namespace, &name).await? {
                tell(Change::Deleted(object));
            }
        }
    }
    Ok(())
}
