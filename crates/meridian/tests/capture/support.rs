//! Two hosts in network namespaces: a workload and a peer, joined by a cable.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const SERVE: &str = include_str!("serve.py");
/// A client: see the file.
pub(crate) const ASK: &str = include_str!("ask.py");

/// Addresses of the workload and of the peer.
pub(crate) const WORKLOAD: [&str; 2] = ["10.77.0.1", "fd77::1"];
const PEER: [&str; 2] = ["10.77.0.2", "fd77::2"];

/// Whether namespaces can be made here; says so loudly when not, which fails where CI is set.
pub(crate) fn can_run(programs: &[&str]) -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let missing: Vec<_> = programs.iter().filter(|program| !is_installed(program)).collect();
    if root && missing.is_empty() {
        return true;
    }
    let reason = if root { format!("{missing:?} are missing") } else { "namespaces need root".to_owned() };
    assert!(std::env::var_os("CI").is_none(), "CI is set, and captured traffic cannot be tested: {reason}");
    eprintln!("\n*** SKIPPED: captured traffic: {reason} ***\n");
    false
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| file.is_file())
}

/// The two hosts, gone when dropped.
pub(crate) struct Hosts {
    pub(crate) workload: String,
    pub(crate) peer: String,
    servers: Vec<Child>,
}

impl Hosts {
    /// Makes hosts whose namespaces begin with `name` and servers on them: `NAME:PORT`.
    pub(crate) fn new(name: &str, workload: &[&str], peer: &[&str]) -> Self {
        let id = std::process::id();
        let mut hosts = Self { workload: format!("{name}{id}-a"), peer: format!("{name}{id}-b"), servers: Vec::new() };
        let (a, b) = (hosts.workload.clone(), hosts.peer.clone());
        ip(&["netns", "add", &a]);
        ip(&["netns", "add", &b]);
        ip(&["link", "add", "eth0", "netns", &a, "type", "veth", "peer", "name", "eth0", "netns", &b]);
        for (space, [v4, v6]) in [(&a, WORKLOAD), (&b, PEER)] {
            ip(&["-n", space, "link", "set", "lo", "up"]);
            ip(&["-n", space, "link", "set", "eth0", "up"]);
            ip(&["-n", space, "addr", "add", &format!("{v4}/24"), "dev", "eth0"]);
            ip(&["-n", space, "addr", "add", &format!("{v6}/64"), "dev", "eth0", "nodad"]);
            ip(&["-n", space, "route", "add", "default", "dev", "eth0"]);
        }
        // More addresses of the peer, for ranges.
        ip(&["-n", &b, "addr", "add", "192.0.2.7/32", "dev", "eth0"]);
        hosts.serve(&a, 0, workload);
        hosts.serve(&b, 0, peer);
        hosts
    }

    /// Starts servers of a user.
    pub(crate) fn serve(&mut self, space: &str, user: u32, names: &[&str]) {
        let mut command = inside(space, "python3");
        let mut server =
            command.args(["-c", SERVE, &user.to_string()]).args(names).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.servers.push(server);
        assert_eq!(line, "ready\n");
    }

    /// What `space` hears when it asks; see `ask.py`.
    pub(crate) fn ask(&self, space: &str, questions: &[&str]) -> Vec<String> {
        let output = inside(space, "python3").args(["-c", ASK]).args(questions).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Runs the program under test on the workload.
    pub(crate) fn meridian(&self, arguments: &[&str]) -> Output {
        inside(&self.workload, env!("CARGO_BIN_EXE_meridian")).args(arguments).output().unwrap()
    }

    /// Likewise, and it must succeed: its standard output.
    pub(crate) fn must(&self, arguments: &[&str]) -> String {
        let output = self.meridian(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for space in [&self.workload, &self.peer] {
            let _ = Command::new("ip").args(["netns", "delete", space]).status();
        }
    }
}

fn inside(space: &str, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space]).arg(program.as_ref()).stdin(Stdio::null());
    command
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().unwrap();
    assert!(output.status.success(), "ip {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
