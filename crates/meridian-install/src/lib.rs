//! What an installation on Kubernetes consists of, and how it gets there and away.
//!
//! [`manifests`] makes the objects of an installation out of [`Values`]: pure, so that a dry run prints what an apply
//! would send. [`apply`] and [`uninstall`] bring them to an API server and take them away again. Every object has the
//! label [`OWNER`] with the namespace of the installation: what has it is ours, what has not is somebody else's and is
//! neither changed nor deleted.
#![forbid(unsafe_code)]

mod apply;
mod kinds;
mod manifests;
mod set;
mod uninstall;
mod values;

pub use apply::{Change, apply};
pub use kube::Client;
pub use manifests::manifests;
pub use set::{SetError, Setting};
pub use uninstall::uninstall;
pub use values::{Gateway, Image, Injector, Profile, Values, ValuesError};

use meridian_kube::whole_text;
use serde_json::Value;

/// The namespace of an installation: the control plane keeps its authority, its lease and the configuration of the mesh
/// there, as Istio does.
pub const NAMESPACE: &str = "istio-system";

/// The label of every object of an installation; its value is the namespace of the installation.
pub const OWNER: &str = "install.meridian.dev/owner";

/// Who is named as the writer of what an installation writes.
pub const FIELD_MANAGER: &str = "meridian-install";

/// Why an installation did not come about, or did not go away.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Objects of these names are there, and somebody else's.
    #[error(
        "{} is there and was not installed by this command; take away what is there, or take it over with --take-over",
        .0.join(", ")
    )]
    Taken(Vec<String>),
    /// The API server did not do what was asked for.
    #[error("{what}: {reason}")]
    Api {
        /// What was asked for.
        what: String,
        /// What the API server said.
        reason: String,
    },
}

impl Error {
    fn api(what: impl Into<String>, error: &kube::Error) -> Self {
        let reason = match error {
            kube::Error::Api(status) => status.message.clone(),
            other => whole_text(other),
        };
        Self::Api { what: what.into(), reason }
    }
}

/// `Kind namespace/name`, as objects are called here.
fn called(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}
