//! Loads: handshakes by `openssl s_time`, requests by `wrk`.

use super::TlsArgs;
use crate::bench::h1::load::parse;
use crate::workspace::output;
use anyhow::{Context, ensure};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// What is counted.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Connections with a full handshake each, without a request
    Handshakes,
    /// Small GETs over connections that stay open
    Requests,
}

impl Load {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::Requests => "requests",
        }
    }

    /// Loads `address` for some seconds. How many there were.
    ///
    /// # Errors
    /// Any failed.
    pub(super) fn run(self, address: SocketAddr, args: &TlsArgs, seconds: u32) -> anyhow::Result<u64> {
        let core = args.load_core.to_string();
        if self == Self::Requests {
            let mut command = Command::new("taskset");
            command.args(["-c", &core, "wrk", "-t1", &format!("-c{}", args.connections), &format!("-d{seconds}s")]);
            return Ok(parse(&output(command.arg(format!("https://{address}/small")))?)?.requests);
        }
        let client = || {
            let mut command = Command::new("taskset");
            command.args(["-c", &core, "openssl", "s_time", "-new", "-time", &seconds.to_string()]);
            command.args(["-connect", &address.to_string()]).stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("openssl s_time")
        };
        let clients = (0..args.clients).map(|_| client()).collect::<anyhow::Result<Vec<_>>>()?;
        let mut total = 0;
        for client in clients {
            let output = client.wait_with_output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "openssl s_time: {text}{errors}");
            total += connections(&text).with_context(|| format!("openssl s_time did not report: {text}{errors}"))?;
        }
        ensure!(total > 0, "openssl s_time made no connection");
        Ok(total)
    }
}

/// Reads `1234 connections in 5 real seconds, 0 bytes read per connection`.
fn connections(text: &str) -> Option<u64> {
    text.lines().find(|line| line.contains(" real seconds"))?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_s_time() {
        let text = "Collecting connection statistics for 2 seconds\n***\n\n412 connections in 0.37s; 1113.51 \
                    connections/user sec, bytes read 0\n412 connections in 3 real seconds, 0 bytes read per connection\n";
        assert_eq!(connections(text), Some(412));
        assert_eq!(connections("ERROR"), None);
    }
}
