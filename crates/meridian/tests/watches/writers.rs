//! Those that write: several at once, each its own objects, and what was acknowledged of it.

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The pause before a server that is away is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Makes `count` changes, one after another: objects are created, changed twice and deleted, but for every fifth, which
/// stays. Returns the versions that were acknowledged; `done` counts them.
pub(crate) async fn write(
    client: kube::Client,
    resource: ApiResource,
    writer: usize,
    count: usize,
    done: &AtomicUsize,
) -> Vec<u64> {
    let api: Api<DynamicObject> = Api::namespaced_with(client, "default", &resource);
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while acknowledged.len() < count {
        let name = format!("entry-{writer}-{number}");
        number += 1;
        let steps = if number % 5 == 0 { 3 } else { 4 };
        for step in 0..steps {
            match change(&api, &resource, &name, step).await {
                Ok(version) => {
                    acknowledged.push(version);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                // It may be done or not: go on with another object when the server is back.
                Err(_) => {
                    wait_for(&api).await;
                    break;
                }
            }
        }
    }
    acknowledged
}

async fn change(api: &Api<DynamicObject>, resource: &ApiResource, name: &str, step: usize) -> Result<u64, kube::Error> {
    let changed = match step {
        0 => {
            let object = entry(resource, name);
            api.create(&PostParams::default(), &object).await?
        }
        1 | 2 => {
            let patch = json!({"spec": {"weight": step}});
            api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?
        }
        _ => {
            let deleted = api.delete(name, &DeleteParams::default()).await?;
            // The version of a deletion is in the object where that is the answer; a status says none.
            match deleted.left() {
                Some(object) => object,
                None => return Ok(0),
            }
        }
    };
    Ok(changed.metadata.resource_version.unwrap().parse().unwrap())
}

/// An object that counts generations and of which nobody writes a status.
pub(crate) fn entry(resource: &ApiResource, name: &str) -> DynamicObject {
    DynamicObject::new(name, resource).data(json!({"spec": {"address": "127.0.0.1"}}))
}

async fn wait_for(api: &Api<DynamicObject>) {
    let begun = Instant::now();
    while api.get_opt("nobody").await.is_err() {
        assert!(begun.elapsed() < crate::server::PATIENCE, "the server does not answer any more");
        tokio::time::sleep(PAUSE).await;
    }
}
