//! Serves the API over a store in a folder: `serve DIR ADDRESS KUBECONFIG` writes the file for `kubectl` and runs until
//! it is interrupted.

use std::error::Error;

use meridian_apiserver::{Options, Server, kubeconfig};
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
    std::fs::write(file, kubeconfig(&format!("http://{}", listener.local_addr()?)))?;
    println!("export KUBECONFIG={file}");
    let interrupted = async {
        // Without the signal the process simply ends, which the store survives.
        let _ = tokio::signal::ctrl_c().await;
    };
    server.serve(listener, interrupted).await;
    Ok(())
}
