//! `kill -9` while objects are applied: what was acknowledged is there afterwards.

use crate::support::{Meridian, loopback};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const ROUNDS: usize = 5;
const WRITERS: usize = 4;

/// The real kubectl applies as fast as it can in several processes; the server dies in the middle.
#[test]
fn kill_9_during_kubectl_apply_loses_nothing_that_was_answered() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let address = loopback();
    let acknowledged = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    for round in 0..ROUNDS {
        let mut meridian = Meridian::start_in(&data, address, &[]);
        let missing: Vec<String> =
            acknowledged.lock().unwrap().iter().filter(|name: &&String| !exists(&meridian, name)).cloned().collect();
        assert!(missing.is_empty(), "round {round}: lost {missing:?}");
        let target = acknowledged.lock().unwrap().len() + 3 + round;
        let dead = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    while !dead.load(Ordering::Relaxed) {
                        let name = format!("crash-{}", next.fetch_add(1, Ordering::Relaxed));
                        if apply(&data, &name) {
                            acknowledged.lock().unwrap().insert(name);
                        }
                    }
                });
            }
            let start = std::time::Instant::now();
            while acknowledged.lock().unwrap().len() < target {
                assert!(start.elapsed() < Duration::from_secs(60), "kubectl applies nothing; log:\n{}", meridian.log());
                std::thread::yield_now();
            }
            meridian.kill();
            dead.store(true, Ordering::Relaxed);
        });
    }
    let meridian = Meridian::start_in(&data, address, &[]);
    let acknowledged = acknowledged.into_inner().unwrap();
    let missing: Vec<_> = acknowledged.iter().filter(|name| !exists(&meridian, name)).collect();
    assert!(missing.is_empty(), "lost {missing:?}");
    assert!(acknowledged.len() >= 3 * ROUNDS, "only {} objects were applied", acknowledged.len());
}

fn apply(data: &std::path::Path, name: &str) -> bool {
    use std::io::Write;
    let mut kubectl = std::process::Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(data.join("kubeconfig"))
        .args(["apply", "--request-timeout=5s", "-f", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("kubectl is installed (cargo xtask setup)");
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{payload: {:?}}}\n",
        name.repeat(64)
    );
    // kubectl may be gone already when the server is.
    let _ = kubectl.stdin.take().expect("stdin is piped").write_all(object.as_bytes());
    kubectl.wait().expect("kubectl ends").success()
}

fn exists(meridian: &Meridian, name: &str) -> bool {
    let (status, object) = meridian.call("GET", &format!("/api/v1/namespaces/default/configmaps/{name}"), None);
    status == 200 && object["data"]["payload"] == name.repeat(64)
}
