//! A Kubernetes API server, a node, two control planes and a backend, in the namespaces of this process.

use super::super::client::Client;
use super::super::process::Program;
use super::{PATIENCE, objects, text, until};
use crate::conformance::install_script;
use crate::setup::{self, kubernetes};
use crate::workspace;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the API is without TLS.
const PROXY: &str = "127.0.0.1:8001";

/// A program whose output nobody reads keeps it in a file. It is told to end by the kernel when the shell is killed, as
/// a kubelet tells a pod that is deleted, and not killed itself.
const GRACEFUL: &str = "#!/bin/sh\nsetsid setpriv --pdeathsig TERM \"$@\" &\nwait $!\n";

pub(super) struct Lab {
    folder: PathBuf,
    kubectl: PathBuf,
    control_planes: RefCell<Vec<(u16, Program)>>,
    _programs: Vec<Program>,
}

impl Lab {
    /// Starts everything; it ends with the namespaces.
    pub(super) fn start(meridian: &Path, folder: &Path) -> anyhow::Result<Lab> {
        shell(
            "ip link set lo up && ip link add gwb0 type bridge && ip addr add 10.244.0.1/16 dev gwb0 && ip link set gwb0 up",
        )?;
        let (scripts, programs) = (kubernetes::scripts()?, kubernetes::programs()?);
        let kube = folder.join("kube");
        let mut start = Command::new(scripts.join("run-kube.sh"));
        // Its servers go on in the background, with its output.
        let log = || File::create(folder.join("run-kube.log")).context("cannot write logs");
        start.arg("start").arg(&kube).env("KUBE_BIN", &programs).env("BIND", "0.0.0.0").stdout(log()?);
        workspace::run(&mut start)?;
        let kubectl = setup::find("kubectl").context("there is no kubectl; run `cargo xtask setup`")?;
        let mut lab =
            Lab { folder: folder.to_owned(), kubectl, control_planes: RefCell::default(), _programs: Vec::new() };
        let crds = scripts.join("../oracles/gateway-api-v1.6.1/crds");
        for entry in std::fs::read_dir(&crds).with_context(|| crds.display().to_string())? {
            let file = entry?.path();
            if !file.ends_with("kustomization.yaml") {
                lab.kubectl(&["apply", "--server-side", "-f", text(&file)?])?;
            }
        }
        // Not all that a new API server has is found at once.
        let established = ["wait", "--for", "condition=established", "--timeout=60s", "crd", "--all"];
        until("the definitions of Gateway API are there", || Ok(lab.kubectl(&established).ok()))?;
        let mut install = Command::new("bash");
        install
            .arg("-c")
            .arg(install_script(meridian))
            .stderr(log()?)
            .current_dir(folder)
            .env("KUBECONFIG", kube.join("kubeconfig"));
        workspace::output(install.env("PATH", setup::path()?))?;

        let graceful = folder.join("graceful.sh");
        std::fs::write(&graceful, GRACEFUL).with_context(|| graceful.display().to_string())?;
        let image = format!("meridian=exec sh {} {}", graceful.display(), meridian.display());
        let mut node = Command::new(programs.join("fakelet"));
        node.arg("-kubeconfig").arg(kube.join("kubeconfig")).arg("-work").arg(folder.join("pods"));
        lab.program("fakelet", node.args(["-images", &image]))?;
        let mut proxy = Command::new(&lab.kubectl);
        proxy.args(["proxy", "--port=8001", "--accept-hosts=.*"]).env("KUBECONFIG", kube.join("kubeconfig"));
        lab.program("kubectl-proxy", &mut proxy)?;
        let mut backend = Command::new(meridian);
        lab.program(
            "httpbin",
            backend.args(["httpbin", "--listen", &format!("{}:{}", objects::BACKEND.0, objects::BACKEND.1)]),
        )?;
        for shift in [0, 1000] {
            let control_plane = lab.control_plane(meridian, shift)?;
            lab.control_planes.borrow_mut().push((15014 + shift, control_plane));
        }
        Ok(lab)
    }

    /// Starts a control plane, with its ports `shift` beyond the usual ones. Proxies know the first.
    fn control_plane(&self, meridian: &Path, shift: u16) -> anyhow::Result<Program> {
        let mut command = Command::new(meridian);
        command.current_dir(&self.folder).args(["control-plane", "--kubeconfig", "istiod.kubeconfig"]);
        command.args(["--xds-tls", &format!("10.244.0.1:{}", 15012 + shift)]);
        command.args(["--xds", &format!("127.0.0.1:{}", 15010 + shift)]);
        command.args(["--debug", &format!("127.0.0.1:{}", 15014 + shift)]);
        command.args(["--discovery-address", "10.244.0.1:15012"]);
        let log = File::create(self.folder.join(format!("control-plane-{shift}.log")))?;
        let program = Program::start(command.stderr(log))?;
        // The first one is to lead.
        let at: SocketAddr = format!("127.0.0.1:{}", 15014 + shift).parse()?;
        until("the control plane is ready", || {
            let answer = Client::connect(at, PATIENCE).and_then(|mut client| client.get("istiod", "/ready"));
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        })?;
        Ok(program)
    }

