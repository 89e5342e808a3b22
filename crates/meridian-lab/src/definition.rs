//! `lab.yaml`: the hosts around the gateways, strictly read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::error::Error;
use crate::yaml::{self, Node, Value};

#[cfg(test)]
mod tests;

/// A scenario's lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Lab {
    /// Hosts that the mesh knows.
    pub workloads: Vec<Workload>,
    /// Names of the gateways.
    pub gateways: Vec<String>,
    /// Hosts that no service registry knows.
    pub origins: Vec<Origin>,
    /// Services over the workloads that their labels select.
    pub services: Vec<LabelService>,
    /// Names and the addresses that the lab's DNS answers with.
    pub dns: Vec<(String, Vec<Ipv4Addr>)>,
    /// Namespaces beside `default` and `istio-system`.
    pub namespaces: Vec<String>,
}

/// A host that the mesh knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its name, which is also the value of its label `app` unless `labels` says otherwise.
    pub name: String,
    /// What serves there.
    pub backend: Option<Backend>,
    /// Whether a proxy captures its traffic.
    pub sidecar: bool,
    /// Labels beside `app`.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its pod.
    pub annotations: BTreeMap<String, String>,
    /// The Service in front of it.
    pub service: Option<WorkloadService>,
}

/// The Service of one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadService {
    /// Name of the Service.
    pub name: String,
    /// Namespace; `default` unless said.
    pub namespace: String,
    /// Port of the Service.
    pub port: u16,
    /// Port of the workload, when it is another.
    pub target_port: Option<u16>,
    /// Name of the port, when it is not the usual one.
    pub port_name: Option<String>,
}

/// A Service over several workloads.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelService {
    /// Name, in namespace `default`.
    pub name: String,
    /// Port of the Service.
    pub port: u16,
    /// Port of the workloads.
    pub target_port: u16,
    /// Labels that a workload must have.
    pub selects: BTreeMap<String, String>,
}

/// A host outside the mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Its name, for the check's variables.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// What serves there.
    pub backend: Backend,
}

/// A server at a host.
#[derive(Debug, Clone, PartialEq)]
pub enum Backend {
    /// nginx with one page.
    Nginx {
        /// The text of the page.
        page: String,
        /// Where it listens.
        port: u16,
        /// Names of its certificate; plain HTTP when there are none.
        tls: Vec<String>,
        /// A plain port that answers 301 to HTTPS.
        redirect_http: Option<u16>,
    },
    /// The project's echo server.
    Httpbin {
        /// Where it listens.
        port: u16,
    },
}

impl Backend {
    /// The port of the server proper.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Nginx { port, .. } | Self::Httpbin { port } => *port,
        }
    }
}

impl FromStr for Lab {
    type Err = Error;

    /// Reads the text of a `lab.yaml`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut fields = Fields::new("lab", yaml::parse(text)?)?;
        let lab = Self {
            workloads: fields.named("workloads", workload)?,
            gateways: fields.list("gateways", gateway)?,
            origins: fields.named("origins", origin)?,
            services: fields.named("services", label_service)?,
            dns: fields.named("dns", |name, node| Ok((name, sequence(node, scalar)?)))?,
            namespaces: fields.list("namespaces", scalar)?,
        };
        fields.finish()?;
        Ok(lab)
    }
}

/// A mapping whose members are taken one by one; what remains is not known.
struct Fields {
    what: String,
    line: usize,
    members: Vec<(String, Node)>,
    asked: Vec<&'static str>,
}

impl Fields {
    fn new(what: &str, node: Node) -> Result<Self, Error> {
        let members = match node.value {
            Value::Mapping(members) => members,
            Value::Scalar(text) if text.is_empty() => Vec::new(),
            _ => return Err(Error::definition(node.line, format!("{what} must be a mapping"))),
        };
        Ok(Self { what: what.to_owned(), line: node.line, members, asked: Vec::new() })
    }

    fn take(&mut self, name: &'static str) -> Option<Node> {
        self.asked.push(name);
        let at = self.members.iter().position(|(key, _)| key == name)?;
        Some(self.members.remove(at).1)
    }

    fn optional<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, Error>
    where
        T::Err: Display,
    {
        self.take(name).map(scalar).transpose()
    }

