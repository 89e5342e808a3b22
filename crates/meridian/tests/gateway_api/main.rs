//! The cases of the Gateway API conformance suite that need no Kubernetes, on the embedded API: the suite's manifests
//! are applied with kubectl, its echo servers run beside, and its requests and statuses are expected.
#![allow(clippy::unwrap_used)]

mod backends;
mod certificates;
mod manifests;
mod meridian;
mod oracle;
mod requests;
mod statuses;

use backends::Backends;
use manifests::Manifests;
use meridian::Meridian;
use oracle::{Case, Oracle};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in the network namespace in which the test runs again.
const INSIDE: &str = "MERIDIAN_TEST_INSIDE_NAMESPACE";

#[test]
fn the_suite_s_cases_pass_on_the_embedded_api() {
    let Some(needs) = Needs::find() else { return };
    if std::env::var_os(INSIDE).is_some() {
        return run(&needs);
    }
    let again = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_suite_s_cases_pass_on_the_embedded_api", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare is installed");
    assert!(again.success(), "see above");
}

/// What the test needs from outside the project.
struct Needs {
    oracle: PathBuf,
    echo: PathBuf,
}

impl Needs {
    /// Says loudly what is missing, which fails where CI is set.
    fn find() -> Option<Needs> {
        let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles/gateway-api-v1.6.1");
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
        let echo = cache.unwrap_or_default().join("meridian/kube-bin/echo-basic");
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let mut missing = Vec::new();
        for (there, what) in [
            (oracle.is_dir(), "../shared/oracles"),
            (echo.is_file(), "echo-basic (cargo xtask setup builds it)"),
            (root, "root, for a network namespace"),
        ] {
            if !there {
                missing.push(what);
            }
        }
        if missing.is_empty() {
            return Some(Needs { oracle, echo });
        }
        assert!(std::env::var_os("CI").is_none(), "CI is set, and this is missing: {missing:?}");
        eprintln!("\n*** SKIPPED: Gateway API on the embedded API; missing: {missing:?} ***\n");
        None
    }
}

fn run(needs: &Needs) {
    for arguments in ["link set lo up", "route add local 10.0.0.0/8 dev lo"] {
        let done = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is installed");
        assert!(done.success(), "ip {arguments}");
    }
    let oracle = Oracle::read(&needs.oracle);
    let only = std::env::var("MERIDIAN_TEST_ONLY").ok();
    let meridian = Meridian::start();
    let certificates = certificates::Certificates::make();
    let mut backends = Backends::new(&needs.echo, certificates.folder());
    let base = Manifests::read_all(&[needs.oracle.join("base-manifests.yaml")]);
    meridian.apply(&certificates.namespaces());
    meridian.apply(&certificates.objects);
    backends.start(&meridian, &base);
    meridian.apply(&base.objects);
    let mut failed = Vec::new();
    let (mut passed, mut requests) = (0, 0);
    for case in oracle.cases.iter().filter(|case| only.as_ref().is_none_or(|only| *only == case.test)) {
        match run_case(&meridian, &mut backends, &base, &certificates, case) {
            Ok(answered) => {
                passed += 1;
                requests += answered;
                println!("passed  {} ({answered} requests)", case.test);
            }
            Err(reason) => {
                println!("FAILED  {}: {reason}", case.test);
                failed.push(case.test.clone());
            }
        }
    }
    println!("left out {}: {:?}", oracle.left_out.len(), oracle.left_out);
    println!("{passed} passed with {requests} requests, {} failed: {failed:?}", failed.len());
    assert!(failed.is_empty(), "{failed:?}; the end of the log:\n{}", meridian.end_of_log());
    assert!(only.is_some() || passed >= 95, "only {passed} cases were found");
}

/// How many requests were answered as expected; or what was not.
fn run_case(
    meridian: &Meridian,
    backends: &mut Backends,
    base: &Manifests,
    certificates: &certificates::Certificates,
    case: &Case,
) -> Result<usize, String> {
    let own = Manifests::read_all(&case.manifests);
    let started = backends.start(meridian, &own);
    meridian.apply(&own.objects);
    let result =
        statuses::check(meridian, case).and_then(|()| requests::check(meridian, &base.and(&own), certificates, case));
    meridian.delete(&own.objects);
    backends.stop(started);
    result
}
