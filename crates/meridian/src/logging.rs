//! Structured logs on stderr; stdout is for access logs and for what a user asked to see.

use std::io::IsTerminal;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

/// Changes the level of the running process's logs; what the admin endpoint's `/logging` calls.
pub(crate) type LevelHandle = reload::Handle<EnvFilter, tracing_subscriber::Registry>;

/// Starts logging at `level` (`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,meridian_proxy=debug`).
///
/// # Errors
/// `level` is not a filter.
pub(crate) fn start(level: &str) -> anyhow::Result<LevelHandle> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        anyhow::anyhow!(
            "--log-level: found {level:?} ({error}), allowed: error, warn, info, debug, trace, or a list such as info,meridian_proxy=debug"
        )
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(handle)
}
