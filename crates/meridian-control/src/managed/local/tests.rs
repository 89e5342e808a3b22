use super::process::{Command, Phase, Process};
use super::*;
use crate::managed::tests::gateway;
use meridian_translate::Transport;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// A script that stands in for the program; `$dir` in it is the folder.
fn program(dir: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("program");
    std::fs::write(&path, format!("#!/bin/sh\ndir='{}'\n{script}\n", dir.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn command(program: PathBuf, arguments: &[&str]) -> Command {
    Command {
        program,
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        readiness: "127.0.0.1:1".parse().unwrap(),
        patience: Duration::from_secs(5),
    }
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_process_that_ends_is_started_again_and_stopped_with_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'echo stopped >>\"$dir/log\"; exit 0' TERM; echo \"$1\" >>\"$dir/log\"; [ -e \"$dir/fail\" ] && exit 3\n\
                  while :; do sleep 0.05; done";
    std::fs::write(dir.path().join("fail"), "").unwrap();
    let phases = Arc::new(Mutex::new(Vec::new()));
    let report = {
        let phases = phases.clone();
        move |phase| phases.lock().unwrap().push(phase)
    };
    let before = None::<std::future::Ready<()>>;
    let process = Process::start(command(program(dir.path(), script), &["hello"]), BTreeSet::new(), before, report);
    let log = || std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
    eventually("it was started twice", || log().lines().count() >= 2).await;
    let first = phases.lock().unwrap()[0].clone();
    assert!(matches!(&first, Phase::Failed(message) if message.contains("exit status: 3")), "{first:?}");
    std::fs::remove_file(dir.path().join("fail")).unwrap();
    let lines = log().lines().count();
    eventually("it runs", || log().lines().count() > lines).await;
    process.stop().await;
    assert!(log().ends_with("stopped\n"), "{}", log());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let report = {
        let told = told.clone();
        move |phase| told.lock().unwrap().push(phase)
    };
    let before = None::<std::future::Ready<()>>;
    let process = Process::start(command("/nowhere/meridian".into(), &[]), BTreeSet::new(), before, report);
    eventually("it is told", || !told.lock().unwrap().is_empty()).await;
    let Phase::Failed(message) = told.lock().unwrap()[0].clone() else { panic!("it cannot run") };
    assert!(message.contains("/nowhere/meridian cannot be started"), "{message}");
    process.stop().await;
}

#[test]
fn arguments_say_who_and_where_it_is() {
    let options = LocalOptions {
        program: "/bin/meridian".into(),
        arguments: vec!["--discovery".into(), "127.0.0.1:15010".into()],
        addresses: "127.1.0.0/16".parse().unwrap(),
        reserved: Vec::new(),
        control_plane: "127.0.0.1:15014".parse().unwrap(),
        patience: Duration::ZERO,
        access_logs: Some("/logs".into()),
    };
    let all = arguments(&options, &gateway(), "edge-meridian", "127.1.0.1".parse().unwrap()).join(" ");
    let expected = "gateway --name edge-meridian --namespace shop --service-account edge-meridian --ip 127.1.0.1 --address \
                    127.1.0.1 --labels team=a,gateway.networking.k8s.io/gateway-name=edge --access-log \
                    /logs/shop.edge-meridian.log --discovery 127.0.0.1:15010";
    assert_eq!(all, expected);
}

#[test]
fn tools_see_where_it_is() {
    let made = parameters::objects(&gateway(), &Installation::default(), &Settings::default()).unwrap();
    let address = "127.1.0.1".parse().unwrap();
    let slice = objects::endpoint_slice(&made, address, true);
    assert_eq!(slice["metadata"]["labels"]["kubernetes.io/service-name"], "edge-meridian");
    assert_eq!(slice["endpoints"][0]["addresses"], json!(["127.1.0.1"]));
    assert_eq!(slice["ports"].as_array().unwrap().len(), 1 + gateway().ports.len());
    let pod = objects::pod(&made, address, false, "127.0.0.1:15014".parse().unwrap());
    assert_eq!(pod["metadata"]["labels"][GATEWAY_NAME_LABEL], "edge");
    assert_eq!(pod["status"]["conditions"][0]["status"], "False");
    assert!(objects::contains(&json!({"a": {"b": 1, "c": 2}, "status": 3}), &json!({"a": {"b": 1}, "status": 4})));
    assert!(!objects::contains(&json!({"a": [1, 2]}), &json!({"a": [1]})));
    assert!(gateway().ports.contains(&(53, Transport::Udp)));
}
