//! `meridian exec`: whose traffic a sidecar sees.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{ASK, Hosts, WORKLOAD, can_run};

/// How long anything that is only waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A control plane on the workload's host, which is told of one Service: the peer.
struct ControlPlane {
    child: Child,
    _data: tempfile::TempDir,
}

impl ControlPlane {
    fn start(hosts: &Hosts) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = on_host(hosts, env!("CARGO_BIN_EXE_meridian"));
        command.args(["control-plane", "--data"]).arg(data.path().join("data"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready")), "the control plane has ended");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, _data: data }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program in the workload's network namespace only: unlike `ip netns exec`, it sees the machine's control groups.
fn on_host(hosts: &Hosts, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{}", hosts.workload)).arg(program).stdin(Stdio::null());
    command
}

/// `meridian exec` with `options`, running `script` in a shell.
fn exec(hosts: &Hosts, options: &[&str], script: &str) -> Command {
    let mut command = on_host(hosts, env!("CARGO_BIN_EXE_meridian"));
    command.arg("exec").args(options).args(["--", "sh", "-c", script]);
    command
}

/// What `meridian exec` has left on the machine.
fn leftovers(hosts: &Hosts) -> String {
    let rules = on_host(hosts, "nft").args(["list", "tables"]).output().unwrap();
    let groups = Command::new("find").args(["/sys/fs/cgroup", "-maxdepth", "2", "-name", "meridian-exec-*"]).output();
    let sidecars = on_host(hosts, "ss").args(["-Hltn", "sport", "=", ":15001"]).output().unwrap();
    let mut folders = Command::new("find");
    folders.arg(std::env::temp_dir()).args(["-maxdepth", "1", "-name", "meridian-exec-*"]);
    let all = [rules.stdout, groups.unwrap().stdout, sidecars.stdout, folders.output().unwrap().stdout].concat();
    String::from_utf8(all).unwrap()
}

#[test]
fn a_command_is_captured_and_nothing_else() {
    if !can_run(&["ip", "nft", "nsenter", "curl", "python3"]) {
        return;
    }
    what_is_missing_is_said_and_nothing_is_left();
    let hosts = Hosts::new("mrc", &[], &["peer:80", "other:443"]);
    let _control_plane = ControlPlane::start(&hosts);
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("access.log");
    let ask = scratch.path().join("ask.py");
    std::fs::write(&ask, ASK).unwrap();
    let ask = ask.display();
    let logged = || std::fs::read_to_string(&log).unwrap_or_default();
    let options = ["--access-log", log.to_str().unwrap()];

    // The command's own exit status, its output, and its connection in the sidecar's log.
    let output = exec(&hosts, &options, &format!("python3 {ask} @10.77.0.2,80; exit 7")).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).split(' ').next(), Some("peer"));
    assert!(logged().contains("\"10.77.0.2:80\" PassthroughCluster"), "{}", logged());
    assert_eq!(leftovers(&hosts), "");

    // While a command runs, others go their own way; its listener is met through the inbound side.
    let script = "python3 -m http.server 7070 >/dev/null 2>&1 & echo up; sleep 1000";
    let mut running = exec(&hosts, &options, script).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    let other = on_host(&hosts, "python3").args(["-c", ASK, "@10.77.0.2,443"]).output().unwrap();
    assert!(other.stdout.starts_with(b"other"), "{}", String::from_utf8_lossy(&other.stderr));
    let inbound = format!("http://{}:7070/inbound", WORKLOAD[0]);
    let until = Instant::now() + PATIENCE;
    while !logged().contains("InboundPassthroughCluster") {
        let late = Instant::now() > until;
        if late {
            let _ = running.kill();
        }
        assert!(!late, "{}", logged());
        let curl = ["netns", "exec", &hosts.peer, "curl", "-s", "-m", "5", "-o", "/dev/null", &inbound];
        Command::new("ip").args(curl).status().unwrap();
    }
    assert!(!logged().contains("10.77.0.2:443"), "{}", logged());

    // A signal goes to the command, and what it left behind ends with it.
    Command::new("kill").arg("-TERM").arg(running.id().to_string()).status().unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(128 + 15));
    assert_eq!(leftovers(&hosts), "");

    // One that cannot clean up after itself is cleaned up after by the next.
    let mut killed = exec(&hosts, &options, "echo up; sleep 1000").stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(killed.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!leftovers(&hosts).is_empty());
    let output = exec(&hosts, &options, "exit 3").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(leftovers(&hosts), "");
}

fn what_is_missing_is_said_and_nothing_is_left() {
    let hosts = Hosts::new("mrm", &[], &[]);
    for (options, message) in [
        // Nobody answers there.
        (vec!["--discovery", "127.0.0.1:9", "--ready-limit", "1"], "the sidecar is not ready after 1 s"),
        (vec!["--user", "nobody-has-this-name"], "is neither a number nor a user of /etc/passwd"),
        (vec!["-m", "TPROXY"], "-m TPROXY is not supported"),
    ] {
        let output = exec(&hosts, &options, "echo ran").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty() && said.contains(message), "{options:?}: {said}");
        assert_eq!(leftovers(&hosts), "", "{options:?}");
    }
}
