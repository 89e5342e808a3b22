//! Nobody gives what they do not have: writing roles and bindings, as Kubernetes checks it.

use meridian_store::GroupResource;
use serde_json::Value;

use super::rbac::{self, GROUP};
use super::rules::{self, Rule};
use super::{Attributes, Authorizer};
use crate::caller::{Caller, MASTERS};
use crate::error::ApiError;

/// Checks a role or a binding that somebody writes. Who may `escalate` a role, or `bind` one, may give more than they
/// have.
///
/// # Errors
/// 403 with the rules that are beyond the writer's own; 404 for a binding to a role that there is not.
pub(crate) fn check_grant(
    authorizer: &Authorizer<'_>,
    caller: &Caller,
    plural: &str,
    namespace: &str,
    object: &Value,
) -> Result<(), ApiError> {
    if caller.is_in(MASTERS) {
        return Ok(());
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let may = |verb: &str, resource: &str, name: &str| {
        authorizer.decide(caller, &Attributes::of_resource(verb, GROUP, resource, namespace, name)).is_ok()
    };
    let given = match plural {
        "roles" | "clusterroles" if may("escalate", plural, name) => return Ok(()),
        "roles" | "clusterroles" => rbac::rules_of(object),
        "rolebindings" | "clusterrolebindings" => {
            let role = object["roleRef"]["name"].as_str().unwrap_or_default();
            let kind = if object["roleRef"]["kind"] == "Role" { "roles" } else { "clusterroles" };
            if may("bind", kind, role) {
                return Ok(());
            }
            authorizer
                .rules_of_binding(object, namespace)
                // Kubernetes names what is written, with the name of what is missing.
                .ok_or_else(|| ApiError::not_found(&GroupResource::new(GROUP, plural), role))?
        }
        _ => return Ok(()),
    };
    let aggregates = object["aggregationRule"].is_object();
    let all = [Rule::resources(&["*"], &["*"], &["*"]), Rule::paths(&["*"], &["*"])];
    let beyond = rules::uncovered(&authorizer.held(caller, namespace).rules(), if aggregates { &all } else { &given });
    if beyond.is_empty() {
        return Ok(());
    }
    let groups: Vec<String> = caller.groups.iter().map(|group| format!("{group:?}")).collect();
    let mut lines: Vec<String> = rules::compact(beyond).iter().map(Rule::to_string).collect();
    lines.sort();
    lines.dedup();
    let why = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        caller.user,
        groups.join(" "),
        lines.join("\n")
    );
    Err(ApiError::forbidden(&GroupResource::new(GROUP, plural), name, &why))
}
