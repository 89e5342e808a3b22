//! `kubectl --as`: somebody does something as somebody else.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use percent_encoding::percent_decode_str;

use super::{Attributes, Authorizer, check};
use crate::caller::{ANONYMOUS, AUTHENTICATED, Caller, SERVICE_ACCOUNTS, UNAUTHENTICATED};
use crate::error::ApiError;

const EXTRA: &str = "impersonate-extra-";

/// Whom the headers name, if the caller may be them; the caller when they name nobody.
///
/// # Errors
/// 403 when the caller may not, 500 for headers without a user, as in Kubernetes.
pub(crate) fn impersonate(
    authorizer: &Authorizer<'_>,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Caller, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let user = text("impersonate-user");
    let groups: Vec<&str> =
        headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok()).collect();
    let (uid, extra) = (text("impersonate-uid"), extra(headers));
    if user.is_empty() {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(caller);
        }
        return Err(ApiError::internal("requested groups, uid or extra fields without impersonating a user"));
    }
    let may = |group: &str, resource: &str, namespace: &str, name: &str| {
        check(authorizer, &caller, &Attributes::of_resource("impersonate", group, resource, namespace, name))
    };
    let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    match account {
        Some((namespace, name)) => may("", "serviceaccounts", namespace, name)?,
        None => may("", "users", "", user)?,
    }
    for group in &groups {
        may("", "groups", "", group)?;
    }
    if !uid.is_empty() {
        may("authentication.k8s.io", "uids", "", uid)?;
    }
    for (key, values) in &extra {
        for value in values {
            let mut wanted = Attributes::of_resource("impersonate", "authentication.k8s.io", "userextras", "", value);
            if let Attributes::Resource { subresource, .. } = &mut wanted {
                subresource.clone_from(key);
            }
            check(authorizer, &caller, &wanted)?;
        }
    }
    let mut all: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    if let Some((namespace, _)) = account.filter(|_| groups.is_empty()) {
        all.extend([SERVICE_ACCOUNTS.to_owned(), format!("{SERVICE_ACCOUNTS}:{namespace}")]);
    }
    let everybody = if user == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
    if !all.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED) {
        all.push(everybody.to_owned());
    }
    tracing::info!(by = caller.user, user, "a request in somebody else's name");
    Ok(Caller { user: user.to_owned(), groups: all, uid: uid.to_owned(), extra, agent: caller.agent })
}

/// `Impersonate-Extra-KEY: VALUE`.
fn extra(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA), value.to_str()) {
            let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    extra
}
