//! The control plane's port for proxies: discovery in plaintext for this machine, discovery and certificates with
//! mutual TLS.

use anyhow::Context;
use meridian_control::{Discovery, Registry};
use meridian_discovery::message::SERVICE;
use meridian_discovery::server::Service;
use meridian_grpc::Server;
use meridian_grpc::tls::{Pem, ServerTls};
use meridian_identity::{
    CERTIFICATE_SERVICE, CONTROL_PLANE_NAMES, CertificateService, MeshAuthority, WorkloadCertificate,
};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// What is served, and where.
pub(super) struct Ports {
    /// In plaintext.
    pub(super) plain: SocketAddr,
    /// With mutual TLS.
    pub(super) tls: SocketAddr,
    /// The control plane's namespace, by which proxies know it.
    pub(super) namespace: String,
    /// Who answers for certificates.
    pub(super) certificates: CertificateService,
    /// Who signs the control plane's own.
    pub(super) authority: MeshAuthority,
}

/// Proxies are served by a thread of its own, so that encoding for them never delays an answer of the API.
///
/// # Errors
/// An address is not free.
pub(super) fn start(ports: Ports, registry: Registry, stop: watch::Receiver<bool>) -> anyhow::Result<Discovery> {
    let (service, events) = Service::new();
    let listen = |address: SocketAddr, option: &str| {
        let listener = TcpListener::bind(address)
            .with_context(|| format!("proxies cannot be served on {address}; choose another address with {option}"))?;
        listener.set_nonblocking(true)?;
        anyhow::Ok(listener)
    };
    let (plain, tls) = (listen(ports.plain, "--xds")?, listen(ports.tls, "--xds-tls")?);
    let discovery =
        Discovery { events: Some(events), registry, authority: ports.authority.clone(), ..Discovery::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || {
        let served = runtime.block_on(serve(ports, service, plain, tls, stop));
        if let Err(error) = served {
            tracing::error!("proxies are not served any more: {error:#}");
        }
    };
    std::thread::Builder::new().name("discovery".into()).spawn(run)?;
    Ok(discovery)
}

async fn serve(
    ports: Ports,
    service: Service,
    plain: TcpListener,
    tls: TcpListener,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let (plain, tls) = (tokio::net::TcpListener::from_std(plain)?, tokio::net::TcpListener::from_std(tls)?);
    let server = Server::new().with(SERVICE, service.handler());
    let plain = server.clone().serve(plain, None, stop.clone());
    let server = server.with(CERTIFICATE_SERVICE, ports.certificates.handler());
    let tls = secure(&ports.authority, (ports.tls, ports.namespace), server, tls, stop);
    tokio::join!(plain, tls);
    Ok(())
}

/// Serves with a certificate of the mesh's authority, as soon as there is one; renews it.
async fn secure(
    authority: &MeshAuthority,
    (address, namespace): (SocketAddr, String),
    server: Server,
    listener: tokio::net::TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    let mut mesh = authority.subscribe();
    let mut serving: Option<Arc<ServerTls>> = None;
    let mut waiting = Some((server, listener));
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let own = issue(authority, address, &namespace);
        if let Some(own) = &own {
            let pem = Pem {
                certificate_chain: own.chain.as_bytes(),
                private_key: own.key.as_bytes(),
                roots: own.roots.as_bytes(),
            };
            let set = match &serving {
                Some(tls) => tls.replace(pem),
                None => ServerTls::new(pem).map(|tls| serving = Some(Arc::new(tls))),
            };
            if let Err(error) = set {
                tracing::error!("the control plane's own certificate: {error}");
            }
        }
        if let Some(tls) = &serving
            && let Some((server, listener)) = waiting.take()
        {
            tasks.spawn(server.serve(listener, Some(tls.clone()), stop.clone()));
        }
        let due = async {
            match &own {
                Some(own) => own.until_due(Duration::ZERO).await,
                None => tokio::time::sleep(Duration::from_secs(3600)).await,
            }
        };
        tokio::select! {
            // An error means that the sender is gone, which is a stop too.
            _ = stop.wait_for(|stop| *stop) => break,
            changed = mesh.changed() => if changed.is_err() { break },
            () = due => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// A certificate for the names and addresses by which proxies reach the control plane.
pub(crate) fn issue(authority: &MeshAuthority, address: SocketAddr, namespace: &str) -> Option<WorkloadCertificate> {
    let authority = authority.current().authority?;
    let own = address.ip().to_string();
    let mut names = CONTROL_PLANE_NAMES.to_vec();
    let of_services = ["istiod", "meridian"].map(|service| format!("{service}.{namespace}.svc"));
    names.push("127.0.0.1");
    names.extend(of_services.iter().map(String::as_str).filter(|name| !CONTROL_PLANE_NAMES.contains(name)));
    if !address.ip().is_unspecified() && own != "127.0.0.1" {
        names.push(&own);
    }
    let issued = authority.issue_server(&names, SystemTime::now());
    issued.inspect_err(|error| tracing::error!("the control plane has no certificate: {error}")).ok()
}
