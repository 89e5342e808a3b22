//! Where a lab's files lie, which programs it runs, and what the check is told about it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::{API_ADDRESS, API_PORT, MESH, Plan, Server, network};
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
            variables.insert(format!("NETNS_{name}"), network::namespace(&self.prefix, MESH));
        }
        for (name, address) in plan.hosts() {
            variables.insert(format!("{}_IP", variable(name)), address.to_string());
            variables.insert(format!("NETNS_{}", variable(name)), network::namespace(&self.prefix, name));
        }
        variables
    }

    /// The access log of a gateway.
    #[must_use]
    pub fn access_log(&self, gateway: &str) -> PathBuf {
        self.access_logs().join(format!("{gateway}.log"))
    }

    /// The program that is a server of the plan.
    #[must_use]
    pub fn program(&self, server: &Server) -> Program {
        let space = server.space.clone();
        match &server.backend {
            Backend::Httpbin { port } => Program {
                name: format!("httpbin-{space}"),
                space,
                command: vec![
                    self.meridian.display().to_string(),
                    "httpbin".into(),
                    "--listen".into(),
                    format!("0.0.0.0:{port}"),
                ],
                listens: vec![*port],
            },
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
                Program {
                    name: format!("nginx-{space}"),
                    space,
                    command: command.map(str::to_owned).to_vec(),
                    listens: [Some(*port), *redirect_http].into_iter().flatten().collect(),
                }
            }
        }
    }

    /// The system under test: one process with the API, the control plane and all gateways.
    #[must_use]
    pub fn system(&self, plan: &Plan) -> Program {
        let meridian = self.meridian.display().to_string();
        let data = self.data().display().to_string();
        let logs = self.access_logs().display().to_string();
        let api = format!("{API_ADDRESS}:{API_PORT}");
        let mut command: Vec<String> =
            [&meridian, "up", "--data", &data, "--threads", "1", "--api", &api, "--access-logs", &logs]
                .map(str::to_owned)
                .to_vec();
        for (name, address) in &plan.gateways {
            command.extend(["--gateway".to_owned(), format!("{name}={address}")]);
        }
        Program { name: "meridian".to_owned(), space: MESH.to_owned(), command, listens: vec![API_PORT] }
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
