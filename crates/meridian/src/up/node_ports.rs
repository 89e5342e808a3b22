//! The node ports of the gateways' Services: where a machine without a load balancer reaches a gateway.
//!
//! On Kubernetes every node leads them to the Service's pods (kube-proxy, with the node's own address as the source, as
//! `externalTrafficPolicy: Cluster` has it). Here the gateway's address does.

use meridian_apiserver::Api;
use meridian_control::standalone::{Gateway, NAMESPACE};
use meridian_resources::kind;
use meridian_store::{GroupResource, Key, Selection, WatchError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where connections arrive, and where they go to.
type Ports = BTreeMap<SocketAddr, SocketAddr>;

/// Serves the node ports as they are in the Services, until `stopped` says true or the store closes.
pub(super) async fn serve(api: Api, gateways: Vec<Gateway>, mut stopped: watch::Receiver<bool>) {
    let mut running = Running::default();
    tokio::select! {
        () = follow(&api, &gateways, &mut running) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

async fn follow(api: &Api, gateways: &[Gateway], running: &mut Running) {
    let Some(kind) = kind::by_group_kind("", "Service") else { return };
    let services = GroupResource::of(kind);
    let selection =
        Selection { resource: Some(services.clone()), namespace: Some(NAMESPACE.into()), ..Selection::default() };
    loop {
        let Ok(mut changes) = api.store().watch(selection.clone(), api.store().revision()) else { return };
        loop {
            running.become_these(wanted(api, &services, gateways));
            match changes.next().await {
                Ok(_) => {}
                Err(WatchError::Closed) => return,
                Err(_) => break,
            }
        }
    }
}

/// The node ports of the gateways' Services.
fn wanted(api: &Api, services: &GroupResource, gateways: &[Gateway]) -> Ports {
    let mut ports = Ports::new();
    for gateway in gateways {
        let Some(service) = api.store().get(&Key::new(services.clone(), NAMESPACE, &gateway.service())) else {
            continue;
        };
        let service = service.to_value("v1", "Service");
        for port in service["spec"]["ports"].as_array().into_iter().flatten() {
            let number = |field: &str| port[field].as_u64().and_then(|number| u16::try_from(number).ok());
            let Some(node_port) = number("nodePort").filter(|_| is_tcp(port)) else { continue };
            let Some(target) = number("targetPort").or_else(|| number("port")) else { continue };
            let listen = SocketAddr::new(gateway.address, node_port);
            ports.insert(listen, SocketAddr::new(gateway.reachable(), target));
        }
    }
    ports
}

fn is_tcp(port: &Value) -> bool {
    port["protocol"].as_str().is_none_or(|protocol| protocol == "TCP")
}

/// What is served.
#[derive(Default)]
struct Running {
    ports: BTreeMap<SocketAddr, (SocketAddr, JoinHandle<()>)>,
}

impl Running {
    /// Ends what is not wanted any more, and starts what is new.
    fn become_these(&mut self, wanted: Ports) {
        self.ports.retain(|listen, (target, task)| {
            let kept = wanted.get(listen) == Some(target);
            if !kept {
                task.abort();
            }
            kept
        });
        for (listen, target) in wanted {
            self.ports.entry(listen).or_insert_with(|| (target, tokio::spawn(accept(listen, target))));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (_, task) in self.ports.values() {
            task.abort();
        }
    }
}

async fn accept(listen: SocketAddr, target: SocketAddr) {
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%listen, "a node port is not served: {error}");
            return;
        }
    };
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(join(client, target));
    }
}

/// Relays one connection; both ends see when the other closes.
async fn join(mut client: TcpStream, target: SocketAddr) {
    let Ok(mut gateway) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), gateway.set_nodelay(true));
    let _ = tokio::io::copy_bidirectional(&mut client, &mut gateway).await;
}
