//! A clock that jumps: back by a day, forward by most of a year, and back again.

use crate::support::{Meridian, PATIENCE, eventually, loopback};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// A clock of the program's own, which a file sets. `libfaketime` reads it at every look at the clock, and leaves the
/// monotonic clock alone.
struct Clock {
    file: PathBuf,
    library: String,
}

impl Clock {
    /// Nothing when the library is not there, which is a failure in CI.
    fn new(dir: &Path) -> Option<Clock> {
        let library = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
            .map(|folder| format!("{folder}/faketime/libfaketimeMT.so.1"))
            .into_iter()
            .find(|library| Path::new(library).exists());
        let Some(library) = library else {
            let message = "SKIPPED: no libfaketime; cargo xtask setup installs it";
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        };
        Some(Clock { file: dir.join("clock"), library })
    }

    /// Sets the clock to an offset of the machine's, such as `-1d`.
    fn jump(&self, offset: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(&new, &self.file).unwrap();
    }

    /// The variables of programs that live by this clock.
    fn variables(&self) -> [(&str, &str); 5] {
        [
            ("LD_PRELOAD", &*self.library),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ]
    }

    fn start(&self, data: &Path, address: IpAddr) -> Meridian {
        let meridian = Meridian::spawn_with(data, address, &[], &self.variables());
        meridian.wait_for_log("ready");
        meridian
    }

    /// Whether `meridian get` on a machine with this clock, and with the kubeconfig of the data folder, shows an object;
    /// what it says where it does not.
    fn shows(&self, meridian: &Meridian, object: &str) -> Result<(), String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
        command.args(["get", object, "-o", "name", "--kubeconfig"]).arg(meridian.data.join("kubeconfig"));
        let output = command.envs(self.variables()).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: \"{value}\"}}\n")
}

/// Creation time and revision of an object.
fn seen(meridian: &Meridian, name: &str) -> (jiff::Timestamp, u64) {
    let (status, object) = meridian.call("GET", &format!("/api/v1/namespaces/default/configmaps/{name}"), None);
    assert_eq!(status, 200, "{object}");
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("creationTimestamp").parse().unwrap(), text("resourceVersion").parse().unwrap())
}

/// Revisions and watches do not look at the clock, and what does is not hurt by it.
#[test]
fn a_clock_that_jumps_hurts_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(clock) = Clock::new(scratch.path()) else { return };
    // One address: the API's certificate is made anew for another, at the time that the clock shows then.
    let (data, address) = (scratch.path().join("data"), loopback());
    clock.jump("+0");
    let mut meridian = clock.start(&data, address);
    let mut watch = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(data.join("kubeconfig"))
        .args([
            "get",
            "configmaps",
            "--watch-only",
            "--output-watch-events",
            "-o",
            "jsonpath={.object.metadata.name}{\"\\n\"}",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, events) = mpsc::channel();
    let output = BufReader::new(watch.stdout.take().unwrap());
    std::thread::spawn(move || output.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    // The watch runs when it tells of an object that is changed until then.
    let mut turn = 0;
    let first = loop {
        meridian.applied(&config_map("first", &turn.to_string()));
        turn += 1;
        match events.recv_timeout(std::time::Duration::from_millis(200)) {
            Ok(line) => break line,
            Err(_) => assert!(turn < 100, "the watch tells nothing; log:\n{}", meridian.log()),
        }
    };
    assert_eq!(first, "first");

    let day = 24 * 3600;
    let mut last = seen(&meridian, "first");
    for (name, offset, jumped) in [("b", "-1d", -day), ("c", "+300d", 301 * day), ("d", "+0", -300 * day)] {
        clock.jump(offset);
        meridian.applied(&config_map(name, offset));
        meridian.applied(&config_map(name, "changed"));
        let now = seen(&meridian, name);
        assert!(now.1 > last.1, "{name}: revision {} after {}", now.1, last.1);
        let moved = now.0.as_second() - last.0.as_second();
        assert!((moved - jumped).abs() < 3600, "{name}: the clock moved by {moved} s");
        last = now;
        // Every object is told of when it is created and when it is changed.
        for _ in 0..2 {
            let told = loop {
                match events.recv_timeout(PATIENCE).expect("the watch goes on") {
                    line if line == "first" => {}
                    line => break line,
                }
            };
            assert_eq!(told, name);
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    meridian.kill();
    // It starts at another time than that of its newest object, too.
    for offset in ["-1d", "+300d"] {
        clock.jump(offset);
        let mut meridian = clock.start(&data, address);
        assert_eq!(seen(&meridian, "d"), last);
        let name = format!("after{}", offset.trim_start_matches(['-', '+']));
        meridian.applied(&config_map(&name, "1"));
        let output = meridian.kubectl(["delete", "configmap", &name, "--timeout=20s"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        meridian.kill();
    }
}

/// The user whom the API sees behind a token, by kubectl with the machine's own clock.
fn user_of(meridian: &Meridian, token: &str) -> Result<String, String> {
    let server = format!("https://{}:16443", meridian.address);
    let mut command = Command::new("kubectl");
    command.args(["--kubeconfig=/dev/null", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    command.args(["--server", &server, "--token", token, "--certificate-authority"]);
    let output = command.arg(meridian.data.join("pki/ca.crt")).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn token(meridian: &Meridian) -> String {
    let output = meridian.kubectl(["create", "token", "reader", "--duration=1h"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Everything that the API has issued is out of date at once, and nobody restarts anything: certificates are made anew,
/// tokens are asked for again, and what was made meanwhile counts when the clock is right again.
#[test]
fn a_clock_a_year_ahead_locks_nobody_out() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(clock) = Clock::new(scratch.path()) else { return };
    let (data, address) = (scratch.path().join("data"), loopback());
    clock.jump("+0");
    let mut meridian = clock.start(&data, address);
    meridian.applied(&config_map("first", "1"));
    meridian.applied("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader}\n");
    let reader = "system:serviceaccount:default:reader";
    let early = token(&meridian);
    assert_eq!(user_of(&meridian, &early).as_deref(), Ok(reader));

    clock.jump("+400d");
    let shown = || clock.shows(&meridian, "configmap/first").ok();
    eventually("the API a year later", shown, || format!("{:?}", clock.shows(&meridian, "configmap/first")));
    let said = user_of(&meridian, &early).unwrap_err();
    assert!(said.contains("You must be logged in to the server"), "{said}");
    let late = token(&meridian);
    assert_eq!(user_of(&meridian, &late).as_deref(), Ok(reader));

    // kubectl has the machine's clock, by which everything was made in the future.
    clock.jump("+0");
    meridian.applied(&config_map("second", "1"));
    assert_eq!(clock.shows(&meridian, "configmap/second"), Ok(()));
    assert_eq!(user_of(&meridian, &early).as_deref(), Ok(reader), "its time has not come yet");
    assert_eq!(user_of(&meridian, &token(&meridian)).as_deref(), Ok(reader));
    meridian.kill();

    // The first start ever, on a machine whose clock is ahead until somebody sets it.
    let (data, address) = (scratch.path().join("new"), loopback());
    clock.jump("+400d");
    let mut meridian = clock.start(&data, address);
    meridian.applied(&config_map("third", "1"));
    clock.jump("+0");
    meridian.applied(&config_map("fourth", "1"));
    meridian.kill();
    let meridian = clock.start(&data, address);
    assert_eq!(clock.shows(&meridian, "configmap/third"), Ok(()));
    let output = meridian.kubectl(["get", "configmap", "third", "fourth", "-o", "name"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "configmap/third\nconfigmap/fourth\n");
}
