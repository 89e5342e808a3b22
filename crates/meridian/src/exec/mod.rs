//! `meridian exec`: a command on this machine whose traffic, and nobody else's, goes through a sidecar.
//!
//! The command runs in a control group (version 2) of its own, and the kernel's rules are for sockets of that group:
//! what the command and its children connect to goes to the sidecar's outbound listener, and connections from other
//! hosts to ports that they listen on go to its inbound listener.

mod cgroup;
mod command;
mod sidecar;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use meridian_redirect::nftables::Place;
use meridian_redirect::settings::Dns;

use crate::redirect::args::Capture;
use crate::redirect::kernel::{self, Backend};
use command::User;
use sidecar::{Sidecar, SidecarOptions};

/// What the names of the rules' tables and of the control groups begin with.
const PREFIX: &str = "meridian-exec-";
/// What the name of the sidecar's control group ends with. No rule is about it; it makes the sidecar easy to find.
const BESIDE: &str = ".sidecar";

/// Run a command with its traffic, and nobody else's, captured by a sidecar
#[derive(Args, Debug)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    sidecar: SidecarOptions,
    #[command(flatten)]
    capture: Capture,
    /// The user that the command runs as: a name or a number [default: the user that runs meridian]
    #[arg(long, value_name = "USER")]
    user: Option<User>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<std::ffi::OsString>,
}

/// Runs the command to its end, and gives back its exit status; 128 and the number of the signal that ended it.
///
/// # Errors
/// A privilege or a program is missing, the sidecar does not become ready, or the command cannot be started.
pub(crate) async fn run(args: ExecArgs) -> anyhow::Result<ExitCode> {
    let settings = args.capture.settings()?;
    kernel::require_privilege()?;
    if !Backend::Nftables.is_installed() {
        bail!("nft is not installed, and only its rules know the control group of a command; install nftables");
    }
    let hierarchy = cgroup::Hierarchy::find()?;
    sweep(&hierarchy)?;
    let name = format!("{PREFIX}{}", std::process::id());
    let group = hierarchy.make(&name)?;
    let mut signals = command::Signals::follow()?;
    let beside = hierarchy.make(&format!("{name}{BESIDE}"))?;
    let mut sidecar = Sidecar::start(&args.sidecar, &name, settings.dns != Dns::Off, beside)?;
    tokio::select! {
        ready = sidecar.ready(args.sidecar.ready_limit) => ready?,
        signal = signals.next() => return Ok(command::ended_by(signal)),
    }
    let place = Place { prefix: name, cgroup: Some(group.path()) };
    let rules = Rules::set(&meridian_redirect::build(&settings), place)?;
    let mut child = command::start(&args.command, args.user, &group)?;
    let ended = command::wait(&mut child, &mut signals, &mut sidecar).await;
    // What the command left behind must not outlive its capture.
    group.kill().await?;
    drop(rules);
    sidecar.stop().await;
    ended
}

/// The rules of one command, taken away when dropped.
struct Rules(Place);

impl Rules {
    fn set(rules: &meridian_redirect::rules::Rules, place: Place) -> anyhow::Result<Self> {
        Backend::Nftables.apply(rules, &place)?;
        Ok(Self(place))
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        if let Err(error) = Backend::Nftables.clean(&self.0) {
            eprintln!("meridian: the rules of {} stay in the kernel: {error:#}", self.0.prefix);
        }
    }
}

/// Takes away what a `meridian exec` that was killed has left: its processes, its rules, its control group.
fn sweep(hierarchy: &cgroup::Hierarchy) -> anyhow::Result<()> {
    for name in hierarchy.names().context("cannot list control groups")? {
        let own = name.strip_suffix(BESIDE).unwrap_or(&name);
        let Some(id) = own.strip_prefix(PREFIX).and_then(|id| id.parse::<u32>().ok()) else { continue };
        if std::path::Path::new(&format!("/proc/{id}")).exists() {
            continue;
        }
        hierarchy.remove(&name)?;
        Backend::Nftables.clean(&Place { prefix: own.to_owned(), cgroup: None })?;
        sidecar::forget(own)?;
    }
    Ok(())
}
