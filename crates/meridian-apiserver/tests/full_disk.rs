//! A disk without room, as `kubectl` sees it: writes are refused with a sentence that helps, reads go on, and so do writes
//! when there is room again.
//!
//! Runs without the test harness: the same program is the parent, and the child in a mount namespace of its own with a
//! small file system.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use meridian_apiserver::{Options, Server};
use meridian_store::Store;
use tokio::net::TcpListener;

const ROLE: &str = "MERIDIAN_APISERVER_SMALL_DISK";

fn main() {
    if let Some(dir) = std::env::var_os(ROLE) {
        return child(Path::new(&dir));
    }
    if !Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|out| out.status.success()) {
        return skip("no kubectl in PATH; install kubectl 1.32 to run this test");
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = std::env::current_exe().expect("this program's path");
    let script = format!("mount -t tmpfs -o size=6m none '{0}' && exec '{1}'", dir.path().display(), program.display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", &script]).env(ROLE, dir.path()).process_group(0);
    let output = command.output().expect("unshare runs");
    let said = text(&output.stderr);
    if said.contains("unshare") || said.contains("mount:") {
        return skip(&format!("no mount namespace can be made here: {said}"));
    }
    assert!(output.status.success(), "{said}");
    print!("{}", text(&output.stdout));
}

fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "SKIPPED: {reason}");
    eprintln!("SKIPPED: {reason}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn child(dir: &Path) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let address = runtime.block_on(async {
        let store = Store::open(dir.join("data")).expect("the store opens");
        let server = Server::new(store, Options::default()).await.expect("the server starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(server.serve(listener, std::future::pending()));
        address
    });
    fill_and_recover(dir, &Kubectl(address));
}

struct Kubectl(SocketAddr);

impl Kubectl {
    fn run(&self, arguments: &[&str]) -> Output {
        let server = format!("--server=http://{}", self.0);
        let mut command = Command::new("kubectl");
        command.args(["--kubeconfig=/dev/null", &server]).args(arguments).env("HOME", "/nonexistent");
        command.output().expect("kubectl runs")
    }

    /// A ConfigMap of 20 KB.
    fn create(&self, number: usize) -> Output {
        let literal = format!("--from-literal=padding={}", "p".repeat(20_000));
        self.run(&["create", "configmap", &format!("m{number}"), &literal, "--validate=false"])
    }
}

fn fill_and_recover(dir: &Path, kubectl: &Kubectl) {
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![0_u8; 2 << 20]).expect("there is room for the ballast");
    let mut written = 0;
    let refused = loop {
        let output = kubectl.create(written);
        if !output.status.success() {
            break text(&output.stderr);
        }
        written += 1;
        assert!(written < 500, "the disk is never full");
    };
    assert!(written > 10, "only {written} objects found room: {refused}");
    for expected in ["Internal error occurred: the write is not on disk", "No space left on device", "free space"] {
        assert!(refused.contains(expected), "{refused}");
    }
    let names = || text(&kubectl.run(&["get", "configmaps", "-o", "name"]).stdout);
    let ours = |names: &str| names.lines().filter(|line| line.starts_with("configmap/m")).count();
    assert_eq!(ours(&names()), written, "reads go on, and a refused write is not shown");
    for arguments in [
        ["label", "configmap", "m0", "a=b"],
        ["delete", "configmap", "m0", "--wait=false"],
        ["create", "namespace", "more", "--validate=false"],
    ] {
        let output = kubectl.run(&arguments);
        if output.status.success() {
            // A page that was free may still take a small write, which is on disk then.
            continue;
        }
        assert!(text(&output.stderr).contains("the write is not on disk"), "{arguments:?}: {output:?}");
    }
    std::fs::remove_file(&ballast).expect("the ballast goes");
    let output = kubectl.create(9_999);
    assert!(output.status.success(), "there is room again: {}", text(&output.stderr));
    assert!(names().contains("configmap/m9999"));
    println!("full disk: {written} objects found room; {refused}");
}
