//! `cargo xtask conformance`: the genuine Gateway API conformance suite, on a real Kubernetes API, against Meridian as
//! `meridian install` installs it.
//!
//! The tools (etcd, kube-apiserver, kube-controller-manager, a node that runs pods as processes, the suite and its echo
//! server) are built from their Go modules once and kept. A run lives in namespaces of its own and needs root.

mod lab;
mod report;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};

use crate::workspace;
use lab::Lab;
pub(crate) use lab::{fresh, install_script};
use report::Report;
use verdict::Verdict;

/// The five profiles of gateways.
const PROFILES: &str = "GATEWAY-HTTP,GATEWAY-TLS,GATEWAY-GRPC,GATEWAY-TCP,GATEWAY-UDP";

/// The features of meshes, which are for implementations without gateways in front.
const MESH_FEATURES: &str = "Mesh,MeshClusterIPMatching,MeshConsumerRoute,MeshHTTPRouteRewritePath,\
    MeshHTTPRouteSchemeRedirect,MeshHTTPRouteRedirectPort,MeshHTTPRouteRedirectPath,\
    MeshHTTPRouteBackendRequestHeaderModification,MeshHTTPRouteQueryParamMatching,MeshHTTPRouteNamedRouteRule";

/// Arguments of `cargo xtask conformance`.
#[derive(clap::Args, Debug, Default)]
#[command(after_help = "Examples:
  cargo xtask conformance                                          # everything, twice
  cargo xtask conformance --rounds 1 --write-report
  cargo xtask conformance -run-test=HTTPRouteSimpleSameNamespace")]
pub(crate) struct ConformanceArgs {
    /// How many times in a row it must pass [default: 2, and 1 for a single test]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Run a release build
    #[arg(long)]
    release: bool,
    /// Run this program instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    meridian: Option<PathBuf>,
    /// Write the report of the last round to docs/conformance
    #[arg(long)]
    write_report: bool,
    /// Keep the logs of rounds that pass, too
    #[arg(long)]
    keep: bool,
    /// Where the logs go, a folder for each round [default: conformance in the target folder]
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// More flags for the suite, such as -run-test=NAME or -skip-tests=A,B
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAG")]
    flags: Vec<String>,
}

/// How many tests of the suite passed and failed, over all rounds.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    /// Passed.
    pub(crate) passed: usize,
    /// Failed.
    pub(crate) failed: usize,
}

/// Builds what is needed and runs the suite; success when every round passed whole.
///
/// # Errors
/// Something cannot be built or started.
pub(crate) fn run(args: &ConformanceArgs) -> anyhow::Result<ExitCode> {
    let meridian = match &args.meridian {
        Some(meridian) => meridian.canonicalize().with_context(|| meridian.display().to_string())?,
        None => build(args.release)?,
    };
    let counts = rounds(&meridian, args)?;
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the whole suite twice with the program `meridian`, for `cargo xtask test`.
///
/// # Errors
/// Something cannot be built or started.
pub(crate) fn twice(meridian: &Path) -> anyhow::Result<Counts> {
    rounds(meridian, &ConformanceArgs::default())
}

/// Builds the program; where it is.
fn build(release: bool) -> anyhow::Result<PathBuf> {
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "--package", "meridian", "--bin", "meridian"]);
    workspace::run(build.args(release.then_some("--release")))?;
    Ok(workspace::programs(if release { "release" } else { "debug" })?.join("meridian"))
}

fn rounds(meridian: &Path, args: &ConformanceArgs) -> anyhow::Result<Counts> {
    let single = args.flags.iter().any(|flag| flag.trim_start_matches('-').starts_with("run-test"));
    ensure!(!(single && args.write_report), "--write-report: a report is of the whole suite, not of one test");
    let lab = Lab::build(meridian)?;
    let logs = args.logs.clone().map_or_else(|| workspace::programs("conformance"), Ok)?;
    let mut counts = Counts::default();
    for round in 1..=args.rounds.unwrap_or(if single { 1 } else { 2 }) {
        let folder = fresh(&logs.join(format!("round-{round}")))?;
        let report = folder.join("report.yaml");
        let ended = lab.run(&folder, &suite_flags(&report, &args.flags))?;
        let mut verdict = Verdict::read(&folder.join("test.log"), ended)?;
        if !single && verdict.passed() {
            verdict.complain(complaints(&Report::read(&report)?, &folder, &verdict)?);
        }
        println!("round {round}: {verdict}");
        counts.passed += verdict.passes;
        counts.failed += verdict.failures();
        if !verdict.passed() {
            println!("its logs are in {}", folder.display());
            break;
        }
        if args.write_report {
            write_report(&report)?;
        }
        if !args.keep {
            std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
    }
    Ok(counts)
}

/// What is wrong with a run all of whose tests passed: something was skipped, or the GatewayClass says otherwise.
fn complaints(report: &Report, folder: &Path, verdict: &Verdict) -> anyhow::Result<Vec<String>> {
    let mut complaints = report.complaints(PROFILES);
    complaints
        .extend(verdict.skipped.iter().filter(|test| !test.starts_with("Mesh")).map(|t| format!("{t} was skipped")));
    let status = report::supported_features(&folder.join("gatewayclasses.json"), lab::CLASS)?;
    complaints.extend(report.differences(&status));
    Ok(complaints)
}

fn suite_flags(report: &Path, more: &[String]) -> Vec<String> {
    let mut flags = vec![
        "-all-features".to_owned(),
        format!("-exempt-features={MESH_FEATURES}"),
        format!("-conformance-profiles={PROFILES}"),
        format!("-report-output={}", report.display()),
        "-organization=meridian".into(),
        "-project=meridian".into(),
        "-url=https://meridian.dev".into(),
        format!("-version={}", version()),
        "-contact=https://meridian.dev/contact".into(),
        format!("-usable-address={}", lab::USABLE_ADDRESS),
        format!("-unusable-address={}", lab::UNUSABLE_ADDRESS),
    ];
    flags.extend_from_slice(more);
    flags
}

fn version() -> String {
    format!("v{}", env!("CARGO_PKG_VERSION"))
}

/// Puts the report where Gateway API's own repository has those of everybody, by its name there.
fn write_report(report: &Path) -> anyhow::Result<()> {
    let folder = workspace::root().join("docs/conformance");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let to = folder.join(format!("v1.6.1-experimental-{}-report.yaml", version()));
    let text = std::fs::read_to_string(report).with_context(|| report.display().to_string())?;
    if text.trim().is_empty() {
        bail!("{} is empty", report.display());
    }
    std::fs::write(&to, text).with_context(|| to.display().to_string())?;
    println!("wrote {}", to.display());
    Ok(())
}