    /// Kills the control plane that leads, which is the first one that was started.
    pub(super) fn kill_leader(&self) -> anyhow::Result<()> {
        let mut all = self.control_planes.borrow_mut();
        ensure!(all.len() > 1, "there is no other control plane");
        let (_, leader) = all.remove(0);
        workspace::run(Command::new("kill").args(["-KILL", &leader.pid().to_string()]))
    }

    fn program(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        let log = File::create(self.folder.join(format!("{name}.log")))?;
        self._programs.push(Program::start(command.stderr(log))?);
        Ok(())
    }

    pub(super) fn kubectl(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = Command::new(&self.kubectl);
        workspace::output(kubectl.args(words).env("KUBECONFIG", self.folder.join("kube/kubeconfig")))
    }

    /// A connection to the API.
    pub(super) fn api(&self) -> anyhow::Result<Client> {
        Client::connect_when_open(PROXY.parse()?, PATIENCE)
    }

    /// Creates a Gateway and waits until it is served; where.
    pub(super) fn gateway(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let mut api = self.api()?;
        create(&mut api, objects::GATEWAYS, &objects::gateway(name))?;
        self.programmed(&mut api, name)
    }

    /// Waits until a Gateway is served; where.
    pub(super) fn programmed(&self, api: &mut Client, name: &str) -> anyhow::Result<SocketAddr> {
        until(&format!("Gateway {name} is programmed"), || {
            let gateway = get(api, &format!("{}/{name}", objects::GATEWAYS))?;
            let conditions = gateway["status"]["conditions"].as_array().into_iter().flatten();
            let programmed = conditions.into_iter().any(|c| c["type"] == "Programmed" && c["status"] == "True");
            let address = gateway["status"]["addresses"][0]["value"].as_str().and_then(|text| text.parse().ok());
            Ok(address.filter(|_| programmed).map(|address: IpAddr| SocketAddr::new(address, 80)))
        })
    }

    /// The address of the Service of a Gateway as it is now.
    pub(super) fn service_address(api: &mut Client, gateway: &str) -> anyhow::Result<Option<SocketAddr>> {
        let service = get(api, &format!("{}/{gateway}-meridian", objects::SERVICES))?;
        let address = service["status"]["loadBalancer"]["ingress"][0]["ip"].as_str();
        Ok(address.and_then(|text| text.parse().ok()).map(|address: IpAddr| SocketAddr::new(address, 80)))
    }

    pub(super) fn services(&self) -> anyhow::Result<()> {
        let mut api = self.api()?;
        for index in 0..objects::COUNT {
            let [service, slice] = objects::service(index);
            create(&mut api, objects::SERVICES, &service)?;
            create(&mut api, objects::SLICES, &slice)?;
        }
        Ok(())
    }

    /// Creates routes over a few connections, as a pipeline that deploys would.
    pub(super) fn routes(&self, range: Range<usize>) -> anyhow::Result<()> {
        const CONNECTIONS: usize = 8;
        let connections = (0..CONNECTIONS).map(|_| self.api()).collect::<Result<Vec<_>, _>>()?;
        std::thread::scope(|scope| {
            let workers: Vec<_> = connections
                .into_iter()
                .enumerate()
                .map(|(worker, mut api)| {
                    let mut own = range.clone().skip(worker).step_by(CONNECTIONS);
                    scope.spawn(move || {
                        own.try_for_each(|i| create(&mut api, objects::ROUTES, &objects::route(i, "edge")))
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().map_err(|_| anyhow::anyhow!("a thread that creates routes panicked"))?
            })
        })
    }
}

/// Creates an object.
pub(super) fn create(api: &mut Client, collection: &str, object: &Value) -> anyhow::Result<()> {
    let answer = api.call("POST", collection, Some(object))?;
    ensure!(answer.status == 201, "POST {collection}: {} {}", answer.status, answer.text());
    Ok(())
}

/// Deletes an object.
pub(super) fn delete(api: &mut Client, path: &str) -> anyhow::Result<()> {
    let answer = api.call("DELETE", path, None)?;
    ensure!(answer.status == 200, "DELETE {path}: {} {}", answer.status, answer.text());
    Ok(())
}

/// Reads an object.
pub(super) fn get(api: &mut Client, path: &str) -> anyhow::Result<Value> {
    let answer = api.call("GET", path, None)?;
    ensure!(answer.status == 200, "GET {path}: {} {}", answer.status, answer.text());
    Ok(serde_json::from_str(&answer.text())?)
}

fn shell(script: &str) -> anyhow::Result<()> {
    workspace::run(Command::new("sh").args(["-c", script]))
}
