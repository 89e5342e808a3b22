//! Where a lab's files lie, which programs it runs, and what the check is told about it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::{API_ADDRESS, API_PORT, DEBUG_PORT, DISCOVERY_PORT, MESH, Plan, Server, Shape, network};
use crate::definition::Backend;

/// The place of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Distinguishes the lab's namespaces from those of every other lab on the machine.
    pub prefix: String,
    /// The folder of this run: logs, data, certificates.
    pub folder: PathBuf,
    /// The `meridian` binary.
    pub meridian: PathBuf,
    /// The Envoy that proxies are, instead of Meridian's own.
    pub envoy: Option<PathBuf>,
    /// The folder that holds `lib.sh`.
    pub scenarios: PathBuf,
}

/// A program that runs as long as the lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Its name, also that of its log.
    pub name: String,
    /// The namespace it runs in.
    pub space: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The TCP ports that it listens on once it is up.
    pub listens: Vec<u16>,
    /// The user that it runs as, when that is not root.
    pub user: Option<User>,
    /// Where its standard output goes, when that is not its log.
    pub output: Option<PathBuf>,
}

/// A user by number. It may read and write everything in the lab, wherever that lies, and listen on any port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User(pub u32);

impl Program {
    /// A program of root, with one log for all that it writes.
    fn of_root(name: String, space: String, command: Vec<String>, listens: Vec<u16>) -> Self {
        Self { name, space, command, listens, user: None, output: None }
    }
}

impl Site {
    /// The certificate of the lab's authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca/ca.crt")
    }

    /// A folder where the check may leave certificates.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("tls")
    }

    /// Meridian's data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The kubeconfig that `meridian up` writes.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.data().join("kubeconfig")
    }

    /// The folder of the gateways' access logs.
    #[must_use]
    pub fn access_logs(&self) -> PathBuf {
        self.folder.join("access")
    }

    /// The folder of the server in namespace `space`.
    #[must_use]
    pub fn server(&self, space: &str) -> PathBuf {
        self.folder.join(format!("server-{space}"))
    }

    /// The variables of the check, besides those that it inherits.
    #[must_use]
    pub fn variables(&self, plan: &Plan) -> BTreeMap<String, String> {
        let path = |path: PathBuf| path.display().to_string();
        let mut variables = BTreeMap::from([
            ("LAB_CA".to_owned(), path(self.authority())),
            ("LAB_TLS".to_owned(), path(self.scratch())),
            ("KUBECONFIG".to_owned(), path(self.kubeconfig())),
            // Discovery is cached by the server's address, which all labs have in common.
            ("KUBECACHEDIR".to_owned(), path(self.folder.join("kubectl-cache"))),
            ("MERIDIAN".to_owned(), path(self.meridian.clone())),
            ("SCENARIOS".to_owned(), path(self.scenarios.clone())),
        ]);
        for (gateway, address) in &plan.gateways {
            let name = variable(gateway);
            variables.insert(format!("LOG_{name}"), path(self.access_log(gateway)));
            variables.insert(format!("{name}_HOST"), address.to_string());
            variables.insert(format!("{name}_IP"), address.to_string());
            variables.insert(format!("NETNS_{name}"), network::namespace(&self.prefix, plan.home(gateway)));
        }
        for proxy in &plan.proxies {
            variables.insert(format!("LOG_{}", variable(&proxy.name)), path(self.access_log(&proxy.name)));
        }
        for (name, address) in plan.hosts() {
            variables.insert(format!("{}_IP", variable(name)), address.to_string());
            variables.insert(format!("NETNS_{}", variable(name)), network::namespace(&self.prefix, name));
        }
        variables
    }

    /// The access log of a gateway, or of a workload's sidecar.
    #[must_use]
    pub fn access_log(&self, gateway: &str) -> PathBuf {
        self.access_logs().join(format!("{gateway}.log"))
    }

    /// The program that is a server of the plan.
    #[must_use]
    pub fn program(&self, server: &Server) -> Program {
        let space = server.space.clone();
        match &server.backend {
            Backend::Httpbin { port } => {
                let listen = format!("0.0.0.0:{port}");
                let command = [&*self.meridian.display().to_string(), "httpbin", "--listen", &listen];
                let command = command.map(str::to_owned).to_vec();
                Program::of_root(format!("httpbin-{space}"), space, command, vec![*port])
            }
            Backend::Nginx { port, redirect_http, .. } => {
                let folder = self.server(&space).display().to_string();
                let command = [
                    "nginx",
                    "-c",
                    &format!("{folder}/nginx.conf"),
                    "-p",
                    &folder,
                    "-e",
                    &format!("{folder}/error.log"),
                ];
                let listens = [Some(*port), *redirect_http].into_iter().flatten().collect();
                Program::of_root(format!("nginx-{space}"), space, command.map(str::to_owned).to_vec(), listens)
            }
        }
    }

    /// The process with the API and the control plane; with all gateways too, when they are one system.
    #[must_use]
    pub fn system(&self, plan: &Plan) -> Program {
        let api = format!("{API_ADDRESS}:{API_PORT}");
        let data = self.data().display().to_string();
        let meridian = self.meridian.display().to_string();
        let (word, options, listens) = match plan.shape {
            Shape::Together => {
                let logs = self.access_logs().display().to_string();
                let own = ["--threads".to_owned(), "1".to_owned(), "--access-logs".to_owned(), logs];
                let gateways = plan
                    .gateways
                    .iter()
                    .flat_map(|(name, address)| ["--gateway".to_owned(), format!("{name}={address}")]);
                ("up", own.into_iter().chain(gateways).collect(), vec![API_PORT])
            }
            Shape::Apart => {
                let xds = format!("{API_ADDRESS}:{DISCOVERY_PORT}");
                let debug = format!("{API_ADDRESS}:{DEBUG_PORT}");
                let options = ["--xds-tls", &xds, "--debug", &debug].map(str::to_owned).to_vec();
                ("control-plane", options, vec![API_PORT, DISCOVERY_PORT])
            }
        };
        let mut command: Vec<String> = [&meridian, word, "--data", &data, "--api", &api].map(str::to_owned).to_vec();
        command.extend::<Vec<String>>(options);
        Program::of_root("meridian".to_owned(), MESH.to_owned(), command, listens)
    }
}

/// Where a gateway says that it is ready.
#[must_use]
pub fn readiness(gateway: Ipv4Addr) -> String {
    format!("http://{gateway}:15021/healthz/ready")
}

/// A name as a part of a variable: `my-nginx` as `MY_NGINX`.
fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
