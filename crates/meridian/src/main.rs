//! Meridian: north-south traffic for services in one binary.

mod analyze;
mod client;
mod completion;
mod envoy;
mod exec;
mod folder;
mod help;
mod httpbin;
mod input;
mod install;
mod kube_inject;
mod kubeconfig;
mod logging;
mod memory;
mod objects;
mod proxy;
mod proxy_config;
mod proxy_status;
mod redirect;
mod store;
mod sys;
mod up;
mod validate;
mod wait;
mod webhook;

use clap::{FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// North-south traffic for services: ingress and egress gateways and the control plane that drives them.
#[derive(Parser)]
#[command(name = "meridian", version, propagate_version = true, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in one process: a kubectl-compatible API, the control plane, an ingress and an egress gateway
    Up(up::UpArgs),
    /// Run the API and the control plane, for proxies that are processes of their own
    ControlPlane(up::ControlPlaneArgs),
    /// Run a gateway that gets its configuration from a control plane
    Gateway(Box<proxy::GatewayArgs>),
    /// Run a sidecar beside a workload, which gets its configuration from a control plane
    Sidecar(Box<proxy::SidecarArgs>),
    /// Run an httpbin-like backend to try things with
    Httpbin(httpbin::HttpbinArgs),
    /// Show what a proxy is configured to do: clusters, listeners, routes, endpoints, secrets
    #[command(visible_alias = "pc")]
    ProxyConfig(proxy_config::ProxyConfigArgs),
    /// Show how far proxies are with what the control plane wants of them
    #[command(visible_alias = "ps")]
    ProxyStatus(proxy_status::ProxyStatusArgs),
    /// Set, show or take away the kernel rules that lead traffic to a sidecar
    Redirect(redirect::RedirectArgs),
    /// Write what a stock Envoy needs to be a proxy of Meridian's control plane, or run it
    EnvoyBootstrap(Box<envoy::EnvoyBootstrapArgs>),
    /// Check files of objects, each object by itself
    #[command(visible_alias = "v")]
    Validate(validate::ValidateArgs),
    /// Put sidecars into the pods of files of objects
    KubeInject(kube_inject::KubeInjectArgs),
    /// Wait until the proxy of this pod is ready
    Wait(wait::WaitArgs),
    /// Write a kubeconfig for somebody else, for the API of `meridian up`
    Kubeconfig(kubeconfig::KubeconfigArgs),
    /// Install the control plane on Kubernetes, and gateways for Istio's API
    Install(Box<install::InstallArgs>),
    /// Take away what `meridian install` has installed
    Uninstall(install::UninstallArgs),
    /// Run a command on this machine with its traffic captured by a sidecar
    Exec(Box<exec::ExecArgs>),
    /// Back up, restore and check the objects of Meridian
    Store(store::StoreArgs),
    /// Look for mistakes in objects taken together: those that are applied, those in files, or both
    Analyze(analyze::AnalyzeArgs),
    #[command(flatten)]
    Objects(meridian_kubectl::Command),
    /// Write what a shell needs to complete these commands
    Completion(completion::CompletionArgs),
}

fn main() -> ExitCode {
    let cli = match help::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let result = match cli.command {
        Command::Up(args) => serving(|| up::run(args)),
        Command::ControlPlane(args) => serving(|| up::run_control_plane(args)),
        Command::Gateway(args) => serving(|| proxy::run_gateway(*args)),
        Command::Sidecar(args) => serving(|| proxy::run_sidecar(*args)),
        Command::Httpbin(args) => block_on(httpbin::run(args)),
        Command::ProxyConfig(args) => block_on(proxy_config::run(args)),
        Command::ProxyStatus(args) => block_on(proxy_status::run(args)),
        Command::Redirect(args) => redirect::run(&args),
        Command::Store(args) => store::run(args),
        Command::EnvoyBootstrap(args) => block_on(envoy::run(*args)),
        Command::Validate(args) => validate::run(&args),
        Command::KubeInject(args) => block_on(kube_inject::run(&args)),
        Command::Wait(args) => block_on(wait::run(args)),
        Command::Kubeconfig(args) => block_on(kubeconfig::run(args)),
        Command::Install(args) => block_on(install::install(*args)),
        Command::Uninstall(args) => block_on(install::uninstall(args)),
        Command::Exec(args) => match block_on(exec::run(*args)) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Analyze(args) => match block_on(analyze::run(args)) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Objects(command) => match block_on(objects::run(command)) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Completion(args) => completion::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // An error that quotes its reason does not name it as its source, so nothing is told twice.
            eprintln!("meridian: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that serves until it is told to stop.
fn serving(command: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    memory::give_back_from_time_to_time()?;
    command()
}

/// Runs a command on a runtime of its own.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}
