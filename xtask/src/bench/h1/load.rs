//! Loads: what `wrk` sends, and what the origin answers.

use super::{H1Args, HOST};
use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A kind of request.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// GET with a small JSON body in the answer
    Get,
    /// GET with 64 KiB in the answer
    Get64k,
    /// POST of 16 KiB with a small answer
    Post16k,
}

/// The answer to small requests.
pub(in crate::bench) const SMALL: &str =
    r#"{"id":4711,"name":"widget","price":"19.99","tags":["blue","round"],"stock":{"berlin":12,"lyon":0}}"#;
/// Bytes of the large answer.
pub(super) const LARGE: usize = 64 * 1024;
const POSTED: usize = 16 * 1024;

impl Load {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Get64k => "get-64k",
            Self::Post16k => "post-16k",
        }
    }

    /// The path whose answer the load wants.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Get => "/small",
            Self::Get64k => "/large",
            Self::Post16k => "/small?post",
        }
    }

    /// Bytes of the answer's body.
    pub(super) const fn body_len(self) -> usize {
        match self {
            Self::Get64k => LARGE,
            Self::Get | Self::Post16k => SMALL.len(),
        }
    }

    /// Writes what `wrk` needs for this load into `folder`.
    pub(super) fn prepare(self, folder: &Path, args: &H1Args) -> anyhow::Result<Wrk> {
        let script = folder.join(format!("{}.lua", self.name()));
        let post = format!("wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", {POSTED})\n");
        let common = format!("wrk.headers[\"Host\"] = \"{HOST}\"\nwrk.headers[\"User-Agent\"] = \"wrk\"\n");
        let text = if self == Self::Post16k { post + &common } else { common };
        std::fs::write(&script, text).with_context(|| script.display().to_string())?;
        Ok(Wrk { script, path: self.path(), connections: args.connections, core: args.load_core })
    }
}

/// `wrk`, ready for one load.
pub(super) struct Wrk {
    script: PathBuf,
    path: &'static str,
    connections: u32,
    core: u32,
}

/// What one run of `wrk` counted.
#[derive(Debug, PartialEq)]
pub(in crate::bench) struct Counted {
    pub(in crate::bench) requests: u64,
    /// Requests in one second.
    pub(in crate::bench) rate: f64,
}

impl Wrk {
    /// Loads `address` for some seconds.
    ///
    /// # Errors
    /// Any request failed: a benchmark of failures says nothing.
    pub(super) fn run(&self, address: SocketAddr, seconds: u32) -> anyhow::Result<Counted> {
        let mut command = Command::new("taskset");
        command
            .args(["-c", &self.core.to_string(), "wrk", "-t1", &format!("-c{}", self.connections)])
            .args([&format!("-d{seconds}s"), "-s"])
            .arg(&self.script)
            .arg(format!("http://{address}{}", self.path));
        let text = crate::workspace::output(&mut command)?;
        parse(&text)
    }
}

/// Reads `wrk`'s report.
pub(in crate::bench) fn parse(text: &str) -> anyhow::Result<Counted> {
    for line in text.lines().map(str::trim) {
        if line.starts_with("Socket errors:") || line.starts_with("Non-2xx") {
            bail!("{line}");
        }
    }
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    let (requests, rate) = requests.zip(rate).with_context(|| format!("wrk did not report its requests: {text}"))?;
    ensure!(requests > 0, "wrk made no request");
    Ok(Counted { requests, rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Running 3s test @ http://127.0.0.1:8080/small\n  1 threads and 64 connections\n\
        \x20 Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     1.27ms  210.11us   6.24ms   89.64%\n\
        \x20 150423 requests in 3.00s, 42.47MB read\nRequests/sec:  50121.40\nTransfer/sec:     14.15MB\n";

    #[test]
    fn a_report_without_failures() {
        assert_eq!(parse(REPORT).unwrap(), Counted { requests: 150_423, rate: 50_121.4 });
    }

    #[test]
    fn failures_are_not_measured() {
        for failure in ["  Socket errors: connect 0, read 3, write 0, timeout 0", "  Non-2xx or 3xx responses: 17"] {
            let text = REPORT.replace("Requests/sec:", &format!("{failure}\nRequests/sec:"));
            assert_eq!(parse(&text).unwrap_err().to_string(), failure.trim());
        }
        assert!(parse("unable to connect").is_err());
    }
}
