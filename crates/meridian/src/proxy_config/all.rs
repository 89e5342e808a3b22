//! `proxy-config all`

use super::cluster::ClusterView;
use super::dump::Dump;
use super::eds::EdsView;
use super::endpoint::EndpointFilter;
use super::listener::ListenerView;
use super::route::RouteView;
use super::secret::SecretView;
use super::source::SourceArgs;
use super::{View, bootstrap};
use crate::client::output::{self, OutputFormat};
use serde_json::Value;

/// Options of `proxy-config all`
#[derive(clap::Args, Debug)]
pub(super) struct AllArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
    /// Print a heading above each section
    #[arg(long)]
    with_headers: bool,
    /// Only clusters whose host contains this
    #[arg(long, value_name = "TEXT")]
    fqdn: Option<String>,
    /// Only clusters of this direction: outbound or inbound
    #[arg(long, value_name = "DIRECTION")]
    direction: Option<String>,
    /// Only clusters whose subset contains this
    #[arg(long, value_name = "TEXT")]
    subset: Option<String>,
    /// Only clusters, listeners and endpoints of this port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Only listeners and endpoints at this address
    #[arg(long, value_name = "IP")]
    address: Option<String>,
    /// Only listeners of this type: HTTP, TCP, HTTP+TCP or UNKNOWN
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only the route configuration of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Show every filter chain and route
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true,
          action = clap::ArgAction::Set, value_name = "BOOL")]
    verbose: bool,
}

/// The text to print.
///
/// # Errors
/// See [`SourceArgs::answer`].
pub(super) async fn show(args: &AllArgs) -> anyhow::Result<String> {
    if args.output == OutputFormat::Short {
        return Ok(summary(args, &args.source.dump(None).await?));
    }
    // As the proxy said it, under the names that it used.
    let (answer, origin) = args.source.answer().await?;
    Dump::parse(&answer, &origin)?;
    let value: Value = serde_json::from_str(&answer)?;
    Ok(output::messages(&value, args.output))
}

/// All tables.
fn summary(args: &AllArgs, dump: &Dump) -> String {
    let clusters = ClusterView {
        fqdn: args.fqdn.clone(),
        direction: args.direction.clone(),
        port: args.port,
        subset: args.subset.clone(),
    };
    let listeners =
        ListenerView { address: args.address.clone(), port: args.port, kind: args.kind.clone(), verbose: args.verbose };
    let routes = RouteView { name: args.name.clone(), verbose: args.verbose };
    let filter = EndpointFilter { address: args.address.clone(), port: args.port, ..EndpointFilter::default() };
    let sections = [
        ("BOOTSTRAP", bootstrap::summary(dump)),
        ("CLUSTER", clusters.table(dump, true).to_string()),
        ("LISTENER", listeners.table(dump, true).to_string()),
        ("ROUTE", routes.table(dump, true).to_string()),
        ("SECRET", SecretView::default().table(dump, true).to_string()),
        ("ENDPOINTS", EdsView { filter }.table(dump, true).to_string()),
    ];
    let texts = sections
        .map(|(name, text)| if args.with_headers { format!("------ {name} INFO ------\n\n{text}") } else { text });
    texts.join("\n")
}