    fn required<T: FromStr>(&mut self, name: &'static str) -> Result<T, Error>
    where
        T::Err: Display,
    {
        let missing = Error::definition(self.line, format!("{} needs {name:?}", self.what));
        self.optional(name)?.ok_or(missing)
    }

    /// A sequence under `name`; absent is empty.
    fn list<T>(&mut self, name: &'static str, each: impl FnMut(Node) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        self.take(name).map_or(Ok(Vec::new()), |node| sequence(node, each))
    }

    /// A mapping of names under `name`; absent is empty.
    fn named<T>(
        &mut self,
        name: &'static str,
        mut each: impl FnMut(String, Node) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let Some(node) = self.take(name) else { return Ok(Vec::new()) };
        Self::new(name, node)?.members.into_iter().map(|(name, node)| each(name, node)).collect()
    }

    /// A mapping of text to text under `name`; absent is empty.
    fn texts(&mut self, name: &'static str) -> Result<BTreeMap<String, String>, Error> {
        Ok(self.named(name, |name, node| Ok((name, scalar(node)?)))?.into_iter().collect())
    }

    fn finish(self) -> Result<(), Error> {
        let Some((name, node)) = self.members.first() else { return Ok(()) };
        let message = format!("{} does not know {name:?}; it knows {}", self.what, self.asked.join(", "));
        Err(Error::definition(node.line, message))
    }
}

fn sequence<T>(node: Node, each: impl FnMut(Node) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    match node.value {
        Value::Sequence(items) => items.into_iter().map(each).collect(),
        _ => Err(Error::definition(node.line, "must be a sequence".to_owned())),
    }
}

fn scalar<T: FromStr>(node: Node) -> Result<T, Error>
where
    T::Err: Display,
{
    let Value::Scalar(text) = node.value else {
        return Err(Error::definition(node.line, "must be a single value".to_owned()));
    };
    text.parse().map_err(|e| Error::definition(node.line, format!("{text:?}: {e}")))
}

/// `NAME` or `NAME: {}`; the latter is where ports of its own would stand.
fn gateway(node: Node) -> Result<String, Error> {
    let Value::Mapping(members) = &node.value else { return scalar(node) };
    match members.as_slice() {
        [(name, inside)] if inside.value == Value::Mapping(Vec::new()) => Ok(name.clone()),
        _ => Err(Error::definition(
            node.line,
            "a gateway is its name alone; ports of its own are not supported".to_owned(),
        )),
    }
}

fn workload(name: String, node: Node) -> Result<Workload, Error> {
    let line = node.line;
    let mut fields = Fields::new(&format!("workload {name}"), node)?;
    let workload = Workload {
        backend: backend(&mut fields)?,
        sidecar: fields.optional("sidecar")?.unwrap_or(false),
        labels: fields.texts("labels")?,
        annotations: fields.texts("annotations")?,
        service: fields.take("service").map(|node| workload_service(&name, node)).transpose()?,
        name,
    };
    fields.finish()?;
    if workload.service.is_some() && workload.backend.is_none() {
        return Err(Error::definition(
            line,
            format!("workload {} has a service but nothing that serves", workload.name),
        ));
    }
    Ok(workload)
}

fn workload_service(workload: &str, node: Node) -> Result<WorkloadService, Error> {
    let mut fields = Fields::new(&format!("service of workload {workload}"), node)?;
    let service = WorkloadService {
        name: fields.required("name")?,
        namespace: fields.optional("namespace")?.unwrap_or_else(|| "default".to_owned()),
        port: fields.required("port")?,
        target_port: fields.optional("targetPort")?,
        port_name: fields.optional("portName")?,
    };
    fields.finish()?;
    Ok(service)
}

fn label_service(name: String, node: Node) -> Result<LabelService, Error> {
    let line = node.line;
    let mut fields = Fields::new(&format!("service {name}"), node)?;
    let service = LabelService {
        port: fields.required("port")?,
        target_port: fields.required("targetPort")?,
        selects: fields.texts("selects")?,
        name,
    };
    fields.finish()?;
    if service.selects.is_empty() {
        return Err(Error::definition(
            line,
            format!("service {} needs \"selects\", the labels of its workloads", service.name),
        ));
    }
    Ok(service)
}

fn origin(name: String, node: Node) -> Result<Origin, Error> {
    let line = node.line;
    let mut fields = Fields::new(&format!("origin {name}"), node)?;
    let (address, backend) = (fields.required("address")?, backend(&mut fields)?);
    fields.finish()?;
    let backend =
        backend.ok_or_else(|| Error::definition(line, format!("origin {name} needs \"nginx\" or \"httpbin\"")))?;
    Ok(Origin { name, address, backend })
}

/// `nginx: TEXT` with `port`, `tls` and `redirectHttp`, or `httpbin: {port: N}`, where the port may stand outside too.
fn backend(fields: &mut Fields) -> Result<Option<Backend>, Error> {
    let port: Option<u16> = fields.optional("port")?;
    let tls = fields.list("tls", scalar)?;
    let redirect_http = fields.optional("redirectHttp")?;
    let missing = Error::definition(fields.line, format!("{} needs \"port\"", fields.what));
    let nginx: Option<String> = fields.optional("nginx")?;
    match (nginx, fields.take("httpbin")) {
        (Some(_), Some(node)) => Err(Error::definition(node.line, "a host has either nginx or httpbin".to_owned())),
        (Some(page), None) => Ok(Some(Backend::Nginx { page, port: port.ok_or(missing)?, tls, redirect_http })),
        (None, Some(node)) if tls.is_empty() && redirect_http.is_none() => {
            let mut inner = Fields::new("httpbin", node)?;
            let port = inner.optional("port")?.or(port).ok_or(missing)?;
            inner.finish()?;
            Ok(Some(Backend::Httpbin { port }))
        }
        (None, None) if port.is_none() && tls.is_empty() && redirect_http.is_none() => Ok(None),
        _ => {
            Err(Error::definition(fields.line, format!("{}: port, tls and redirectHttp belong to nginx", fields.what)))
        }
    }
}
