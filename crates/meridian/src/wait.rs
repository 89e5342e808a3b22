//! `meridian wait`: until the proxy of this pod is ready; the hook of a workload that is not to begin before it.

use crate::client::http;
use anyhow::bail;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Options of `meridian wait`
#[derive(clap::Args, Debug)]
pub(crate) struct WaitArgs {
    /// Where the proxy says whether it is ready
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:15021")]
    address: String,

    /// How long to wait, in seconds
    #[arg(long = "timeoutSeconds", alias = "timeout", value_name = "SECONDS", default_value = "60", value_parser = crate::up::seconds)]
    timeout: Duration,

    /// How long to wait between questions, in milliseconds
    #[arg(long = "periodMillis", alias = "period", value_name = "MILLISECONDS", default_value_t = 500)]
    period: u64,
}

/// Asks until the answer is 200.
///
/// # Errors
/// It was not in time.
pub(crate) async fn run(args: WaitArgs) -> anyhow::Result<()> {
    let end = Instant::now() + args.timeout;
    let mut last = "it was not asked".to_owned();
    while Instant::now() < end {
        let left = end.saturating_duration_since(Instant::now());
        match timeout(left, http::get(&args.address, "/healthz/ready")).await {
            Ok(Ok(answer)) if answer.status.is_success() => return Ok(()),
            Ok(Ok(answer)) => last = format!("it answers {}", answer.status),
            Ok(Err(error)) => last = format!("{error:#}"),
            Err(_) => break,
        }
        sleep(Duration::from_millis(args.period).min(left)).await;
    }
    bail!("the proxy at {} is not ready after {:?}: {last}", args.address, args.timeout)
}
