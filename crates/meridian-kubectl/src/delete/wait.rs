//! Waiting until deleted objects are gone, which their finalizers can delay.

use super::{Doomed, uid_of};
use crate::api::JSON;
use crate::error::{Result, message};
use crate::json;
use crate::session::Session;
use serde_json::Value;
use std::time::Duration;

/// Waits until none of the objects exists any more.
///
/// # Errors
/// The time is over, or the API does not answer.
pub(super) async fn until_gone(
    session: &mut Session<'_>,
    objects: &[(Doomed, Value)],
    timeout: Option<Duration>,
) -> Result<()> {
    for (doomed, answer) in objects {
        let gone = one(session, doomed, uid_of(answer));
        let Some(timeout) = timeout else {
            gone.await?;
            continue;
        };
        if let Ok(result) = tokio::time::timeout(timeout, gone).await {
            result?;
        } else {
            let resource = doomed.resource.qualified();
            return message(format!("timed out waiting for the condition on {resource}/{}", doomed.name));
        }
    }
    Ok(())
}

async fn one(session: &mut Session<'_>, doomed: &Doomed, uid: &str) -> Result<()> {
    let namespace = doomed.namespace.as_deref();
    if !doomed.resource.can("get") || !doomed.resource.can("watch") {
        return Ok(());
    }
    loop {
        let object = match session.api.get(&doomed.resource.target(namespace, Some(&doomed.name)), JSON).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => return Ok(()),
            // Whoever may delete need not be allowed to read.
            Err(error) if error.code() == Some(403) => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_another = !uid.is_empty() && json::text(&object, "/metadata/uid") != uid;
        if is_another {
            return Ok(());
        }
        let target = doomed
            .resource
            .target(namespace, None)
            .with("fieldSelector", &format!("metadata.name={}", doomed.name))
            .with("watch", "true")
            .with("resourceVersion", json::text(&object, "/metadata/resourceVersion"));
        // A watch that has ended, or come too late, begins anew from the object as it then is.
        match session.api.watch(&target, JSON).await {
            Ok(mut watch) => loop {
                match watch.next().await {
                    Ok(Some(event)) if event["type"] == "DELETED" => return Ok(()),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) if error.code() == Some(410) => break,
                    Err(error) => return Err(error),
                }
            },
            Err(error) if error.code() == Some(410) => {}
            Err(error) if error.code() == Some(403) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
