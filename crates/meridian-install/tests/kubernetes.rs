//! Installations on a real API server: what is there after an apply, after another one, and after an uninstall.
#![allow(clippy::unwrap_used)]

use meridian_install::{Change, Client, Error, Profile, Values, apply, connect, manifests, uninstall};
use serde_json::Value;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A real API server with etcd, stopped when dropped.
struct Kubernetes {
    scripts: PathBuf,
    programs: PathBuf,
    folder: tempfile::TempDir,
}

impl Kubernetes {
    /// `None`, said loudly, where its programs are not built: `cargo xtask setup` builds them.
    fn start() -> Option<Kubernetes> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shared = std::env::var_os("MERIDIAN_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let programs = std::env::var_os("KUBE_BIN").map(PathBuf::from);
        let programs = programs.or_else(|| Some(cache?.join("meridian/kube-bin")))?;
        let scripts = shared.join("kubernetes");
        if !scripts.join("run-kube.sh").is_file() || !programs.join("kube-apiserver").is_file() {
            assert!(std::env::var_os("CI").is_none(), "there is no kube-apiserver; run `cargo xtask setup`");
            eprintln!("SKIPPED: there is no kube-apiserver; run `cargo xtask setup`");
            return None;
        }
        let this = Kubernetes { scripts, programs, folder: tempfile::tempdir().unwrap() };
        let mut start = this.script("start");
        for port in ["APISERVER_PORT", "ETCD_PORT", "ETCD_PEER", "KCM_PORT"] {
            start.env(port, TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string());
        }
        assert!(start.stdout(Stdio::null()).status().unwrap().success());
        Some(this)
    }

    fn script(&self, word: &str) -> Command {
        let mut command = Command::new(self.scripts.join("run-kube.sh"));
        command.arg(word).arg(self.folder.path()).env("KUBE_BIN", &self.programs);
        command
    }

    fn kubectl(&self, words: &[&str], input: &str) -> String {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(words).env("KUBECONFIG", self.folder.path().join("kubeconfig"));
        let mut child = kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {words:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn gateway_api(&self) {
        let crds = self.scripts.join("../oracles/gateway-api-v1.6.1/crds");
        let files = std::fs::read_dir(crds).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|file| !file.ends_with("kustomization.yaml")) {
            self.kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()], "");
        }
        self.kubectl(&["wait", "--for", "condition=established", "--timeout=60s", "crd", "--all"], "");
    }

    async fn client(&self) -> Client {
        connect(Some(&self.folder.path().join("kubeconfig")), None).await.unwrap()
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        let stopped = self.script("stop").status();
        assert!(stopped.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

fn objects(profile: Profile) -> Vec<Value> {
    manifests(&Values::new(profile, "istio-system", &[], &[]).unwrap())
}

async fn applied(client: &Client, objects: &[Value]) -> Vec<Change> {
    let mut changes = Vec::new();
    apply(client, "istio-system", objects, false, &mut |change| changes.push(change)).await.unwrap();
    changes
}

async fn uninstalled(client: &Client, purge: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    uninstall(client, "istio-system", purge, &mut |change| changes.push(change)).await.unwrap();
    changes
}

fn deleted(changes: &[Change]) -> Vec<&str> {
    let names = changes.iter().filter_map(|change| match change {
        Change::Deleted(object) => Some(object.as_str()),
        _ => None,
    });
    names.collect()
}

#[tokio::test]
async fn an_installation_comes_changes_and_goes() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let client = kubernetes.client().await;

    // Without the kinds of Gateway API everything but the GatewayClass is there, and why is said.
    let changes = applied(&client, &objects(Profile::Default)).await;
    let left: Vec<_> = changes.iter().filter(|change| !matches!(change, Change::Created(_))).collect();
    assert!(matches!(left[..], [Change::Left { object, .. }] if object == "GatewayClass meridian"), "{left:?}");
    kubernetes.gateway_api();
    let changes = applied(&client, &objects(Profile::Default)).await;
    let class = Change::Created("GatewayClass meridian".into());
    assert!(changes.contains(&class), "{changes:?}");

    // The API server notes once more who owns the fields of an object that was applied while its kind was new.
    applied(&client, &objects(Profile::Default)).await;
    // The same again changes nothing, and what is printed is what the API server takes.
    let changes = applied(&client, &objects(Profile::Default)).await;
    assert!(changes.iter().all(|change| matches!(change, Change::Unchanged(_))), "{changes:?}");
    let documents: Vec<_> = objects(Profile::Default).iter().map(meridian_resources::yaml::emit).collect();
    kubernetes.kubectl(&["apply", "--dry-run=server", "-f", "-"], &documents.join("---\n"));

    // What another profile does not have goes, and nothing else.
    let changes = applied(&client, &objects(Profile::Minimal)).await;
    let gone = deleted(&changes);
    assert!(gone.contains(&"Deployment istio-system/istio-ingressgateway"), "{gone:?}");
    assert!(
        gone.iter().all(|object| object.contains("istio-ingressgateway") || object.contains("injector")),
        "{gone:?}"
    );

    assert!(!gone.iter().any(|object| object.starts_with("CustomResourceDefinition")), "{gone:?}");

    // What users have made stays when the installation goes, and so does the namespace.
    kubernetes.kubectl(&["create", "configmap", "mine", "-n", "istio-system"], "");
    uninstalled(&client, false).await;
    let kinds = "deployments,services,serviceaccounts,configmaps,roles,rolebindings,poddisruptionbudgets,clusterroles,\
                 clusterrolebindings,gatewayclasses";
    let ours = kubernetes.kubectl(&["get", kinds, "-A", "-l", meridian_install::OWNER, "-o", "name"], "");
    assert_eq!(ours, "");
    kubernetes.kubectl(&["get", "configmap", "mine", "-n", "istio-system"], "");
    let changes = uninstalled(&client, true).await;
    let (last, definitions) = deleted(&changes).split_last().map(|(last, rest)| (*last, rest.to_vec())).unwrap();
    assert_eq!(last, "Namespace istio-system");
    assert!(definitions.iter().all(|object| object.starts_with("CustomResourceDefinition ")), "{definitions:?}");
    assert!(definitions.contains(&"CustomResourceDefinition virtualservices.networking.istio.io"), "{definitions:?}");
    assert!(!definitions.iter().any(|object| object.contains("gateway.networking.k8s.io")), "{definitions:?}");
    assert_eq!(uninstalled(&client, true).await, []);
}

#[tokio::test]
async fn what_is_somebody_elses_is_neither_changed_nor_deleted() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let client = kubernetes.client().await;
    kubernetes.kubectl(&["create", "namespace", "istio-system"], "");
    kubernetes.kubectl(&["create", "configmap", "istio", "-n", "istio-system", "--from-literal=mesh=mine"], "");

    let minimal = objects(Profile::Minimal);
    let refused = apply(&client, "istio-system", &minimal, false, &mut |change| panic!("{change}")).await;
    let Err(Error::Taken(names)) = refused else { panic!("{refused:?}") };
    assert_eq!(names, ["ConfigMap istio-system/istio"]);

    // Taken over it is ours, but a namespace that was there is not.
    let mut changes = Vec::new();
    apply(&client, "istio-system", &minimal, true, &mut |change| changes.push(change)).await.unwrap();
    assert!(changes.contains(&Change::Configured("ConfigMap istio-system/istio".into())), "{changes:?}");
    uninstalled(&client, true).await;
    assert_eq!(kubernetes.kubectl(&["get", "namespace", "istio-system", "-o", "name"], ""), "namespace/istio-system\n");
}
