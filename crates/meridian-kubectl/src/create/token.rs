//! `create token`: a token of a service account, as its pods get one.

use crate::api::Target;
use crate::error::{Error, Result, message};
use crate::json;
use crate::output::Output;
use crate::session::Session;
use meridian_resources::duration::Duration;
use serde_json::json;

/// Options of `create token`
#[derive(clap::Args, Debug)]
pub(super) struct TokenArgs {
    /// The service account
    name: String,
    /// Who the token is for; repeat for several
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How long the token is valid, such as 10m
    #[arg(long, value_name = "TIME")]
    duration: Option<String>,
}

/// Asks for a token, and prints it.
pub(super) async fn run(args: &TokenArgs, output: Option<&Output>, session: &mut Session<'_>) -> Result<()> {
    let mut spec = json!({});
    if !args.audience.is_empty() {
        spec["audiences"] = json!(args.audience);
    }
    if let Some(duration) = &args.duration {
        let Ok(duration) = Duration::parse(duration) else {
            return message(format!("--duration: found {duration:?}, allowed: a time such as 10m or 1h"));
        };
        spec["expirationSeconds"] = duration.to_std().as_secs().into();
    }
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let account = session.discovery.of_kind("v1", "ServiceAccount").cloned();
    let Some(account) = account else { return message("the API has no service accounts") };
    let path = account.target(Some(&session.namespace), Some(&args.name));
    let answer = session.api.post(&Target::below(path, "token"), &request).await;
    let answer = answer.map_err(|error| match error {
        Error::Status(status) => Error::Message(format!("failed to create token: {}", status.message)),
        other => other,
    })?;
    session.tell_warnings();
    match output {
        Some(output) => session.io.out(&output.print(&answer)?),
        None => session.io.line(json::text(&answer, "/status/token")),
    }
}
