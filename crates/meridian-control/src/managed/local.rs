//! Gateways on the embedded API: a process of this machine for each, at an address of its own.
//!
//! Every Gateway has ports like 80, so each gets an address: one that it asks for in `spec.addresses`, where this machine
//! has it, else the next free one of a range of loopback addresses, which it keeps for as long as its Service exists. A
//! listener's port is that port of the address. The process is `meridian gateway`; it is started again when it ends, and
//! stopped with its Gateway. A Service, an EndpointSlice and a Pod tell tools about it.

mod address;
mod objects;
mod process;

use super::addresses::problem;
use super::objects::{MANAGED_BY, MANAGED_LABEL, Objects};
use super::parameters::{self, Settings};
use super::{AddressRange, Input, Installation, NamespacedName, Provisioned};
use crate::cluster::{Cluster, ClusterError};
use address::Addresses;
use meridian_ir::Name;
use meridian_resources::Resource;
use meridian_resources::core::{pod, service};
use meridian_store::{GroupResource, Key as StoreKey};
use meridian_translate::{GATEWAY_NAME_LABEL, ManagedGateway, Provision, ProvisionProblem};
use process::{Phase, Process};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Namespace and name of a Gateway.
type Key = (Name, Name);

/// How often that is tried again which failed.
const AGAIN: Duration = Duration::from_secs(1);

/// How the gateways of this machine are run.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// The program, `meridian`.
    pub program: PathBuf,
    /// Arguments after `gateway` that all have: where the control plane is, for example.
    pub arguments: Vec<String>,
    /// Where addresses are taken from.
    pub addresses: AddressRange,
    /// Addresses at which something else of this process listens.
    pub reserved: Vec<IpAddr>,
    /// Where the debug endpoint of the control plane is, for the annotation of Pods.
    pub control_plane: SocketAddr,
    /// How long a process may take to end after it was told to.
    pub patience: Duration,
    /// Where access logs go, a file for each; `None`: to standard output.
    pub access_logs: Option<PathBuf>,
}

/// Runs the gateways; owned by one task. Made together with the end that the control plane holds.
pub struct LocalGateways {
    options: LocalOptions,
    inputs: UnboundedReceiver<Input>,
    output: UnboundedSender<Provisioned>,
}

/// The control plane's end: it tells what is wanted, and hears what became of it.
#[derive(Debug)]
pub struct LocalHandle {
    pub(super) inputs: UnboundedSender<Input>,
    pub(super) outputs: UnboundedReceiver<Provisioned>,
}

impl LocalGateways {
    /// Nothing runs before [`LocalGateways::run`].
    #[must_use]
    pub fn new(options: LocalOptions) -> (LocalGateways, LocalHandle) {
        // What waits is no more than the objects that there are and their changes.
        let (inputs, input) = mpsc::unbounded_channel();
        let (output, outputs) = mpsc::unbounded_channel();
        (LocalGateways { options, inputs: input, output }, LocalHandle { inputs, outputs })
    }

    /// Runs until `stop` is told, or nobody tells anything any more; then all processes are stopped and waited for.
    pub async fn run(self, cluster: Cluster, mut stop: watch::Receiver<bool>) {
        let LocalGateways { options, mut inputs, output } = self;
        let (phases, mut phase) = mpsc::unbounded_channel();
        let mut room = Room {
            addresses: Addresses::new(options.addresses, &options.reserved),
            options,
            cluster,
            settings: Settings::default(),
            gateways: BTreeMap::new(),
            left_over: BTreeMap::new(),
            pending: BTreeSet::new(),
            in_step: false,
            phases,
            output,
        };
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // An error means that the sender is gone, which is a stop too.
                _ = stop.wait_for(|stop| *stop) => break,
                input = inputs.recv() => {
                    let Some(input) = input else { break };
                    room.take(input);
                    while let Ok(input) = inputs.try_recv() {
                        room.take(input);
                    }
                }
                Some((key, phase)) = phase.recv() => room.phase(key, phase),
                _ = again.tick() => room.try_again(),
            }
            room.reconcile().await;
        }
        room.stop().await;
    }
}

/// All gateways of this machine.
struct Room {
    options: LocalOptions,
    cluster: Cluster,
    settings: Settings,
    addresses: Addresses<Key>,
    gateways: BTreeMap<Key, Gateway>,
    /// Names of objects that an earlier life has made, and of which nobody has said that they are wanted.
    left_over: BTreeMap<Key, NamespacedName>,
    pending: BTreeSet<Key>,
    in_step: bool,
    phases: UnboundedSender<(Key, Phase)>,
    output: UnboundedSender<Provisioned>,
}

