//! The two servers, each with users who have a folder and a shell.

use crate::step::{Outcome, Step};
use meridian_apiserver::pki::Pki;
use meridian_apiserver::{Credentials, Options, Security, Server, TokenFile, kubeconfig};
use meridian_kubernetes::Kubernetes;
use meridian_resources::{all, crd};
use meridian_store::Store;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::SystemTime;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Seconds that a step may take.
const LIMIT: &str = "60";
/// What `timeout` exits with after that.
const TIMED_OUT: i32 = 124;

/// What our server does itself; the rest of the controllers would make objects that nobody asked for.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller";

/// A server and the home of its users.
pub(crate) struct Side {
    home: tempfile::TempDir,
    kubeconfig: String,
    _server: Running,
}

/// Who plays a chapter.
pub(crate) struct User<'a> {
    side: &'a Side,
    chapter: &'a str,
}

/// What runs until it is dropped.
enum Running {
    Kubernetes { _server: Kubernetes },
    Meridian { _runtime: Runtime },
}

/// Both servers, the real one with the definitions of the kinds that ours has. `None`, said loudly, where there is no real
/// one; in CI that is a failure.
pub(crate) fn start() -> Option<(Side, Side)> {
    let kubernetes = Kubernetes::start_with(&[("CONTROLLERS", CONTROLLERS)])?;
    define_kinds(&kubernetes);
    let real =
        Side::new(&fs::read_to_string(kubernetes.kubeconfig()).unwrap(), Running::Kubernetes { _server: kubernetes });
    let (kubeconfig, runtime) = meridian();
    let ours = Side::new(&kubeconfig, Running::Meridian { _runtime: runtime });
    Some((real, ours))
}

/// Those of Istio and of Gateway API by their projects, the others by our own types; only kinds that we serve.
fn define_kinds(kubernetes: &Kubernetes) {
    let istio = kubernetes.oracles().join("istio-crds/customresourcedefinitions.gen.yaml");
    let istio = fs::read_to_string(&istio).unwrap_or_else(|error| panic!("{}: {error}", istio.display()));
    let is_served = |text: &&str| {
        let names = all().iter().map(|kind| format!("\n  name: {}.{}\n", kind.plural, kind.group));
        names.into_iter().any(|name| text.contains(&name))
    };
    let istio = istio.split("\n---\n").filter(is_served).map(str::to_owned);
    let others = crd::kinds().filter(|kind| !kind.group.ends_with(".istio.io")).filter_map(crd::document);
    let documents: Vec<String> = istio.chain(others.map(|document| document.to_string())).collect();
    kubernetes.kubectl(&["create", "-f", "-"], &documents.join("\n---\n"));
    let served = all().iter().filter(|kind| kind.group.starts_with("gateway.networking."));
    let files: Vec<String> = served.map(|kind| format!("{}_{}.yaml", kind.group, kind.plural)).collect();
    kubernetes.gateway_api(&files.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Our server over a store in memory, and the kubeconfig of its administrator.
fn meridian() -> (String, Runtime) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), &[], SystemTime::now()).unwrap();
    let admin = pki.issue_client("kubernetes-admin", Some("system:masters"), SystemTime::now()).unwrap();
    let authority = pki.authority().to_owned();
    let address = runtime.block_on(async {
        let server = Server::new(Store::memory().unwrap(), Options::default()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server.serve_tls(
            listener,
            Security { pki, tokens: TokenFile::default() },
            std::future::pending(),
        ));
        address
    });
    let credentials = Credentials::Certificate(&admin);
    (kubeconfig(&format!("https://{address}"), Some(&authority), credentials), runtime)
}

impl Side {
    fn new(kubeconfig: &str, server: Running) -> Side {
        Side { home: tempfile::tempdir().unwrap(), kubeconfig: kubeconfig.to_owned(), _server: server }
    }

    /// Begins a chapter: an empty folder, and a namespace of that name, which is the user's from now on.
    pub(crate) fn enter<'a>(&'a self, chapter: &'a str) -> User<'a> {
        let user = User { side: self, chapter };
        fs::create_dir(user.folder()).unwrap();
        fs::write(user.kubeconfig(), &self.kubeconfig).unwrap();
        let text = format!(
            "kubectl create namespace {chapter} && kubectl config set-context --current --namespace {chapter} && \
             until kubectl get serviceaccount default; do sleep 0.05; done"
        );
        let output = user.shell(&text).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        user
    }
}

impl User<'_> {
    fn folder(&self) -> PathBuf {
        self.side.home.path().join(self.chapter)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.side.home.path().join(format!("{}.kubeconfig", self.chapter))
    }

    /// A shell that knows nothing but the server.
    fn shell(&self, text: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args([LIMIT, "bash", "-c", text]).current_dir(self.folder()).stdin(Stdio::null());
        command.env("HOME", self.side.home.path()).env("KUBECONFIG", self.kubeconfig());
        command.env_remove("KUBE_EDITOR").env("LC_ALL", "C").env("TZ", "UTC");
        command
    }

    pub(crate) fn run(&self, step: &Step) -> Outcome {
        let output = self.shell(&step.text).output().unwrap();
        assert_ne!(
            output.status.code(),
            Some(TIMED_OUT),
            "{}, line {} does not end: {}",
            self.chapter,
            step.line,
            step.text
        );
        Outcome::of(&output)
    }
}
