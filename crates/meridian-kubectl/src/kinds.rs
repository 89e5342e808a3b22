//! `api-resources`: the kinds that the API has.

use crate::connect::ConnectionArgs;
use crate::error::Result;
use crate::session::Session;
use crate::tabs;

/// Options of `api-resources`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian api-resources
  meridian api-resources --api-group=networking.istio.io
  meridian api-resources --namespaced=false")]
pub struct KindsArgs {
    /// Only kinds of this group; an empty one is that of Services and Secrets
    #[arg(long, value_name = "GROUP")]
    api_group: Option<String>,
    /// Only kinds whose objects are in namespaces, or only the others
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    namespaced: Option<bool>,
    /// Only kinds with these verbs
    #[arg(long, value_name = "VERB", value_delimiter = ',')]
    verbs: Vec<String>,
    /// More columns, or names only
    #[arg(short, long, value_parser = ["wide", "name"], value_name = "FORM")]
    output: Option<String>,
    /// Leave the line of headers out
    #[arg(long)]
    no_headers: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Lists the kinds.
pub(crate) fn run(args: &KindsArgs, session: &mut Session<'_>) -> Result<()> {
    let mut resources = Vec::new();
    for resource in session.discovery.all() {
        let preferred =
            !resources.iter().any(|other: &&crate::discovery::Resource| other.qualified() == resource.qualified());
        let asked = args.api_group.as_ref().is_none_or(|group| *group == resource.group)
            && args.namespaced.is_none_or(|namespaced| namespaced == resource.namespaced)
            && args.verbs.iter().all(|verb| resource.can(verb))
            && !resource.verbs.is_empty();
        if preferred && asked {
            resources.push(resource);
        }
    }
    resources.sort_by(|left, right| (&left.group, &left.plural).cmp(&(&right.group, &right.plural)));
    let mut text = String::new();
    let wide = args.output.as_deref() == Some("wide");
    if args.output.as_deref() == Some("name") {
        resources.iter().for_each(|resource| text.push_str(&format!("{}\n", resource.qualified())));
        return session.io.out(&text);
    }
    if !args.no_headers {
        text.push_str("NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND");
        text.push_str(if wide { "\tVERBS\tCATEGORIES\n" } else { "\n" });
    }
    for resource in resources {
        let short = resource.short_names.join(",");
        let (version, kind) = (resource.api_version(), &resource.kind);
        text.push_str(&format!("{}\t{short}\t{version}\t{}\t{kind}", resource.plural, resource.namespaced));
        if wide {
            text.push_str(&format!("\t{}\t{}", resource.verbs.join(","), resource.categories.join(",")));
        }
        text.push('\n');
    }
    session.io.out(&tabs::align(&text, tabs::TABLE))
}
