//! `meridian proxy-config`: what a proxy is configured to do, as `istioctl proxy-config` shows it.
//!
//! Everything is computed from what the proxy's admin endpoint answers, or from a file that holds such an answer, so it
//! works for any Envoy too.

mod address;
mod all;
pub(crate) mod api;
mod args;
mod bootstrap;
mod cluster;
pub(crate) mod dump;
mod eds;
mod endpoint;
pub(crate) mod json;
mod listener;
mod route;
mod secret;
mod source;
mod subset_key;
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub(crate) use args::ProxyConfigArgs;

use crate::client::output::{self, OutputFormat};
use args::{Command, SectionArgs};
use dump::Dump;
use serde_json::Value;
use table::Table;

/// Where the whole configuration is, endpoints included.
pub(crate) const CONFIG_DUMP: &str = "/config_dump?include_eds";

/// One kind of configuration and how it is shown.
trait View {
    /// Where the admin endpoint tells more of it than its config dump does.
    const PREFERRED: Option<&'static str> = None;

    /// The summary. With `kinds`, names begin with what they are the name of, such as `route/`.
    fn table(&self, dump: &Dump, kinds: bool) -> Table;

    /// The messages themselves.
    fn messages(&self, dump: &Dump) -> Value;
}

/// Runs the command.
///
/// # Errors
/// The proxy is not known or does not answer, or what it answers is no configuration; the message says what to do.
pub(crate) async fn run(args: ProxyConfigArgs) -> anyhow::Result<()> {
    let text = match args.command {
        Command::Cluster(args) => show(&args).await?,
        Command::Listener(args) => show(&args).await?,
        Command::Route(args) => show(&args).await?,
        Command::Endpoint(args) => show(&args).await?,
        Command::Eds(args) => show(&args).await?,
        Command::Secret(args) => show(&args).await?,
        Command::All(args) => all::show(&args).await?,
    };
    output::print(&text)
}

async fn show<V: View + clap::Args>(args: &SectionArgs<V>) -> anyhow::Result<String> {
    let dump = args.source.dump(V::PREFERRED).await?;
    Ok(match args.output {
        OutputFormat::Short => args.view.table(&dump, false).to_string(),
        format => output::messages(&args.view.messages(&dump), format),
    })
}
