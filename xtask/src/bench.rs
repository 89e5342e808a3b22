//! `cargo xtask bench`: measurements on this machine.

mod api;
mod client;
mod gateway_api;
mod h1;
mod h2;
mod objects;
mod passthrough;
mod process;
mod routes;
mod sidecar;
mod stats;
mod tls;

/// What can be measured.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Benchmark {
    /// What forwarding HTTP/1.1 costs, beside nginx, HAProxy and Envoy
    H1(h1::H1Args),
    /// What HTTP/2 over TLS costs, towards an origin of HTTP/1.1, beside nginx, HAProxy and Envoy
    H2(h2::H2Args),
    /// What TLS costs, handshakes and requests, beside nginx, HAProxy and Envoy
    Tls(tls::TlsArgs),
    /// What passing TLS on costs, bytes and connections, beside nginx, HAProxy with splice and Envoy
    Passthrough(passthrough::PassthroughArgs),
    /// How fast a changed route is live, and what many routes cost in memory
    Routes(routes::RoutesArgs),
    /// What the embedded API costs with many objects: creating, listing, applying, restarting, memory
    Api(objects::ObjectsArgs),
    /// How fast a changed HTTPRoute is live through a real Kubernetes API, and what is lost while things change
    GatewayApi(gateway_api::GatewayApiArgs),
    /// What a sidecar with many services costs in memory, and how fast a change reaches it
    Sidecar(sidecar::SidecarArgs),
}

/// Runs a benchmark.
///
/// # Errors
/// When something that it needs is missing or fails.
pub(crate) fn run(benchmark: Benchmark) -> anyhow::Result<()> {
    match benchmark {
        Benchmark::H1(args) => h1::run(&args),
        Benchmark::H2(args) => h2::run(&args),
        Benchmark::Tls(args) => tls::run(&args),
        Benchmark::Passthrough(args) => passthrough::run(&args),
        Benchmark::Routes(args) => routes::run(&args),
        Benchmark::Api(args) => objects::run(&args),
        Benchmark::GatewayApi(args) => gateway_api::run(&args),
        Benchmark::Sidecar(args) => sidecar::run(&args),
    }
}
