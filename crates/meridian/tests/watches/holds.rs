//! Ten thousand changes and a `kill -9`: no observer misses a change or is told of one twice.

use crate::observers::{Observer, build_reflector};
use crate::server::{PATIENCE, Server};
use crate::story::{Story, Told};
use crate::writers;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use kube::runtime::watcher::Config;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// All changes that are acknowledged.
const CHANGES: usize = 10_000;
const WRITERS: usize = 4;
/// The object that is written after all others.
const LAST: &str = "last";

#[test]
fn no_change_is_lost_or_doubled_in_ten_thousand_and_a_kill_9() {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run());
}

async fn run() {
    let reflector = build_reflector();
    let scratch = tempfile::tempdir().unwrap();
    let mut server = Server::start(&scratch.path().join("data"));
    let name = GroupVersionKind::gvk("networking.istio.io", "v1", "WorkloadEntry");
    let resource = ApiResource::from_gvk_with_plural(&name, "workloadentries");
    let client = server.client().await;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    eventually("the server answers", async || api.list(&ListParams::default()).await.is_ok()).await;

    let mut observers = vec![
        Observer::kube("kube, lists", server.client().await, &resource, Config::default()),
        Observer::kube(
            "kube, lists that are watches",
            server.client().await,
            &resource,
            Config::default().streaming_lists(),
        ),
        // So short that many watches end while there are changes.
        Observer::kube("kube, short watches", server.client().await, &resource, Config::default().timeout(1)),
    ];
    if let Some(program) = &reflector {
        let kubeconfig = server.kubeconfig();
        for (name, watch_list) in [("client-go, lists", false), ("client-go, lists that are watches", true)] {
            observers.push(Observer::client_go(name, program, &kubeconfig, &resource, watch_list));
        }
    }

    let done: Arc<AtomicUsize> = Arc::default();
    let mut writing = Vec::new();
    for writer in 0..WRITERS {
        let (client, resource, done) = (server.client().await, resource.clone(), done.clone());
        let count = CHANGES / WRITERS;
        writing.push(tokio::spawn(async move { writers::write(client, resource, writer, count, &done).await }));
    }
    while done.load(Ordering::Relaxed) < CHANGES / 2 {
        assert!(!writing.iter().all(tokio::task::JoinHandle::is_finished), "the writers have ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill_and_restart();

    let mut acknowledged = Vec::new();
    for writer in writing {
        acknowledged.extend(writer.await.unwrap());
    }
    api.create(&PostParams::default(), &writers::entry(&resource, LAST)).await.unwrap();
    for observer in &observers {
        eventually(observer.name, async || observer.knows(LAST)).await;
    }
    let truth = list(&api).await;
    for observer in &observers {
        check(observer, &truth, &acknowledged);
    }
}

async fn list(api: &Api<DynamicObject>) -> BTreeMap<String, u64> {
    let all = api.list(&ListParams::default()).await.unwrap();
    let version = |object: &DynamicObject| object.metadata.resource_version.as_deref().unwrap().parse().unwrap();
    all.items.iter().map(|object| (object.metadata.name.clone().unwrap(), version(object))).collect()
}

fn check(observer: &Observer, truth: &BTreeMap<String, u64>, acknowledged: &[u64]) {
    let story = Story::of(&observer.words());
    let name = observer.name;
    println!("{name}: {} changes told one by one, {} lists", story.changes.len(), story.listed.len());
    assert!(story.wrong.is_empty(), "{name}: {:#?}", story.wrong);
    // The history outlives the process, so nobody need begin again.
    assert_eq!(story.listed.len(), 1, "{name} was made to list anew");
    let believed: BTreeMap<String, u64> =
        story.objects.values().map(|Told { name, version, .. }| (name.clone(), *version)).collect();
    assert_eq!(&believed, truth, "{name}");
    let lost: Vec<u64> =
        acknowledged.iter().copied().filter(|version| *version != 0 && !story.knows(*version)).collect();
    assert!(lost.is_empty(), "{name} was not told of {lost:?}");
}

async fn eventually(what: &str, mut test: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !test().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
