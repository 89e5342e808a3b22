//! The acceptance scenarios, and the promises that the runner itself makes.
//!
//! Needs root. `cargo test --package meridian-lab --test scenarios -- 02` runs those whose name contains 02.

mod support;
#[path = "support/trial.rs"]
mod trial;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use meridian_lab::interrupt::Interrupt;
use meridian_lab::prerequisites;
use meridian_lab::scenario::{Outcome, Scenario, Settings};

use rustix::process::{Pid, Signal, kill_process};
use trial::Trial;

/// The scenarios of the shared references that pass, with Meridian's proxies and with stock Envoys, which have to take
/// every resource. A new one is a line here.
const SCENARIOS: &[&str] = &[
    "01-ingress-http",
    "02-ingress-any-host",
    "03-kubernetes-ingress",
    "04-ingress-tls-simple",
    "05-ingress-tls-hosts",
    "06-ingress-tls-mutual",
    "07-ingress-passthrough",
    "08-ingress-split-and-mirror",
    "09-egress-sni-gateway",
    "10-egress-http-gateway",
    "11-outbound-policy",
    "12-service-entry",
    "13-tls-origination",
    "14-wildcard-and-bypass",
    "15-workload-entry",
    "16-access-log",
    "17-mutual-tls",
];

fn main() -> ExitCode {
    let settings = match support::settings() {
        Ok(settings) => settings,
        Err(reason) => return support::skip("all scenarios", reason),
    };
    let mut trials = vec![
        own("the lab keeps its promises", &settings, the_lab_keeps_its_promises),
        own("two labs stand at once", &settings, two_labs_stand_at_once),
        own("a failing check says why and leaves nothing behind", &settings, a_failing_check_says_why),
        own("nothing gets around STRICT", &settings, nothing_gets_around_strict),
        own("nothing gets around DENY", &settings, nothing_gets_around_deny),
        own("nothing gets around REGISTRY_ONLY", &settings, nothing_gets_around_registry_only),
        own("a gateway in front of a strict mesh", &settings, a_gateway_in_front_of_a_strict_mesh),
        own("an interrupt ends the check and leaves nothing behind", &settings, an_interrupt_ends_the_check),
    ];
    let own = trials.len();
    let shared = support::shared("scenarios");
    for name in SCENARIOS {
        let (settings, shared) = (settings.clone(), shared.clone());
        trials.push(Trial::new(*name, move || passes(&shared?.join(name), &settings)));
    }
    match prerequisites::envoy(std::env::var_os("ENVOY").map(PathBuf::from)) {
        Ok(envoy) => trials.extend(SCENARIOS.iter().map(|name| with_envoy(name, &envoy, &settings, &shared))),
        Err(reason) if std::env::var_os("CI").is_some() => {
            trials.push(Trial::new("proxies that are Envoys", move || Err(reason.to_string())));
        }
        Err(reason) => eprintln!("\n#### SKIPPED: the scenarios with stock Envoys: {reason}\n"),
    }
    match shared {
        Err(reason) if std::env::var_os("CI").is_none() => {
            trials.truncate(own);
            let verdict = trial::run(trials);
            support::skip("the acceptance scenarios", reason);
            verdict
        }
        _ => trial::run(trials),
    }
}

/// A scenario whose proxies are stock Envoys.
fn with_envoy(name: &'static str, envoy: &Path, settings: &Settings, shared: &Result<PathBuf, String>) -> Trial {
    let (settings, shared) = (Settings { envoy: Some(envoy.to_owned()), ..settings.clone() }, shared.clone());
    Trial::new(format!("{name} with Envoy"), move || passes(&shared?.join(name), &settings))
}

fn own(name: &str, settings: &Settings, run: fn(&Settings) -> Result<(), String>) -> Trial {
    let settings = settings.clone();
    Trial::new(name, move || run(&settings))
}

fn promises() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/promises")
}

fn run(folder: &Path, settings: &Settings, interrupt: &Interrupt) -> Result<Outcome, String> {
    Ok(Scenario::find(folder, &[]).map_err(|e| e.to_string())?.run(settings, interrupt))
}

fn passes(folder: &Path, settings: &Settings) -> Result<(), String> {
    let outcome = run(folder, settings, &Interrupt::default())?;
    if outcome.passed() { Ok(()) } else { Err(outcome.to_string()) }
}

fn the_lab_keeps_its_promises(settings: &Settings) -> Result<(), String> {
    passes(&promises(), settings)
}

