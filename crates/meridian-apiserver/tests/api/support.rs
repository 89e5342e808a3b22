//! A server on a loopback port, and the real `kubectl` against it.

use std::ffi::OsStr;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use meridian_apiserver::pki::Pki;
use meridian_apiserver::{Api, Credentials, Options, Security, Server, TokenFile, kubeconfig};
use meridian_store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running server over a store in memory, with a home folder for `kubectl`, which reaches it by TLS.
pub(crate) struct Lab {
    pub(crate) api: Api,
    /// Where it answers in plain HTTP, and everybody may do everything.
    pub(crate) address: SocketAddr,
    /// Where it answers by TLS.
    pub(crate) secure: SocketAddr,
    pub(crate) pki: Pki,
    home: tempfile::TempDir,
    stop: Option<watch::Sender<()>>,
    servers: Vec<JoinHandle<()>>,
}

/// The tokens that the server was given: of somebody without rights, and of an administrator.
const TOKENS: &str = "token-of-ann,ann,1\ntoken-of-root,root,2,\"system:masters\"\n";

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a loopback port")
}

/// What a command has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Lab {
    /// Starts a server.
    pub(crate) async fn new() -> Lab {
        Lab::over(Store::memory().expect("a store in memory")).await
    }

    /// Starts a server over a store.
    pub(crate) async fn over(store: Store) -> Lab {
        let options = Options { bookmark_interval: Duration::from_millis(200) };
        let server = Server::new(store, options).await.expect("the server starts");
        let home = tempfile::tempdir().expect("a home folder");
        let pki = Pki::open(&home.path().join("pki"), &[], SystemTime::now()).expect("certificates");
        let tokens = TokenFile::parse(TOKENS, Path::new("tokens.csv")).expect("a token file");
        let [listener, secure] = [bind().await, bind().await];
        let addresses = [&listener, &secure].map(|listener| listener.local_addr().expect("an address"));
        let api = server.api().clone();
        let (stop, stopped) = watch::channel(());
        let until = |mut stopped: watch::Receiver<()>| async move { while stopped.changed().await.is_ok() {} };
        let plain = tokio::spawn(server.clone().serve(listener, until(stopped.clone())));
        let security = Security { pki: pki.clone(), tokens };
        let encrypted = tokio::spawn(async move {
            server.serve_tls(secure, security, until(stopped)).await.expect("the certificates can be used");
        });
        let [address, secure] = addresses;
        let lab = Lab { api, address, secure, pki, home, stop: Some(stop), servers: vec![plain, encrypted] };
        lab.user("kubeconfig", "meridian-admin", Some("system:masters"));
        lab
    }

    /// A kubeconfig in the home folder for a user with a certificate, in a group.
    pub(crate) fn user(&self, file: &str, user: &str, group: Option<&str>) -> PathBuf {
        let pair = self.pki.issue_client(user, group, SystemTime::now()).expect("a certificate");
        self.kubeconfig(file, Credentials::Certificate(&pair))
    }

    /// A kubeconfig in the home folder for these credentials.
    pub(crate) fn kubeconfig(&self, file: &str, credentials: Credentials<'_>) -> PathBuf {
        let text = kubeconfig(&format!("https://{}", self.secure), Some(self.pki.authority()), credentials);
        self.file(file, &text)
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        for server in std::mem::take(&mut self.servers) {
            server.await.expect("the server ends");
        }
    }

    /// The home folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file in the home folder, which is also the working directory of commands.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).expect("the file is written");
        path
    }

    /// A `kubectl` command, ready to be started.
    pub(crate) fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let home = self.home.path();
        let mut command = Command::new("kubectl");
        command.args(arguments).current_dir(home).env("HOME", home).env("KUBECONFIG", home.join("kubeconfig"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a shell-like line: `kubectl("get vs -o name")`. Single quotes keep words together.
    pub(crate) async fn kubectl(&self, line: &str) -> Answer {
        run(self.command(words(line)), None).await
    }

    /// As [`Lab::kubectl`], with a text on its standard input.
    pub(crate) async fn kubectl_with(&self, line: &str, input: &str) -> Answer {
        run(self.command(words(line)), Some(input.to_owned())).await
    }

    /// Runs a command that must succeed, and returns what it prints.
    pub(crate) async fn ok(&self, line: &str) -> String {
        let answer = self.kubectl(line).await;
        assert_eq!(answer.code, Some(0), "kubectl {line}: {answer:?}");
        answer.stdout
    }

    /// Applies a text, which must succeed.
    pub(crate) async fn apply(&self, yaml: &str) -> String {
        let answer = self.kubectl_with("apply -f -", yaml).await;
        assert_eq!(answer.code, Some(0), "kubectl apply: {answer:?}");
        answer.stdout
    }

    /// Runs a command that must fail, and returns what it says.
    pub(crate) async fn fails(&self, line: &str) -> String {
        let answer = self.kubectl(line).await;
        assert_ne!(answer.code, Some(0), "kubectl {line}: {answer:?}");
        answer.stderr
    }
}

/// Runs a command to its end without blocking the server.
pub(crate) async fn run(mut command: Command, input: Option<String>) -> Answer {
    let finished = tokio::task::spawn_blocking(move || -> std::io::Result<Output> {
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    });
    let output = finished.await.expect("a thread").expect("the command runs");
    Answer {
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
        code: output.status.code(),
    }
}

/// Splits at spaces outside single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Whether the real `kubectl` is there. Says loudly when it is not; in CI that is a failure.
pub(crate) fn have_kubectl() -> bool {
    let found = Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|out| out.status.success());
    if !found {
        let message = "SKIPPED: no kubectl in PATH; install kubectl 1.32 to run this test";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
    }
    found
}

/// A Gateway, a Service and a VirtualService.
pub(crate) const EXAMPLE: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: httpbin, labels: {app: httpbin}}
spec:
  ports: [{name: http, port: 8000, targetPort: 80}]
  selector: {app: httpbin}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin}
spec:
  hosts: [httpbin.example.com]
  gateways: [gw]
  http: [{route: [{destination: {host: httpbin, port: {number: 8000}}}]}]
"#;