/// One of them.
#[derive(Default)]
struct Gateway {
    wanted: Option<Arc<ManagedGateway>>,
    /// What it is called, and where it is, once that is known.
    placed: Option<(NamespacedName, IpAddr)>,
    process: Option<Process>,
    phase: Phase,
    told: Option<Provision>,
}

impl Room {
    fn take(&mut self, input: Input) {
        match input {
            Input::Wanted(namespace, name, wanted) => {
                let key = (namespace, name);
                let gateway = self.gateways.entry(key.clone()).or_default();
                gateway.wanted = wanted;
                gateway.told = None;
                self.pending.insert(key);
            }
            Input::Put(resource) => self.put(resource),
            Input::Gone(object) => {
                let key: NamespacedName = (object.namespace.unwrap_or_default(), object.name);
                match object.kind.kind {
                    "ConfigMap" => drop(self.settings.config_maps.remove(&key)),
                    "EnvoyProxy" => drop(self.settings.envoy_proxies.remove(&key)),
                    "Service" | "EndpointSlice" | "ServiceAccount" | "Pod" => {}
                    _ => return,
                }
                let concerned = |gateway: &Gateway| match &gateway.placed {
                    Some((name, _)) => *name == key,
                    None => true,
                };
                let settings = matches!(object.kind.kind, "ConfigMap" | "EnvoyProxy");
                let keys = self.gateways.iter().filter(|(_, gateway)| settings || concerned(gateway));
                self.pending.extend(keys.map(|(key, _)| key.clone()).collect::<Vec<_>>());
            }
            Input::InStep => {
                self.in_step = true;
                self.pending.extend(self.left_over.keys().cloned());
            }
        }
    }

    fn put(&mut self, resource: Resource) {
        let meta = resource.meta();
        let name: NamespacedName = (meta.namespace.clone(), meta.name.clone());
        match resource {
            Resource::ConfigMap(map) => drop(self.settings.config_maps.insert(name, map)),
            Resource::EnvoyProxy(proxy) => drop(self.settings.envoy_proxies.insert(name, proxy)),
            Resource::Service(service) => {
                let labels = &service.meta.labels;
                if labels.get(MANAGED_LABEL).map(String::as_str) != Some(MANAGED_BY) {
                    return;
                }
                let Some(gateway) = labels.get(GATEWAY_NAME_LABEL) else { return };
                let key: Key = (service.meta.namespace.clone(), gateway.as_str().into());
                if !self.gateways.contains_key(&key) {
                    // The address that it had in an earlier life is kept for it.
                    let had = service.status.load_balancer.ingress.iter().find_map(|entry| entry.ip.parse().ok());
                    if let Some(address) = had {
                        self.addresses.keep(&key, address);
                    }
                    self.left_over.insert(key, name);
                }
                return;
            }
            _ => return,
        }
        let referring = self.gateways.iter().filter(|(_, gateway)| {
            gateway
                .wanted
                .as_ref()
                .is_some_and(|wanted| wanted.parameters.is_some() || wanted.class_parameters.is_some())
        });
        self.pending.extend(referring.map(|(key, _)| key.clone()).collect::<Vec<_>>());
    }

    fn phase(&mut self, key: Key, phase: Phase) {
        if let Some(gateway) = self.gateways.get_mut(&key) {
            gateway.phase = phase;
            self.pending.insert(key);
        }
    }

    /// What was in the way may be gone.
    fn try_again(&mut self) {
        let is_stuck = |gateway: &Gateway| {
            let problem = gateway.told.as_ref().and_then(|told| told.problem.as_ref());
            problem.is_some_and(|problem| problem.condition == "Programmed" && problem.reason != "Pending")
        };
        let stuck = self.gateways.iter().filter(|(_, gateway)| is_stuck(gateway));
        self.pending.extend(stuck.map(|(key, _)| key.clone()).collect::<Vec<_>>());
    }

