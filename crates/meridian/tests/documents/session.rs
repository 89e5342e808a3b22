//! A shell in which the commands of one document run one after the other, against a `meridian up` of its own.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How long anything that is only waited for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where the fourth document's reader gets httpbin from. The test leaves the machine for nothing: only this origin is
/// another one, of a server on loopback.
const ORIGIN: &str = "https://raw.githubusercontent.com";

/// A loopback address that no other test of this machine's run uses.
pub(crate) fn loopback() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, high.clamp(1, 254), low, NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// What a command has answered.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running `meridian up` and a working folder.
pub(crate) struct Session {
    child: Child,
    folder: tempfile::TempDir,
    /// Where the ingress gateway listens.
    pub(crate) address: IpAddr,
}

impl Session {
    /// Starts `meridian up`, and waits until its API answers.
    pub(crate) fn start() -> Session {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (address, egress) = (loopback(), loopback());
        let log = std::fs::File::create(folder.path().join("meridian.log")).expect("a file for the log");
        let child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["up", "--threads", "1", "--data"])
            .arg(folder.path().join("data"))
            .args(["--api", &format!("{address}:16443"), "--gateway", &format!("ingressgateway={address}")])
            .args(["--gateway", &format!("egressgateway={egress}")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("meridian starts");
        let mut session = Session { child, folder, address };
        session.install();
        let start = Instant::now();
        while session.run("kubectl get pod -n istio-system -l istio=ingressgateway -o name").stdout.is_empty() {
            assert!(start.elapsed() < PATIENCE, "no API within {PATIENCE:?}:\n{}", session.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        session
    }

    /// The reader's programs and files: `oc` is the OpenShift name of kubectl, `istioctl` is `meridian` here, and a
    /// checkout of Istio has the folder `samples`.
    fn install(&mut self) {
        let programs = self.path("bin");
        std::fs::create_dir_all(&programs).expect("a folder");
        std::fs::create_dir_all(self.path("work/samples/httpbin")).expect("a folder");
        self.program("oc", "exec kubectl \"$@\"");
        self.program("istioctl", &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_meridian")));
        std::fs::write(self.path("work/samples/httpbin/httpbin.yaml"), HTTPBIN).expect("written");
    }

    fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made executable");
    }

    /// A path in the scratch folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that the document's reader has in the working folder.
    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path("work").join(name), text).expect("written");
    }

    /// Standard error of `meridian up`.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("meridian.log")).unwrap_or_default()
    }

    /// Runs one command.
    pub(crate) fn run(&self, text: &str) -> Outcome {
        self.run_all(&[text.to_owned()]).pop().unwrap_or_default()
    }

    /// Runs commands in one shell: what one exports, the next has.
    pub(crate) fn run_all(&self, commands: &[String]) -> Vec<Outcome> {
        let answers = tempfile::tempdir_in(self.folder.path()).expect("a folder");
        let file = |number: usize, what: &str| answers.path().join(format!("{number}.{what}"));
        let mut script = String::from("set -o pipefail\n");
        for (number, command) in commands.iter().enumerate() {
            let [out, err, code] = ["out", "err", "code"].map(|what| file(number, what).display().to_string());
            script.push_str(&format!("{{\n{command}\n}} > '{out}' 2> '{err}' < /dev/null\necho $? > '{code}'\n"));
        }
        std::fs::write(answers.path().join("script"), &script).expect("written");
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        let status = Command::new("bash")
            .arg(answers.path().join("script"))
            .current_dir(self.path("work"))
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", self.path("data/kubeconfig"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.expect("bash runs");
        let text = |number, what| read(&file(number, what));
        (0..commands.len())
            .map(|number| Outcome {
                code: text(number, "code").trim().parse().unwrap_or(-1),
                stdout: text(number, "out"),
                stderr: text(number, "err"),
            })
            .collect()
    }
}

/// A running `meridian httpbin`, killed when dropped.
pub(crate) struct Backend(Child);

impl Backend {
    /// Starts it on port 8080 of a loopback address of its own, and waits until it answers.
    pub(crate) fn start() -> (Backend, IpAddr) {
        let address = SocketAddr::new(loopback(), 8080);
        let child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["httpbin", "--listen", &address.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("meridian httpbin starts");
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < PATIENCE, "the backend does not answer within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        (Backend(child), address.ip())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The objects of Istio's sample.
const HTTPBIN: &str = include_str!("data/samples/httpbin/httpbin.yaml");

/// The command with the origin of the sample on loopback, where a thread serves it to one reader.
pub(crate) fn on_loopback(command: &str) -> String {
    if !command.contains(ORIGIN) {
        return command.to_owned();
    }
    let listener = TcpListener::bind(SocketAddr::new(loopback(), 0)).expect("a loopback port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let Ok((mut connection, _)) = listener.accept() else { return };
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).is_ok_and(|read| read == 1) {
            head.push(byte[0]);
        }
        let found = String::from_utf8_lossy(&head).starts_with("GET /istio/istio/master/samples/httpbin/httpbin.yaml ");
        let (status, body) = if found { ("200 OK", HTTPBIN) } else { ("404 Not Found", "") };
        let length = body.len();
        let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    });
    command.replace(ORIGIN, &format!("http://{address}"))
}
