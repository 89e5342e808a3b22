//! `meridian-lab`: runs scenarios. `cargo xtask scenario` builds what it needs and then calls it.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::{Parser, ValueEnum};
use meridian_lab::error::Error;
use meridian_lab::interrupt::Interrupt;
use meridian_lab::prerequisites;
use meridian_lab::scenario::{Mode, Outcome, Scenario, Settings};

/// Runs scenarios, each in a lab of network namespaces of its own.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folders of the scenarios: lab.yaml, config.yaml, check.sh.
    #[arg(required = true, value_name = "DIR")]
    scenarios: Vec<PathBuf>,
    /// Build the lab and apply the configuration, but do not run the check; say how to enter the lab, and wait for Ctrl-C.
    #[arg(long)]
    shell: bool,
    /// Keep the lab up after the check, whatever it said, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Make every gateway a process of its own, also where there is no sidecar.
    #[arg(long)]
    apart: bool,
    /// What gateways and sidecars are: Meridian's own proxies, or stock Envoys that its control plane drives.
    #[arg(long, value_enum, default_value_t = ProxyKind::Meridian, value_name = "KIND")]
    proxy: ProxyKind,
    /// The Envoy of `--proxy envoy` [default: the one that `cargo xtask setup` fetches]
    #[arg(long, env = "ENVOY", value_name = "FILE")]
    envoy: Option<PathBuf>,
    /// How many scenarios run at the same time.
    #[arg(long, default_value_t = 1, value_name = "N")]
    jobs: usize,
    /// The binary under test [default: the `meridian` beside this program].
    #[arg(long, env = "MERIDIAN", value_name = "FILE")]
    meridian: Option<PathBuf>,
    /// Where a failed run leaves its logs.
    #[arg(long, default_value = "target/scenario-logs", value_name = "DIR")]
    logs: PathBuf,
}

/// What gateways and sidecars are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProxyKind {
    /// Meridian's own.
    Meridian,
    /// Stock Envoys.
    Envoy,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

/// Runs all scenarios and prints each verdict; whether all passed.
fn run(arguments: &Arguments) -> Result<bool, Error> {
    let doing = |what: &'static str| move |source| Error::Io { what: what.to_owned(), source };
    prerequisites::check()?;
    let elsewhere = helpers();
    let scenarios: Vec<_> =
        arguments.scenarios.iter().map(|folder| Scenario::find(folder, &elsewhere)).collect::<Result<_, _>>()?;
    let beside = || env::current_exe().map(|exe| exe.with_file_name("meridian"));
    let meridian = arguments.meridian.clone().map_or_else(beside, Ok).map_err(doing("cannot find this program"))?;
    if !meridian.is_file() {
        let hint = format!("there is no {}; build it with `cargo build --package meridian`", meridian.display());
        return Err(Error::Prerequisite(hint));
    }
    let mode = Mode { shell: arguments.shell, keep: arguments.keep, apart: arguments.apart };
    let envoy = match arguments.proxy {
        ProxyKind::Meridian => None,
        ProxyKind::Envoy => Some(prerequisites::envoy(arguments.envoy.clone())?),
    };
    let settings = Settings { meridian, envoy, logs: arguments.logs.clone(), mode };
    let interrupt = Interrupt::on_signals().map_err(doing("cannot follow signals"))?;
    let outcomes = run_all(&scenarios, &settings, arguments.jobs, &interrupt);
    if mode.shell && outcomes.iter().all(Outcome::passed) {
        return Ok(true);
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    say(&format!("{passed} passed, {} failed", scenarios.len() - passed));
    Ok(passed == scenarios.len())
}

/// Prints a line; whoever has stopped reading does not want it.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Where `lib.sh` may be when it is not above a scenario: in `$SCENARIOS`, or with the shared references.
fn helpers() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = env::var_os("MERIDIAN_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
    env::var_os("SCENARIOS").map(PathBuf::from).into_iter().chain([shared.join("scenarios")]).collect()
}

/// Runs `jobs` scenarios at a time, each on a thread that lives as long as its lab.
fn run_all(scenarios: &[Scenario], settings: &Settings, jobs: usize, interrupt: &Interrupt) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, scenarios.len()) {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if interrupt.check().is_err() {
                        return;
                    }
                    let outcome = scenario.run(settings, interrupt);
                    if !(settings.mode.shell && outcome.passed()) {
                        say(&outcome.to_string());
                    }
                    outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
