//! Who may do what: Kubernetes' role-based access control over the roles and bindings of the store.
//!
//! [`Attributes`] says what a request does, [`rules`] what a rule allows, [`roles`] which roles there are without any
//! object, and [`Authorizer`] who has which.

mod attributes;
mod escalation;
mod impersonation;
mod rbac;
mod reviews;
mod roles;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use attributes::Attributes;
pub(crate) use escalation::check_grant;
pub(crate) use impersonation::impersonate;
pub(crate) use rbac::{Authorizer, GROUP};
pub(crate) use reviews::{access_review, check_review, rules_review, subject};

use crate::caller::Caller;
use crate::error::ApiError;
use meridian_store::GroupResource;

/// Checks that somebody may do something.
///
/// # Errors
/// 403 in Kubernetes' words.
pub(crate) fn check(authorizer: &Authorizer<'_>, caller: &Caller, wanted: &Attributes) -> Result<(), ApiError> {
    match authorizer.decide(caller, wanted) {
        Ok(_) => Ok(()),
        Err(missing) => Err(refusal(caller, wanted, &missing)),
    }
}

/// 403; `missing` are roles that bindings name and that there are not.
fn refusal(caller: &Caller, wanted: &Attributes, missing: &[String]) -> ApiError {
    let mut why = format!("User {:?} cannot {}", caller.user, wanted);
    match missing {
        [] => {}
        [one] => why.push_str(&format!(": RBAC: {one}")),
        many => why.push_str(&format!(": RBAC: [{}]", many.join(", "))),
    }
    match wanted {
        Attributes::Path { .. } => ApiError::forbidden_path(&why),
        Attributes::Resource { group, resource, name, .. } => {
            ApiError::forbidden(&GroupResource::new(group, resource), name, &why)
        }
    }
}
