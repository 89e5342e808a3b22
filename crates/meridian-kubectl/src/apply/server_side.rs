//! `apply --server-side`: the API merges.

use super::{ApplyArgs, SERVER_SIDE_MANAGER, migrate};
use crate::discovery::Resource;
use crate::error::{Error, Result};
use crate::session::{Session, place_of};
use serde_json::Value;

/// RFC 9110 media type of a configuration that is applied.
const APPLY: &str = "application/apply-patch+yaml";

const ADVICE: &str = "\nPlease review the fields above--they currently have other managers. Here\n\
are the ways you can resolve this warning:\n\
* If you intend to manage all of these fields, please re-run the apply\n\
\x20 command with the `--force-conflicts` flag.\n\
* If you do not intend to manage all of the fields, please edit your\n\
\x20 manifest to remove references to the fields that should keep their\n\
\x20 current managers.\n\
* You may co-own fields by updating your manifest to match the existing\n\
\x20 value; in this case, you'll become the manager if the other manager(s)\n\
\x20 stop managing the field (remove it from their configuration).\n\
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";

/// Applies an object.
pub(super) async fn apply(
    session: &mut Session<'_>,
    args: &ApplyArgs,
    resource: &Resource,
    object: Value,
) -> Result<(Value, &'static str)> {
    let (namespace, name) = place_of(&object);
    let manager = args.field_manager.as_deref().unwrap_or(SERVER_SIDE_MANAGER);
    let target = resource
        .target(namespace, Some(name))
        .with("fieldManager", manager)
        .with("force", if args.force_conflicts { "true" } else { "false" })
        .with("fieldValidation", args.validate.parameter())
        .with("dryRun", args.dry_run.parameter());
    let mut applied = session.api.patch(&target, APPLY, &object).await.map_err(advised)?;
    let parameter = args.dry_run.parameter();
    if migrate::to_server_side(session, resource, &applied, manager, parameter).await? {
        // Fields that only the old way had set can now go.
        applied = session.api.patch(&target, APPLY, &object).await.map_err(advised)?;
    }
    Ok((applied, "serverside-applied"))
}

/// A conflict, with what can be done.
fn advised(error: Error) -> Error {
    match error {
        Error::Status(status) if status.code == 409 => Error::Message(format!("{}{ADVICE}", status.message)),
        other => other,
    }
}
