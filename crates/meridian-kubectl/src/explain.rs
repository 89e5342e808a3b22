//! `explain`: what the API says about a kind and its fields.

mod text;
mod wrap;

use crate::connect::ConnectionArgs;
use crate::discovery::Resource;
use crate::error::{Error, Result, message};
use crate::schema::Schemas;
use crate::session::Session;

/// Options of `explain`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian explain virtualservices
  meridian explain vs.spec.http.match
  meridian explain gateways.networking.istio.io.spec --recursive")]
pub struct ExplainArgs {
    /// A kind, or a field of it: `vs`, `vs.spec.hosts`
    #[arg(value_name = "KIND[.FIELD...]")]
    words: Vec<String>,
    /// All fields below, without their descriptions
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = clap::ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    recursive: bool,
    /// The kind as this version has it, such as networking.istio.io/v1beta1
    #[arg(long, value_name = "GROUP/VERSION")]
    api_version: Option<String>,
    /// How it is printed
    #[arg(short, long, value_name = "FORM", default_value = "plaintext", value_parser = ["plaintext"])]
    output: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Explains a kind or a field.
pub(crate) async fn run(args: ExplainArgs, session: &mut Session<'_>) -> Result<()> {
    let word = match &args.words[..] {
        [word] => word.trim_end_matches('.'),
        [] => {
            return message(
                "You must specify the type of resource to explain. Use \"meridian api-resources\" for a complete list \
                 of supported resources.\n",
            );
        }
        _ => return message("We accept only this format: explain RESOURCE\n"),
    };
    let (resource, path) = asked(session, word, args.api_version.as_deref())?;
    let document = Schemas::default().document(&mut session.api, &resource).await?;
    let document = document.ok_or_else(|| unknown(&resource))?;
    session.tell_warnings();
    session.io.out(&text::head(&resource))?;
    let text = text::of(&document, &resource, &path, args.recursive)?;
    session.io.out(&text)
}

/// The kind that a word begins with, and the names of the fields after it.
fn asked(session: &Session<'_>, word: &str, api_version: Option<&str>) -> Result<(Resource, Vec<String>)> {
    let (first, rest) = word.split_once('.').unwrap_or((word, ""));
    let found = session.discovery.find_kind(first)?;
    let fields = |rest: &str| -> Vec<String> { rest.split('.').filter(|f| !f.is_empty()).map(str::to_owned).collect() };
    if let Some(api_version) = api_version {
        let mut resource = found.clone();
        (resource.group, resource.version) = match api_version.split_once('/') {
            Some((group, version)) => (group.to_owned(), version.to_owned()),
            None => (String::new(), api_version.to_owned()),
        };
        return Ok((resource, fields(rest)));
    }
    // A group after the kind says which of several kinds of one name is meant.
    let below = |resource: &Resource| {
        let rest = word.strip_prefix(&resource.qualified())?;
        (rest.is_empty() || rest.starts_with('.')).then(|| fields(rest))
    };
    let mut qualified = session.discovery.called(first).filter_map(|resource| Some((resource, below(resource)?)));
    Ok(match qualified.next() {
        Some((resource, fields)) => (resource.clone(), fields),
        None => (found.clone(), fields(rest)),
    })
}

fn unknown(resource: &Resource) -> Error {
    let name = format!("{}/{}, Resource={}", resource.group, resource.version, resource.plural);
    Error::Message(format!("couldn't find resource for {name:?}"))
}