    async fn reconcile(&mut self) {
        if !self.in_step {
            return;
        }
        for key in std::mem::take(&mut self.pending) {
            let wanted = self.gateways.get(&key).and_then(|gateway| gateway.wanted.clone());
            let Some(wanted) = wanted else {
                self.remove(&key).await;
                continue;
            };
            let provision = match self.place(&key, &wanted).await {
                Ok(provision) => provision,
                Err(problem) => {
                    // What cannot be had must not be served in a way that nobody asked for.
                    self.end_process(&key);
                    Provision { addresses: Vec::new(), problem: Some(problem) }
                }
            };
            self.tell(&key, provision);
        }
    }

    /// Gives a Gateway its address, its objects and its process.
    async fn place(&mut self, key: &Key, wanted: &ManagedGateway) -> Result<Provision, ProvisionProblem> {
        let made = parameters::objects(wanted, &Installation::default(), &self.settings).map_err(|error| {
            ProvisionProblem { condition: "Accepted", reason: "InvalidParameters", message: error.to_string() }
        })?;
        let unusable = |message: String| problem("AddressNotUsable", message);
        let address = self.address(key, wanted).map_err(unusable)?;
        let served =
            |gateway: &Gateway| gateway.process.as_ref().map(|process| process.ports().clone()).unwrap_or_default();
        let served = self.gateways.get(key).map(served).unwrap_or_default();
        address::check(address, &wanted.ports, &served).map_err(unusable)?;
        self.write_objects(key, wanted, made, address)
            .await
            .map_err(|error| problem("NoResources", format!("what the Gateway needs cannot be made: {error}")))?;
        self.start_process(key, wanted, address);
        let gateway = self.gateways.get(key);
        let problem = match gateway.map(|gateway| &gateway.phase) {
            Some(Phase::Ready) => None,
            Some(Phase::Failed(message)) => Some(problem("NoResources", message.clone())),
            _ => Some(problem("Pending", "waits for the gateway's process to be ready".to_owned())),
        };
        Ok(Provision { addresses: vec![("IPAddress".to_owned(), address.to_string())], problem })
    }

    /// The address of a Gateway, at which nobody else is.
    fn address(&mut self, key: &Key, wanted: &ManagedGateway) -> Result<IpAddr, String> {
        self.addresses.look_again();
        loop {
            let address = self.addresses.choose(key, wanted)?;
            let runs = |gateway: &Gateway| {
                let is_here = gateway.placed.as_ref().is_some_and(|(_, placed)| *placed == address);
                is_here && gateway.process.is_some() && !matches!(gateway.phase, Phase::Failed(_))
            };
            if self.gateways.get(key).is_some_and(runs) {
                return Ok(address);
            }
            match address::has_room(address) {
                Ok(()) => return Ok(address),
                Err(_) if wanted.addresses.iter().all(|address| address.value.is_none()) => {
                    self.addresses.avoid(address);
                }
                Err(message) => return Err(message),
            }
        }
    }

    async fn write_objects(
        &mut self,
        key: &Key,
        wanted: &ManagedGateway,
        made: Objects,
        address: IpAddr,
    ) -> Result<(), ClusterError> {
        let text = made.service["metadata"]["name"].as_str().unwrap_or_default();
        let name: NamespacedName = (wanted.namespace.clone(), text.into());
        let before = self.gateways.get(key).and_then(|gateway| Some(gateway.placed.as_ref()?.0.clone()));
        let before = before.or_else(|| self.left_over.remove(key));
        if let Some(before) = before.filter(|before| *before != name) {
            self.delete_objects(&before).await?;
        }
        let is_ready = self.gateways.get(key).is_some_and(|gateway| gateway.phase == Phase::Ready);
        let pod = objects::pod(&made, address, is_ready, self.options.control_plane);
        for object in [&made.service_account, &made.service, &objects::endpoint_slice(&made, address, is_ready), &pod] {
            if !self.says_the_same(object).await? {
                self.cluster.apply(object).await?;
            }
        }
        let status = json!({"loadBalancer": {"ingress": [{"ip": address.to_string()}]}});
        self.set_status(&service::KIND, &name, &status).await?;
        self.set_status(&pod::KIND, &name, &pod["status"]).await?;
        if let Some(gateway) = self.gateways.get_mut(key) {
            gateway.placed = Some((name, address));
        }
        Ok(())
    }

