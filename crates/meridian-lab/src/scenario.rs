//! A scenario: its folder, the run of its check, and the verdict.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::definition;
use crate::error::{Doing, Error};
use crate::interrupt::Interrupt;
use crate::lab::Lab;
use crate::plan::site::Site;
use crate::plan::{CLIENT, Plan, Shape, network};
use crate::{program, stale, tool};

/// How long a check may take.
pub const CHECK_LIMIT: Duration = Duration::from_secs(300);
/// The helpers that checks source; the folder that holds them is `$SCENARIOS`.
const HELPERS: &str = "lib.sh";

/// A scenario's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    folder: PathBuf,
    helpers: PathBuf,
}

/// What to do beside running the check.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mode {
    /// Keep the lab up instead of running the check.
    pub shell: bool,
    /// Keep the lab up after the check.
    pub keep: bool,
    /// Make every gateway a process of its own, also where nothing else asks for it.
    pub apart: bool,
}

/// How runs are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `meridian` binary.
    pub meridian: PathBuf,
    /// Proxies are this Envoy, each a process of its own, and have to take everything that they are sent.
    pub envoy: Option<PathBuf>,
    /// Where the folder of every run is made. It stays when the run fails.
    pub logs: PathBuf,
    /// What to do beside running the check.
    pub mode: Mode,
}

/// The verdict on one run.
#[derive(Debug)]
pub struct Outcome {
    /// The scenario's name.
    pub name: String,
    /// How long the run took.
    pub took: Duration,
    /// Why it did not pass.
    pub failure: Option<Error>,
    /// The logs, when it did not pass.
    pub logs: Option<PathBuf>,
}

impl Scenario {
    /// Finds the parts of the scenario in `folder`, and `lib.sh` in one of the folders above, else in one of `elsewhere`.
    ///
    /// # Errors
    /// [`Error::NotAScenario`] with what is missing.
    pub fn find(folder: &Path, elsewhere: &[PathBuf]) -> Result<Self, Error> {
        let lacks = |missing: String| Error::NotAScenario { folder: folder.to_owned(), missing };
        let absolute = fs::canonicalize(folder).map_err(|e| lacks(e.to_string()))?;
        for file in ["lab.yaml", "config.yaml", "check.sh"] {
            if !absolute.join(file).is_file() {
                return Err(lacks(format!("no {file}; a scenario has lab.yaml, config.yaml and check.sh")));
            }
        }
        let above = absolute.ancestors().skip(1).map(Path::to_owned);
        let helpers = above.chain(elsewhere.iter().cloned()).find(|folder| folder.join(HELPERS).is_file());
        let helpers =
            helpers.ok_or_else(|| lacks(format!("no {HELPERS} in any folder above; name its folder in SCENARIOS")))?;
        let helpers = fs::canonicalize(&helpers).doing("find", &helpers)?;
        Ok(Self { folder: absolute, helpers })
    }

    /// The name of the folder.
    #[must_use]
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Builds the lab, applies the configuration, runs the check, and takes everything away.
    #[must_use]
    pub fn run(&self, settings: &Settings, interrupt: &Interrupt) -> Outcome {
        let start = Instant::now();
        let prefix = stale::new_prefix();
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let folder = settings.logs.join(format!("{}-{time}-{prefix}", self.name()));
        let failure = self.try_run(settings, interrupt, prefix, &folder).err();
        if failure.is_none() {
            let _ = fs::remove_dir_all(&folder);
        }
        Outcome {
            name: self.name(),
            took: start.elapsed(),
            logs: (failure.is_some() && folder.exists()).then_some(folder),
            failure,
        }
    }

    fn try_run(&self, settings: &Settings, interrupt: &Interrupt, prefix: String, folder: &Path) -> Result<(), Error> {
        let definition = self.folder.join("lab.yaml");
        let text = fs::read_to_string(&definition).doing("read", &definition)?;
        let least = if settings.mode.apart || settings.envoy.is_some() { Shape::Apart } else { Shape::Together };
        let plan = Plan::new(&definition::Lab::from_str(&text)?, least)?;
        fs::create_dir_all(folder).doing("create", folder)?;
        // Programs of the lab run in other folders than the runner.
        let folder = fs::canonicalize(folder).doing("find", folder)?;
        let meridian = fs::canonicalize(&settings.meridian).doing("find", &settings.meridian)?;
        let envoy = settings.envoy.clone();
        let site = Site { prefix, folder, meridian, envoy, scenarios: self.helpers.clone() };
        let mut lab = Lab::new(plan, site, interrupt);
        let verdict = self.build_and_check(&mut lab, settings.mode, interrupt);
        if !matches!(verdict, Ok(()) | Err(Error::Interrupted)) {
            lab.diagnose();
        }
        if settings.mode.shell || settings.mode.keep {
            if let Err(e) = &verdict {
                eprintln!("{}: {e}", self.name());
            }
            hold(&lab, interrupt)?;
        }
        verdict
    }

