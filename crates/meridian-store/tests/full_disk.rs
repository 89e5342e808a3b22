//! A disk without room: writes are refused, nothing half is kept, and the store goes on when there is room again.
//!
//! Runs without the test harness: the same program is the parent, and the child in a mount namespace of its own with a
//! small file system.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use meridian_store::{GroupResource, Key, Store, StoreError};
use serde_json::json;

const ROLE: &str = "MERIDIAN_STORE_SMALL_DISK";

fn main() {
    if let Some(dir) = std::env::var_os(ROLE) {
        return child(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = std::env::current_exe().expect("this program's path");
    let script = format!("mount -t tmpfs -o size=6m none '{0}' && exec '{1}'", dir.path().display(), program.display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", &script]).env(ROLE, dir.path()).process_group(0);
    let output = command.output().expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare") || said.contains("mount:") {
        let message = format!("SKIPPED: no mount namespace can be made here: {said}");
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
        return;
    }
    assert!(output.status.success(), "{said}");
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

fn secret(i: usize) -> Key {
    Key::new(GroupResource::new("", "secrets"), "default", &format!("s{i}"))
}

fn child(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(fill_and_recover(dir));
}

async fn fill_and_recover(dir: &Path) {
    let data = dir.join("data");
    let store = Store::open(&data).expect("the store opens");
    store.create(Key::namespace("default"), json!({"metadata": {}})).await.expect("the namespace");
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![0_u8; 2 << 20]).expect("there is room for the ballast");

    let object = |i: usize| json!({"metadata": {}, "data": {"number": i, "padding": "p".repeat(20_000)}});
    let mut written = 0;
    let refused = loop {
        match store.create(secret(written), object(written)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1_000, "the disk is never full");
    };
    assert!(written > 10, "only {written} objects found room");
    let message = refused.to_string();
    assert!(matches!(refused, StoreError::Disk(_)), "{message}");
    assert!(message.contains("No space left on device") && message.contains("free space"), "{message}");
    let revision = store.revision();
    assert!(store.get(&secret(written)).is_none(), "a refused write is not shown");
    store.create(secret(written), object(written)).await.expect_err("the disk is still full");

    std::fs::remove_file(&ballast).expect("the ballast goes");
    let recovered = store.create(secret(9_999), object(9_999)).await.expect("there is room again");
    assert_eq!(recovered.revision(), revision + 1, "refused writes take no revision");
    let expected: Vec<_> = store.list_all().objects.iter().map(|o| (o.key().clone(), o.revision())).collect();
    assert_eq!(expected.len(), written + 2);
    drop(store);

    let store = Store::open(&data).expect("the store opens again");
    let found: Vec<_> = store.list_all().objects.iter().map(|o| (o.key().clone(), o.revision())).collect();
    assert!(found == expected, "after reopening: {} objects instead of {}", found.len(), expected.len());
    println!("full disk: {written} objects written, then refused, then written again; nothing lost or added");
}
