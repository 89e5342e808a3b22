//! `meridian store`: backup, restore, damage and keys, as a user does it.

use crate::support::{Meridian, loopback};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: owner, namespace: default}
data:
  tricky: "yes"
  lines: |
    one
    "two": # three
---
apiVersion: v1
kind: Secret
metadata: {name: password, namespace: default}
stringData: {password: swordfish}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: route, namespace: default}
spec:
  hosts: [a.example.com]
  http: [{route: [{destination: {host: a.default.svc.cluster.local}}], timeout: 1s}]
"#;

fn store(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.arg("store").args(arguments).arg("--data").arg(data).output().expect("meridian runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed; what it prints.
fn done(arguments: &[&str], data: &Path) -> String {
    let output = store(arguments, data);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command that must fail; what it says.
fn refused(arguments: &[&str], data: &Path) -> String {
    let output = store(arguments, data);
    assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

/// Every object of the test as the API shows it, without what belongs to one store.
fn shown(meridian: &Meridian) -> String {
    let output = meridian.kubectl(["get", "configmap/owner", "secret/password", "virtualservice/route", "-o", "yaml"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
        .lines()
        .filter(|line| !line.contains("resourceVersion:"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_backup_is_restored_with_all_identities() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, address) = (scratch.path().join("data"), loopback());
    let mut meridian = Meridian::start_in(&data, address, &[]);
    meridian.applied(OBJECTS);
    let before = shown(&meridian);
    let live = scratch.path().join("live.yaml");
    done(&["export", "--output", live.to_str().unwrap()], &data);
    assert_eq!(fs::metadata(&live).unwrap().permissions().mode() & 0o777, 0o600);
    let open = done(&["export", "--no-secrets", "--plain"], &data);
    assert!(
        !open.contains("kind: Secret") && !open.contains("generation:") && open.contains("kind: VirtualService"),
        "{open}"
    );
    let busy = refused(&["check"], &data);
    assert!(busy.contains("is in use by process") && busy.contains("(meridian)"), "{busy}");
    let second = Meridian::spawn_in(&data, loopback(), &[]);
    second.wait_for_log("is in use by process");
    drop(second);
    meridian.kill();

    let backup = scratch.path().join("backup.yaml");
    done(&["export", "--output", backup.to_str().unwrap()], &data);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let exported = fs::read_to_string(&backup).unwrap();
    assert!(exported.contains("c3dvcmRmaXNo"), "Secrets are part of a backup");
    let open = done(&["export", "--no-secrets"], &data);
    assert!(!open.contains("kind: Secret") && open.contains("kind: VirtualService"), "{open}");

    let whole = fs::read_to_string(&live).unwrap();
    let half = scratch.path().join("half.yaml");
    fs::write(&half, &whole[..whole.rfind("\n---").unwrap() + 1]).unwrap();
    let cut = refused(&["import", half.to_str().unwrap()], &scratch.path().join("nothing"));
    assert!(cut.contains("this export is not whole"), "{cut}");
    let of_live = scratch.path().join("of-live");
    done(&["import", live.to_str().unwrap()], &of_live);
    let mut meridian = Meridian::start_in(&of_live, address, &[]);
    assert_eq!(shown(&meridian), before);
    meridian.kill();

    let restored = scratch.path().join("restored");
    done(&["import", backup.to_str().unwrap()], &restored);
    let twice = refused(&["import", backup.to_str().unwrap()], &restored);
    assert!(twice.contains("a backup is restored into a new folder"), "{twice}");
    let mut meridian = Meridian::start_in(&restored, address, &[]);
    assert_eq!(shown(&meridian), before);
    meridian.kill();
    assert!(done(&["check"], &restored).contains("is sound"));
    assert!(done(&["info"], &restored).contains("1 virtualservices.networking.istio.io"));
    done(&["compact"], &restored);
    done(&["rotate-key"], &restored);
    let meridian = Meridian::start_in(&restored, address, &[]);
    assert_eq!(shown(&meridian), before);
}

#[test]
fn a_damaged_store_says_what_to_do_and_gives_what_is_readable() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let mut meridian = Meridian::start_in(&data, loopback(), &[]);
    meridian.applied(OBJECTS);
    meridian.kill();
    let file = data.join("store.redb");
    let whole = fs::read(&file).unwrap();
    // The head of the file, without which its tree is lost.
    fs::write(&file, [vec![0xff; 4096], whole[4096..].to_vec()].concat()).unwrap();
    let meridian = Meridian::spawn_in(&data, loopback(), &[]);
    let said = meridian.wait_for_log("is damaged");
    assert!(said.contains("store.redb"), "{said}");
    meridian.wait_for_log(&format!("meridian store export --data {}", data.display()));
    drop(meridian);
    assert!(refused(&["check"], &data).contains("is damaged"));

    let output = store(&["export"], &data);
    assert!(!output.status.success(), "a salvage is not a whole backup");
    let said = text(&output.stderr);
    assert!(said.contains("not everything could be exported") && said.contains("rows were found whole"), "{said}");
    let salvaged = text(&output.stdout);
    for expected in ["name: owner", "c3dvcmRmaXNo", "a.example.com"] {
        assert!(salvaged.contains(expected), "{expected} is missing:\n{salvaged}");
    }
    let backup = scratch.path().join("salvaged.yaml");
    fs::write(&backup, salvaged).unwrap();
    let restored = scratch.path().join("restored");
    done(&["import", backup.to_str().unwrap()], &restored);
    let meridian = Meridian::start_in(&restored, loopback(), &[]);
    assert!(shown(&meridian).contains("a.example.com"));
}

#[test]
fn a_lost_key_costs_the_secrets_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let mut meridian = Meridian::start_in(&data, loopback(), &[]);
    meridian.applied(OBJECTS);
    meridian.kill();
    fs::remove_file(data.join("store.key")).unwrap();
    let meridian = Meridian::spawn_in(&data, loopback(), &[]);
    let said = meridian.wait_for_log("store.key");
    assert!(said.contains("is missing"), "{said}");
    drop(meridian);
    assert!(refused(&["export"], &data).contains("meridian store export --no-secrets"));
    let open = done(&["export", "--no-secrets"], &data);
    assert!(open.contains("name: owner") && open.contains("a.example.com") && !open.contains("kind: Secret"), "{open}");
}

#[test]
fn a_folder_that_cannot_be_one_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(refused(&["info"], &file).contains("is no data folder"));
    assert!(refused(&["info"], &scratch.path().join("missing")).contains("there is nothing"));
    assert!(refused(&["info"], scratch.path()).contains("no store in it"));
    let meridian = Meridian::spawn_in(&file, loopback(), &[]);
    meridian.wait_for_log("cannot make the data folder");
}