    fn build_and_check(&self, lab: &mut Lab, mode: Mode, interrupt: &Interrupt) -> Result<(), Error> {
        lab.build()?;
        self.apply(lab)?;
        if mode.shell { Ok(()) } else { self.check(lab, interrupt) }
    }

    /// Applies `config.yaml`, unless it is empty, which `kubectl` would refuse.
    fn apply(&self, lab: &Lab) -> Result<(), Error> {
        let file = self.folder.join("config.yaml");
        let text = fs::read_to_string(&file).doing("read", &file)?;
        let says_something = |line: &str| !line.is_empty() && !line.starts_with('#') && line != "---";
        if text.lines().map(str::trim).any(says_something) { lab.apply(&file) } else { Ok(()) }
    }

    /// Runs `check.sh` as the client.
    fn check(&self, lab: &mut Lab, interrupt: &Interrupt) -> Result<(), Error> {
        let words = ["bash".to_owned(), self.folder.join("check.sh").display().to_string()];
        let (out, err) = (lab.site().folder.join("check.out"), lab.site().folder.join("check.err"));
        let mut child = lab.start_check(CLIENT, &words, &out, &err)?;
        let ended = interrupt.wait(CHECK_LIMIT, || child.try_wait().doing("wait for", &out));
        // The check's own background processes go with it.
        program::signal_group(&child, Signal::KILL);
        let _ = child.wait();
        let status =
            ended?.ok_or_else(|| Error::Check(format!("check.sh did not end within {} s", CHECK_LIMIT.as_secs())))?;
        if !status.success() {
            return Err(Error::Check(reason(status, &err)));
        }
        lab.check_programs()?;
        lab.check_envoys()
    }
}

/// Why a check failed, in one line: the last `FAIL:` that it wrote, else its last line.
fn reason(status: ExitStatus, errors: &Path) -> String {
    let text = fs::read(errors).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match text.lines().rfind(|line| line.starts_with("FAIL:")) {
        Some(line) => line.to_owned(),
        None => format!("check.sh ended with {status}: {}", tool::last_line(errors)),
    }
}

/// Says how to enter the lab, and keeps it until a signal comes.
fn hold(lab: &Lab, interrupt: &Interrupt) -> Result<(), Error> {
    let file = lab.site().folder.join("environment");
    fs::write(&file, exports(lab)).doing("write", &file)?;
    // Whoever has stopped reading does not want it.
    let _ = io::stdout().write_all(entrance(lab, &file).as_bytes());
    loop {
        match interrupt.wait(Duration::from_secs(3600), || Ok(None::<()>)) {
            Err(Error::Interrupted) => return Ok(()),
            other => other?,
        };
    }
}

/// How to enter the lab, whose variables are in the file `environment`.
fn entrance(lab: &Lab, environment: &Path) -> String {
    let namespace = |space: &str| network::namespace(&lab.site().prefix, space);
    let others = lab.plan().spaces.iter().filter(|space| space.name != CLIENT);
    let others: String = others.map(|space| format!("    {}\n", namespace(&space.name))).collect();
    format!(
        "The lab is up. To be the client:\n    . {} && ip netns exec {} bash\nIts other namespaces:\n{others}\
         Logs are in {}. Ctrl-C ends it.\n",
        environment.display(),
        namespace(CLIENT),
        lab.site().folder.display()
    )
}

/// The check's variables for a shell to read.
fn exports(lab: &Lab) -> String {
    let mut text = String::new();
    for (name, value) in lab.site().variables(lab.plan()) {
        writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''")).expect("writing to a string cannot fail");
    }
    text
}

impl Outcome {
    /// Whether it passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failure.is_none()
    }
}

impl std::fmt::Display for Outcome {
    /// One line: the name, the verdict, the reason and where the logs are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, took, failure, logs } = self;
        let seconds = took.as_secs_f64();
        match failure {
            None => write!(f, "{name}: passed in {seconds:.1} s"),
            Some(e) => {
                write!(f, "{name}: FAILED after {seconds:.1} s: {}", tool::one_line(&e.to_string()))?;
                logs.as_ref().map_or(Ok(()), |logs| write!(f, "; logs in {}", logs.display()))
            }
        }
    }
}
