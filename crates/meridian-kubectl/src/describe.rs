//! `describe`: an object for people, with what happened to it.

mod fields;
mod kinds;

use crate::age;
use crate::api::{Api, JSON, Target};
use crate::columns::go_text;
use crate::connect::ConnectionArgs;
use crate::discovery::Resource;
use crate::error::{Error, Result};
use crate::files::FileArgs;
use crate::json;
use crate::select::select;
use crate::session::{Session, place_of};
use crate::tabs;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Options of `describe`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian describe vs httpbin
  meridian describe gateways -n istio-system
  meridian describe secret httpbin-credential")]
pub struct DescribeArgs {
    /// Kinds and names, or beginnings of names: `vs httpbin`, `vs/httpbin`, `vs`
    #[arg(value_name = "KIND [NAME] | KIND/NAME")]
    words: Vec<String>,
    #[command(flatten)]
    files: FileArgs,
    /// The objects of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Show the Events of the object, too
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true,
        action = clap::ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    show_events: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Describes objects.
pub(crate) async fn run(args: DescribeArgs, session: &mut Session<'_>) -> Result<()> {
    let mut objects = Vec::new();
    let mut errors = Vec::new();
    if args.files.is_empty() {
        for selected in select(&session.discovery, &args.words)? {
            let namespaced = selected.resource.namespaced && !args.all_namespaces;
            let namespace = namespaced.then(|| session.namespace.clone());
            let found = find(&args, &mut session.api, &selected.resource, namespace, selected.name.as_deref()).await;
            match found {
                Ok(found) => objects.extend(found.into_iter().map(|object| (selected.resource.clone(), object))),
                Err(error) => errors.push(error),
            }
        }
    } else {
        let (named, bad) = session.named(&args.files, &args.words).await?;
        errors = bad;
        for (resource, namespace, name) in named {
            match session.api.get(&resource.target(namespace.as_deref(), Some(&name)), JSON).await {
                Ok(object) => objects.push((resource, object)),
                Err(error) => errors.push(error),
            }
        }
    }
    session.tell_warnings();
    if objects.is_empty() && errors.is_empty() {
        let namespace = session.namespace.clone();
        session.io.tell(&format!("No resources found in {namespace} namespace."));
    }
    for (index, (resource, object)) in objects.iter().enumerate() {
        if index > 0 {
            session.io.out("\n\n")?;
        }
        let own = kinds::own(&mut session.api, resource, object).await;
        let short = own.as_ref().is_some_and(|own| own.short);
        let events = if args.show_events && !short { events(&mut session.api, object).await } else { None };
        let nothing_else = match resource.kind.as_str() {
            "Namespace" if resource.group.is_empty() => limits(&mut session.api, place_of(object).1).await,
            _ => String::new(),
        };
        session.io.out(&(description(resource, object, own, events.as_deref()) + &nothing_else))?;
    }
    Error::all(errors)
}

/// One object by its name, those whose names begin so, or all.
async fn find(
    args: &DescribeArgs,
    api: &mut Api,
    resource: &Resource,
    namespace: Option<String>,
    name: Option<&str>,
) -> Result<Vec<Value>> {
    let namespace = namespace.as_deref();
    let missing = match name {
        Some(name) => match api.get(&resource.target(namespace, Some(name)), JSON).await {
            Ok(object) => return Ok(vec![object]),
            Err(error) if error.is_not_found() => Some(error),
            Err(error) => return Err(error),
        },
        None => None,
    };
    let target = resource.target(namespace, None).with("labelSelector", args.selector.as_deref().unwrap_or_default());
    let list = api.get(&target, JSON).await?;
    let mut found: Vec<Value> = list["items"].as_array().cloned().unwrap_or_default();
    found.retain(|object| name.is_none_or(|name| place_of(object).1.starts_with(name)));
    for object in &mut found {
        if let Some(fields) = object.as_object_mut() {
            fields.entry("apiVersion").or_insert_with(|| resource.api_version().into());
            fields.entry("kind").or_insert_with(|| resource.kind.clone().into());
        }
    }
    match missing {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// The Events of an object, oldest first; nothing where the API has none, or does not show them.
async fn events(api: &mut Api, object: &Value) -> Option<Vec<Value>> {
    let (namespace, name) = place_of(object);
    let selector = format!("involvedObject.name={name},involvedObject.uid={}", json::text(object, "/metadata/uid"));
    // Events of objects without a namespace are in `default`.
    let target = Target::new(format!("/api/v1/namespaces/{}/events", namespace.unwrap_or("default")));
    let list = api.get(&target.with("fieldSelector", &selector), JSON).await.ok()?;
    let mut events = list["items"].as_array().cloned().unwrap_or_default();
    events.sort_by_key(|event| last_seen(event).to_owned());
    Some(events)
}

fn last_seen(event: &Value) -> &str {
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp"];
    times.iter().map(|time| json::text(event, time)).find(|time| !time.is_empty()).unwrap_or_default()
}

/// What is said where a namespace has neither quotas nor limits. Those that there are have descriptions of their own.
async fn limits(api: &mut Api, namespace: &str) -> String {
    let mut text = String::new();
    for (plural, none) in [("resourcequotas", "No resource quota."), ("limitranges", "No LimitRange resource.")] {
        let target = Target::new(format!("/api/v1/namespaces/{namespace}/{plural}"));
        let list = api.get(&target, JSON).await.unwrap_or_default();
        if list["items"].as_array().is_some_and(Vec::is_empty) {
            text.push_str(&format!("\n{none}\n"));
        }
    }
    text
}

fn description(resource: &Resource, object: &Value, own: Option<kinds::Own>, events: Option<&[Value]>) -> String {
    let mut text = String::new();
    let name = place_of(object).1;
    text.push_str(&format!("Name:\t{name}\n"));
    if resource.kind != "Namespace" && !own.as_ref().is_some_and(|own| own.short) {
        text.push_str(&format!("Namespace:\t{}\n", place_of(object).0.unwrap_or_default()));
    }
    fields::labels(&mut text, &object["metadata"]["labels"]);
    fields::annotations(&mut text, &object["metadata"]["annotations"]);
    let core = resource.group.is_empty();
    match resource.kind.as_str() {
        _ if own.is_some() => text.push_str(&own.unwrap_or_default().text),
        "Secret" if core => {
            secret(&mut text, object);
            return tabs::align(&text, tabs::DESCRIPTION);
        }
        "ConfigMap" if core => {
            config_map(&mut text, object);
            text.push('\n');
        }
        "Namespace" if core => {
            text.push_str(&format!("Status:\t{}\n", json::text(object, "/status/phase")));
            return tabs::align(&text, tabs::DESCRIPTION);
        }
        _ => {
            let hidden = [".metadata.managedFields", ".metadata.name", ".metadata.namespace", ".metadata.labels"];
            let hidden: Vec<&str> = hidden.into_iter().chain([".metadata.annotations"]).collect();
            fields::all(&mut text, 0, object, "", &hidden);
        }
    }
    match events {
        // Without Events the line belongs to the columns above it.
        Some([]) => tabs::align(&format!("{text}Events:\t<none>\n"), tabs::DESCRIPTION),
        Some(events) => {
            let text = tabs::align(&text, tabs::DESCRIPTION);
            text + &tabs::align(&events_text(events), tabs::DESCRIPTION)
        }
        None => tabs::align(&text, tabs::DESCRIPTION),
    }
}

/// What a Secret has, without the values.
fn secret(text: &mut String, object: &Value) {
    text.push_str(&format!("\nType:\t{}\n\nData\n====\n", json::text(object, "/type")));
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        let bytes = value.as_str().and_then(|value| STANDARD.decode(value).ok()).map_or(0, |value| value.len());
        text.push_str(&format!("{key}:\t{bytes} bytes\n"));
    }
}

fn config_map(text: &mut String, object: &Value) {
    text.push_str("\nData\n====\n");
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        text.push_str(&format!("{key}:\n----\n{}\n\n", value.as_str().unwrap_or_default()));
    }
    text.push_str("\nBinaryData\n====\n");
    for (key, value) in object["binaryData"].as_object().into_iter().flatten() {
        let bytes = value.as_str().and_then(|value| STANDARD.decode(value).ok()).map_or(0, |value| value.len());
        text.push_str(&format!("{key}: {bytes} bytes\n"));
    }
}

fn events_text(events: &[Value]) -> String {
    let mut text = "Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------\n".to_owned();
    for event in events {
        let first = ["/eventTime", "/firstTimestamp"].map(|time| json::text(event, time));
        let first = age::since(first.into_iter().find(|time| !time.is_empty()).unwrap_or_default());
        let count = event["series"]["count"].as_i64().or(event["count"].as_i64()).unwrap_or(1);
        let seen = if count > 1 { format!("{} (x{count} over {first})", age::since(last_seen(event))) } else { first };
        let from = [json::text(event, "/source/component"), json::text(event, "/reportingComponent")];
        let from = from.into_iter().find(|from| !from.is_empty()).unwrap_or_default();
        let text_of = |name: &str| go_text(&event[name]);
        let message = json::text(event, "/message").trim();
        text.push_str(&format!("  {}\t{}\t{seen}\t{from}\t{message}\n", text_of("type"), text_of("reason")));
    }
    text
}