    /// Whether an object is there and has everything that this one has.
    async fn says_the_same(&self, object: &Value) -> Result<bool, ClusterError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        let current = self.cluster.get(&text(&object["apiVersion"]), &text(&object["kind"]), &namespace, &name).await?;
        Ok(current.is_some_and(|current| objects::contains(&current, object)))
    }

    async fn set_status(
        &self,
        kind: &'static meridian_resources::Kind,
        name: &NamespacedName,
        status: &Value,
    ) -> Result<(), ClusterError> {
        let key = StoreKey::new(GroupResource::of(kind), &name.0, &name.1);
        let changed = |current: crate::cluster::Current<'_>| (current.status != Some(status)).then(|| status.clone());
        self.cluster.modify_status(kind, &key, changed).await.map(drop)
    }

    fn start_process(&mut self, key: &Key, wanted: &ManagedGateway, address: IpAddr) {
        let Some(gateway) = self.gateways.get_mut(key) else { return };
        let Some((name, _)) = &gateway.placed else { return };
        let arguments = arguments(&self.options, wanted, &name.1, address);
        match &mut gateway.process {
            Some(process) if process.arguments() == arguments => process.set_ports(wanted.ports.clone()),
            process => {
                let readiness = SocketAddr::new(address, super::objects::STATUS_PORT);
                gateway.phase = Phase::Starting;
                // The one before, if any, is told to stop, and the new one waits for its end.
                let before = process.take().map(Process::stop);
                let (phases, key) = (self.phases.clone(), key.clone());
                let report = move |phase| drop(phases.send((key.clone(), phase)));
                let command = process::Command {
                    program: self.options.program.clone(),
                    arguments,
                    readiness,
                    patience: self.options.patience,
                };
                *process = Some(Process::start(command, wanted.ports.clone(), before, report));
            }
        }
    }

    fn end_process(&mut self, key: &Key) {
        if let Some(gateway) = self.gateways.get_mut(key) {
            if let Some(process) = gateway.process.take() {
                drop(process.stop());
            }
            gateway.phase = Phase::Starting;
        }
    }

    /// The Gateway is gone, or is somebody else's.
    async fn remove(&mut self, key: &Key) {
        self.end_process(key);
        self.addresses.forget(key);
        let placed = self.gateways.remove(key).and_then(|gateway| gateway.placed).map(|(name, _)| name);
        for name in placed.into_iter().chain(self.left_over.remove(key)) {
            if let Err(error) = self.delete_objects(&name).await {
                tracing::warn!(%error, "what a Gateway needed cannot be deleted");
            }
        }
    }

    async fn delete_objects(&self, name: &NamespacedName) -> Result<(), ClusterError> {
        for (api_version, kind) in
            [("v1", "Pod"), ("discovery.k8s.io/v1", "EndpointSlice"), ("v1", "Service"), ("v1", "ServiceAccount")]
        {
            self.cluster.delete(api_version, kind, &name.0, &name.1).await?;
        }
        Ok(())
    }

    fn tell(&mut self, key: &Key, provision: Provision) {
        let Some(gateway) = self.gateways.get_mut(key) else { return };
        if gateway.told.as_ref() != Some(&provision) {
            gateway.told = Some(provision.clone());
            let (namespace, name) = key.clone();
            // An error means that the process ends.
            let _ = self.output.send(Provisioned { namespace, name, provision });
        }
    }

    /// Stops all processes and waits for them.
    async fn stop(self) {
        let ends: Vec<_> =
            self.gateways.into_values().filter_map(|gateway| gateway.process).map(Process::stop).collect();
        for end in ends {
            end.await;
        }
    }
}

fn arguments(options: &LocalOptions, wanted: &ManagedGateway, name: &str, address: IpAddr) -> Vec<String> {
    let mut all: Vec<String> = ["gateway", "--name", name, "--namespace", &wanted.namespace, "--service-account", name]
        .map(str::to_owned)
        .to_vec();
    let mut labels: Vec<String> = wanted.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    labels.push(format!("{GATEWAY_NAME_LABEL}={}", wanted.name));
    all.extend(["--ip".to_owned(), address.to_string(), "--address".to_owned(), address.to_string()]);
    all.extend(["--labels".to_owned(), labels.join(",")]);
    if !address.is_loopback() {
        // The admin endpoint never leaves this machine, and its usual address is the first gateway's.
        all.extend(["--admin".to_owned(), "127.0.0.1:0".to_owned()]);
    }
    if let Some(folder) = &options.access_logs {
        let file = folder.join(format!("{}.{name}.log", wanted.namespace));
        all.extend(["--access-log".to_owned(), file.display().to_string()]);
    }
    all.extend(options.arguments.iter().cloned());
    all
}

#[cfg(test)]
mod tests;
