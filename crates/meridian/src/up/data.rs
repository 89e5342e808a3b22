//! The data folder: where it is, and what `up` writes into it beside the store.

use anyhow::Context;
use meridian_apiserver::pki::{self, Pki, write_private};
use meridian_apiserver::{Credentials, kubeconfig};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The user of the kubeconfig that `up` writes.
const ADMIN: &str = "meridian-admin";

/// The data folder, made (mode 0700) when it does not exist: `--data`, or `meridian` in the XDG data folder.
///
/// # Errors
/// It cannot be made, or neither `--data`, `XDG_DATA_HOME` nor `HOME` says where.
pub(super) fn folder(option: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = match option {
        Some(folder) => folder.to_owned(),
        None => crate::folder::default_data()
            .context("neither HOME nor XDG_DATA_HOME says where objects may live; name a folder with --data")?,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("cannot make the data folder {}; choose another with --data", folder.display()))?;
    folder.canonicalize().with_context(|| folder.display().to_string())
}

/// The API's certificates, for clients that reach it at its address, by this machine's name or by one of `names`.
///
/// # Errors
/// They cannot be read or made; the message names the file.
pub(super) fn open_pki(data: &Path, address: SocketAddr, names: &[String]) -> anyhow::Result<Pki> {
    let mut all = names.to_vec();
    all.extend(std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).ok());
    if address.ip().is_unspecified() {
        all.extend(own_address(address.is_ipv4()).map(|own| own.to_string()));
    } else {
        all.push(address.ip().to_string());
    }
    Ok(Pki::open(&data.join("pki"), &all, SystemTime::now())?)
}

/// The address from which this machine reaches others. Nothing is sent.
fn own_address(ipv4: bool) -> Option<IpAddr> {
    // Addresses for documentation: only the way to them is asked for.
    let (any, other) = if ipv4 { ("0.0.0.0:0", "192.0.2.1:9") } else { ("[::]:0", "[2001:db8::1]:9") };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect(other).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// How often the clock is looked at: it may jump, and the machine may sleep.
const LOOK: Duration = Duration::from_secs(10);

/// The kubeconfig as it was written.
pub(super) struct Written {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The certificate in it, as PEM.
    certificate: String,
}

/// Writes `kubeconfig` (mode 0600) for the administrator of the API at `address`, with a new certificate.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_kubeconfig(data: &Path, address: SocketAddr, pki: &Pki) -> anyhow::Result<Written> {
    let mut reachable = address;
    if reachable.ip().is_unspecified() {
        reachable.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    let (path, now) = (data.join("kubeconfig"), SystemTime::now());
    let admin = pki.issue_client(ADMIN, Some("system:masters"), now)?;
    let text = kubeconfig(&format!("https://{reachable}"), Some(pki.authority()), Credentials::Certificate(&admin));
    write_private(&path, &text)?;
    Ok(Written { path, certificate: admin.certificate })
}

/// Writes the kubeconfig anew when its certificate ends soon by this machine's clock, so that it never ends while this
/// process runs.
pub(super) async fn keep_kubeconfig(mut written: Written, data: PathBuf, address: SocketAddr, pki: Pki) {
    let mut failed = false;
    loop {
        tokio::time::sleep(LOOK).await;
        if !pki::ends_soon(&written.certificate, SystemTime::now()) {
            continue;
        }
        match write_kubeconfig(&data, address, &pki) {
            Ok(new) => (written, failed) = (new, false),
            // Once is enough: it is tried again all the time.
            Err(error) if !std::mem::replace(&mut failed, true) => {
                tracing::warn!(%error, "the kubeconfig could not be renewed");
            }
            Err(_) => {}
        }
    }
}
