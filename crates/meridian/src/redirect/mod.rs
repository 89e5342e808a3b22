//! `meridian redirect`: the kernel rules that lead this network namespace's traffic to its sidecar.

pub(crate) mod args;
pub(crate) mod kernel;
mod pod;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use meridian_redirect::nftables::Place;
use std::io::Write;

use args::{Capture, Program};
use kernel::Backend;

/// Lead this network namespace's TCP traffic to its sidecar, as istio-iptables does
#[derive(Args, Debug)]
pub(crate) struct RedirectArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Set the rules; rules of ours that are there already are replaced
    Apply(Box<Apply>),
    /// Take the rules away
    Clean(Program),
    /// Show the rules of ours that the kernel has
    Show(Program),
}

#[derive(Args, Debug)]
struct Apply {
    #[command(flatten)]
    capture: Capture,
    #[command(flatten)]
    program: Program,
    /// Print the rules instead of setting them; needs neither privilege nor program
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// An option or annotation that is wrong, a program or privilege that is missing, or what the kernel refused.
pub(crate) fn run(args: &RedirectArgs) -> anyhow::Result<()> {
    match &args.action {
        Action::Apply(apply) => self::apply(apply),
        Action::Clean(program) => {
            kernel::require_privilege()?;
            let backends = program.backend.installed();
            if backends.is_empty() {
                bail!("{}", program.backend.missing());
            }
            backends.into_iter().try_for_each(|backend| backend.clean(&Place::default()))
        }
        Action::Show(program) => {
            kernel::require_privilege()?;
            show(program)
        }
    }
}

fn apply(args: &Apply) -> anyhow::Result<()> {
    let settings = args.capture.settings()?;
    let rules = meridian_redirect::build(&settings);
    if args.dry_run {
        return print(&args.program.backend.preferred().dry_run(&rules, &Place::default()));
    }
    kernel::require_privilege()?;
    let backends = args.program.backend.installed();
    let Some((first, _)) = backends.split_first() else { bail!("{}", args.program.backend.missing()) };
    first.apply(&rules, &Place::default())?;
    // Rules of ours that the other program set would capture a second time.
    Backend::ALL
        .into_iter()
        .filter(|other| other != first && other.is_installed())
        .try_for_each(|other| other.clean(&Place::default()))
}

fn show(program: &Program) -> anyhow::Result<()> {
    let backends = program.backend.installed();
    if backends.is_empty() {
        bail!("{}", program.backend.missing());
    }
    let shown = backends.iter().map(|backend| backend.show(&Place::default())).collect::<Result<String, _>>()?;
    if shown.is_empty() { print("there are no rules of meridian redirect here\n") } else { print(&shown) }
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
