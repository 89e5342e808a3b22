//! Serves the API over a store in a folder: `serve DIR ADDRESS KUBECONFIG` makes its certificates in `DIR/pki`, writes the
//! file for `kubectl` and runs until it is interrupted.

use std::error::Error;
use std::path::Path;
use std::time::SystemTime;

use meridian_apiserver::pki::{Pki, write_private};
use meridian_apiserver::{Credentials, Options, Security, Server, TokenFile, kubeconfig};
use meridian_store::Store;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, address, file] = &arguments[..] else {
        return Err("usage: serve DIR ADDRESS KUBECONFIG".into());
    };
    let server = Server::new(Store::open(dir)?, Options::default()).await?;
    let listener = TcpListener::bind(address).await?;
    let (url, now) = (format!("https://{}", listener.local_addr()?), SystemTime::now());
    let pki = Pki::open(&Path::new(dir).join("pki"), &[listener.local_addr()?.ip().to_string()], now)?;
    let user = pki.issue_client("meridian-admin", Some("system:masters"), now)?;
    write_private(Path::new(file), &kubeconfig(&url, Some(pki.authority()), Credentials::Certificate(&user)))?;
    println!("export KUBECONFIG={file}");
    let interrupted = async {
        // Without the signal the process simply ends, which the store survives.
        let _ = tokio::signal::ctrl_c().await;
    };
    server.serve_tls(listener, Security { pki, tokens: TokenFile::default() }, interrupted).await?;
    Ok(())
}
