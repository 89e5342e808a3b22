//! How the proxy and the control plane know each other.

use super::args::ProxyArgs;
use anyhow::bail;
use meridian_discovery::client::{Options, Own, StateDir};
use meridian_grpc::tls::{CONTROL_PLANE, ClientTls, Pem};
use meridian_identity::WorkloadCertificate;
use meridian_identity::client::{Discovery, Source, renew};
use meridian_ir::tls::{MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_ir::{Authority, Secret};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

/// The file of the state folder with the certificate, its key and the roots.
const IDENTITY: &str = "identity.json";

/// What the proxy was given to show and to trust.
#[derive(Debug)]
pub(super) enum Credentials {
    /// Nothing: the control plane is on this machine.
    None,
    /// Mutual TLS.
    Mutual {
        /// Whom it trusts at first.
        root_cert: PathBuf,
        /// What it asks for its first certificate with.
        token_file: Option<PathBuf>,
    },
}

impl Credentials {
    /// Those that the options name.
    ///
    /// # Errors
    /// A control plane elsewhere cannot be known without a root certificate.
    pub(super) fn of(args: &ProxyArgs) -> anyhow::Result<Credentials> {
        if let Some(root_cert) = &args.root_cert {
            if args.token_file.is_none() && args.state.is_none() {
                bail!("--root-cert needs --token-file, or --state with the certificate of an earlier life");
            }
            return Ok(Credentials::Mutual { root_cert: root_cert.clone(), token_file: args.token_file.clone() });
        }
        let host = &args.discovery.host;
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if !is_here {
            bail!(
                "--discovery {}: a control plane elsewhere is spoken to with TLS; name the mesh's root certificate with \
                 --root-cert (key root-cert.pem of ConfigMap istio-ca-root-cert) and a token with --token-file",
                args.discovery
            );
        }
        Ok(Credentials::None)
    }

    /// Adds them to `options`. Certificates are asked for, kept in the state folder and renewed by a task.
    ///
    /// # Errors
    /// The state folder cannot be read.
    pub(super) fn start(self, mut options: Options) -> anyhow::Result<Options> {
        let Credentials::Mutual { root_cert, token_file } = self else { return Ok(options) };
        let kept = match &options.state {
            Some(state) => state.read(IDENTITY)?.and_then(|bytes| of_json(&bytes)),
            None => None,
        };
        let kept = kept.filter(|own| own.not_after > SystemTime::now()).map(Arc::new);
        let discovery = Discovery {
            target: options.target.clone(),
            server_name: CONTROL_PLANE.to_owned(),
            roots: Source::File(root_cert),
            token: token_file.map(Source::File),
        };
        let (sender, receiver) = watch::channel(kept.clone());
        let first = kept.as_deref();
        let (tls_sender, tls) = watch::channel(first.and_then(tls_of));
        let (own_sender, own) = watch::channel(first.map(own_of));
        tokio::spawn(renew(discovery, sender));
        tokio::spawn(follow(receiver, options.state.clone(), tls_sender, own_sender));
        (options.tls, options.own) = (Some(tls), Some(own));
        Ok(options)
    }
}

/// Hands on every new certificate, and keeps it.
async fn follow(
    mut certificates: watch::Receiver<Option<Arc<WorkloadCertificate>>>,
    state: Option<StateDir>,
    tls: watch::Sender<Option<ClientTls>>,
    own: watch::Sender<Option<Own>>,
) {
    while certificates.changed().await.is_ok() {
        let Some(certificate) = certificates.borrow_and_update().clone() else { continue };
        tracing::info!(until = ?certificate.not_after, "the proxy has a certificate");
        if let Some(state) = &state
            && let Err(error) = state.write(IDENTITY, to_json(&certificate).to_string().as_bytes())
        {
            tracing::error!("the certificate cannot be kept: {error}");
        }
        own.send_replace(Some(own_of(&certificate)));
        tls.send_replace(tls_of(&certificate));
    }
}

fn tls_of(own: &WorkloadCertificate) -> Option<ClientTls> {
    let pem =
        Pem { certificate_chain: own.chain.as_bytes(), private_key: own.key.as_bytes(), roots: own.roots.as_bytes() };
    let made = ClientTls::with_certificate(pem, CONTROL_PLANE);
    made.inspect_err(|error| tracing::error!("the proxy's certificate cannot be used: {error}")).ok()
}

fn own_of(own: &WorkloadCertificate) -> Own {
    Own {
        certificate: Arc::new(Secret {
            name: WORKLOAD_CERTIFICATE.into(),
            certificate_chain: own.chain.clone().into_bytes(),
            private_key: own.key.clone().into_bytes(),
        }),
        authority: Arc::new(Authority {
            name: MESH_AUTHORITY.into(),
            certificates: own.roots.clone().into_bytes(),
            revocation_lists: Vec::new(),
        }),
    }
}

fn to_json(own: &WorkloadCertificate) -> Value {
    json!({"cert-chain.pem": own.chain, "key.pem": own.key, "root-cert.pem": own.roots})
}

/// What was kept; what is damaged counts as not there: a new certificate comes soon.
fn of_json(bytes: &[u8]) -> Option<WorkloadCertificate> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let (chain, key, roots) = (text("cert-chain.pem")?, text("key.pem")?, text("root-cert.pem")?);
    // A chain without its key shows here, and not at the first handshake.
    WorkloadCertificate::new(chain, key, roots).filter(|own| tls_of(own).is_some())
}
