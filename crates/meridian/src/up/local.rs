//! Gateways of Gateway API as processes of this machine: how `meridian up` has them run.

use super::args::{GatewayPlan, UpArgs};
use anyhow::Context;
use meridian_control::LocalOptions;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How much longer than draining a process may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// How they are run; `None`: nobody asked for that. `xds` is where they get their configurations.
///
/// # Errors
/// The program of this process is not known.
pub(super) fn options(
    args: &UpArgs,
    plans: &[GatewayPlan],
    xds: SocketAddr,
    control_plane: SocketAddr,
) -> anyhow::Result<Option<LocalOptions>> {
    let Some(addresses) = args.gateway_addresses else { return Ok(None) };
    let mut arguments = vec!["--discovery".to_owned(), xds.to_string()];
    arguments.extend(["--drain-time".to_owned(), args.drain_time.as_secs_f64().to_string()]);
    arguments.extend(["--log-level".to_owned(), args.control.log_level.clone()]);
    if let Some(threads) = args.threads {
        arguments.extend(["--threads".to_owned(), threads.to_string()]);
    }
    let mut reserved: Vec<IpAddr> = plans.iter().flat_map(|plan| [plan.address, plan.admin.ip()]).collect();
    reserved.extend([xds.ip(), control_plane.ip()]);
    Ok(Some(LocalOptions {
        program: std::env::current_exe().context("the program of this process is not known")?,
        arguments,
        addresses,
        reserved,
        control_plane,
        patience: args.drain_time + GRACE,
        access_logs: args.access_logs.clone(),
    }))
}