/// Tries of clients and strangers to do what a workload's policies deny.
fn nothing_gets_around_deny(settings: &Settings) -> Result<(), String> {
    passes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/deny"), settings)
}

/// Tries of a workload to reach somebody whom the registry does not know.
fn nothing_gets_around_registry_only(settings: &Settings) -> Result<(), String> {
    passes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/registry-only"), settings)
}

/// More than a hundred tries to reach a workload that demands mutual TLS of the mesh.
fn nothing_gets_around_strict(settings: &Settings) -> Result<(), String> {
    passes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/strict"), settings)
}

/// Gateways of Gateway API before STRICT: one beside a sidecar, one with an identity of its own.
fn a_gateway_in_front_of_a_strict_mesh(settings: &Settings) -> Result<(), String> {
    passes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/front-of-a-mesh"), settings)
}

fn two_labs_stand_at_once(settings: &Settings) -> Result<(), String> {
    let both =
        [settings.clone(), settings.clone()].map(|settings| thread::spawn(move || passes(&promises(), &settings)));
    both.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err("the run panicked".to_owned())))
}

/// A scenario in `scratch` whose check is `check`.
fn with_check(scratch: &Path, check: &str) -> Result<PathBuf, String> {
    let folder = scratch.join("own");
    let write = || {
        fs::create_dir(&folder)?;
        fs::write(scratch.join("lib.sh"), "")?;
        fs::copy(promises().join("config.yaml"), folder.join("config.yaml"))?;
        fs::write(folder.join("lab.yaml"), "workloads: {client: {}}\ngateways: [ingressgateway]\n")?;
        fs::write(folder.join("check.sh"), check)
    };
    write().map_err(|e: std::io::Error| e.to_string())?;
    Ok(folder)
}

/// Fails when anything of the lab whose logs are in `logs` is still there.
fn leaves_nothing(logs: &Path) -> Result<(), String> {
    let prefix = logs.to_string_lossy().rsplit('-').next().unwrap_or_default().to_owned();
    for folder in ["/run/netns", "/etc/netns"] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                return Err(format!("{} is still there", entry.path().display()));
            }
        }
    }
    let needle = format!("{}/", logs.display());
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if words.contains(&needle) {
            return Err(format!("still running: {words}"));
        }
    }
    Ok(())
}

fn a_failing_check_says_why(settings: &Settings) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    // The background process belongs to nobody once the check has ended.
    let check = "setsid sleep 1000 & echo 'FAIL: the door is closed' >&2; exit 1";
    let folder = with_check(scratch.path(), check)?;
    let settings = Settings { logs: scratch.path().join("logs"), ..settings.clone() };
    let outcome = run(&folder, &settings, &Interrupt::default())?;
    let line = outcome.to_string();
    if line.lines().count() != 1 || !line.contains(": FAIL: the door is closed; logs in ") {
        return Err(format!("the verdict is {line:?}"));
    }
    let logs = outcome.logs.ok_or("no logs are named")?;
    for file in ["check.err", "meridian.log", "objects.yaml", "access/ingressgateway.log"] {
        if !logs.join(file).is_file() {
            return Err(format!("{} is missing", logs.join(file).display()));
        }
    }
    leaves_nothing(&logs)
}

fn an_interrupt_ends_the_check(settings: &Settings) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let started = scratch.path().join("started");
    let folder = with_check(scratch.path(), &format!("touch {}; sleep 1000", started.display()))?;
    let mut runner = Command::new(env!("CARGO_BIN_EXE_meridian-lab"));
    runner.arg("--meridian").arg(&settings.meridian).arg("--logs").arg(scratch.path().join("logs")).arg(folder);
    let runner = runner.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let limit = Instant::now() + Duration::from_secs(60);
    while !started.exists() && Instant::now() < limit {
        thread::sleep(Duration::from_millis(10));
    }
    // Twice, as `timeout` does: the second must not cut the clean-up short.
    for _ in 0..2 {
        kill_process(Pid::from_child(&runner), Signal::INT).map_err(|e| e.to_string())?;
    }
    let output = runner.wait_with_output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let logs = said.lines().find_map(|line| line.split_once(": interrupted; logs in ")).map(|(_, logs)| logs);
    match logs {
        Some(logs) if output.status.code() == Some(1) => leaves_nothing(Path::new(logs)),
        _ => Err(format!("the runner ended with {} and said {said:?}", output.status)),
    }
}
