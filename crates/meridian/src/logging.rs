//! Structured logs on stderr; stdout is for access logs and for what a user asked to see.

use std::io::IsTerminal;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

/// Starts logging, and lets the admin endpoint's `/logging` change it. Begins at `level` (`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,meridian_proxy=debug`).
///
/// # Errors
/// `level` is not a filter.
pub(crate) fn start(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        anyhow::anyhow!(
            "--log-level: found {level:?} ({error}), allowed: error, warn, info, debug, trace, or a list such as info,meridian_proxy=debug"
        )
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
    let change = move |directives: &str| {
        let filter = EnvFilter::try_new(directives).map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())
    };
    meridian_proxy::admin::logging::install(level, Box::new(change));
    Ok(())
}
