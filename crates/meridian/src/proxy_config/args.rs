//! The command line.

use super::all::AllArgs;
use super::cluster::ClusterView;
use super::eds::EdsView;
use super::endpoint::EndpointView;
use super::listener::ListenerView;
use super::route::RouteView;
use super::secret::SecretView;
use super::source::SourceArgs;
use crate::client::output::OutputFormat;

/// Options of `meridian proxy-config`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian proxy-config listener ingressgateway
  meridian pc route ingressgateway.istio-system --name http.8080 -o json
  meridian pc cluster --admin 127.0.0.1:15000 --fqdn httpbin
  curl -s 127.0.0.1:15000/config_dump?include_eds | meridian pc all -f -")]
pub(crate) struct ProxyConfigArgs {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to show.
#[derive(clap::Subcommand, Debug)]
pub(super) enum Command {
    /// Show clusters
    #[command(visible_aliases = ["clusters", "c"])]
    Cluster(SectionArgs<ClusterView>),
    /// Show listeners and what their filter chains match and lead to
    #[command(visible_aliases = ["listeners", "l"])]
    Listener(SectionArgs<ListenerView>),
    /// Show routes and the VirtualServices behind them
    #[command(visible_aliases = ["routes", "r"])]
    Route(SectionArgs<RouteView>),
    /// Show endpoints as they are in use: names resolved, with their health
    #[command(visible_aliases = ["endpoints", "ep"])]
    Endpoint(SectionArgs<EndpointView>),
    /// Show endpoints as they are configured, with their localities
    Eds(SectionArgs<EdsView>),
    /// Show secrets and how long their certificates are valid
    #[command(visible_aliases = ["secrets", "s"])]
    Secret(SectionArgs<SecretView>),
    /// Show everything
    #[command(visible_alias = "a")]
    All(AllArgs),
}

/// Options of one section.
#[derive(clap::Args, Debug)]
pub(super) struct SectionArgs<V: clap::Args> {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) view: V,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: OutputFormat,
}
