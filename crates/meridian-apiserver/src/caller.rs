//! Who asks.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use hyper::header::USER_AGENT;
use serde_json::{Value, json};

/// The group that may do everything, as in Kubernetes.
pub(crate) const MASTERS: &str = "system:masters";
/// The group of everybody whose credentials count.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who shows no credentials.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of all service accounts; that of a namespace has its name after a colon.
pub(crate) const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// The user who shows no credentials.
pub(crate) const ANONYMOUS: &str = "system:anonymous";

/// Who asks: what authentication has found out, and the program that asks by its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user's name: `meridian-admin`, `system:serviceaccount:default:client`.
    pub user: String,
    /// The groups that the user is in.
    pub groups: Vec<String>,
    /// What tells two users of the same name apart that were there one after the other; may be empty.
    pub uid: String,
    /// What else the credentials say, such as the Pod that a token is bound to.
    pub extra: BTreeMap<String, Vec<String>>,
    /// The `User-Agent` of the request; may be empty.
    pub agent: String,
}

impl Caller {
    /// Meridian itself, and whoever reaches a listener that asks nobody for credentials: may do everything.
    #[must_use]
    pub fn meridian() -> Caller {
        Caller::named("system:meridian", &[MASTERS, AUTHENTICATED])
    }

    /// Somebody without credentials.
    #[must_use]
    pub fn anonymous() -> Caller {
        Caller::named(ANONYMOUS, &[UNAUTHENTICATED])
    }

    /// A user by name, in these groups.
    #[must_use]
    pub fn named(user: &str, groups: &[&str]) -> Caller {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Caller { user: user.to_owned(), groups, ..Caller::default() }
    }

    /// The same user, by the program that the headers of a request name.
    #[must_use]
    pub(crate) fn with_agent(mut self, headers: &HeaderMap) -> Caller {
        self.agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default().to_owned();
        self
    }

    /// The `UserInfo` of `authentication.k8s.io/v1`.
    pub(crate) fn user_info(&self) -> Value {
        let mut info = json!({"username": self.user, "groups": self.groups});
        if !self.uid.is_empty() {
            info["uid"] = self.uid.as_str().into();
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }

    /// Whether the user is in a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}
