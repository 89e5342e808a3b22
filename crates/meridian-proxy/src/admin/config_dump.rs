//! `/config_dump`: the configuration that runs, whole or in part.

use super::Context;
use super::page::{Page, Query, regex};
use regex::Regex;
use serde_json::{Map, Value, json};

/// What each element of a list of a section is called in Envoy's `admin.v3`.
const RESOURCES: [(&str, &str); 10] = [
    ("static_listeners", "ListenersConfigDump.StaticListener"),
    ("dynamic_listeners", "ListenersConfigDump.DynamicListener"),
    ("static_clusters", "ClustersConfigDump.StaticCluster"),
    ("dynamic_active_clusters", "ClustersConfigDump.DynamicCluster"),
    ("static_route_configs", "RoutesConfigDump.StaticRouteConfig"),
    ("dynamic_route_configs", "RoutesConfigDump.DynamicRouteConfig"),
    ("static_endpoint_configs", "EndpointsConfigDump.StaticEndpointConfig"),
    ("dynamic_endpoint_configs", "EndpointsConfigDump.DynamicEndpointConfig"),
    ("dynamic_active_secrets", "SecretsConfigDump.DynamicSecret"),
    ("dynamic_warming_secrets", "SecretsConfigDump.DynamicSecret"),
];

pub(super) fn page(context: &Context, query: &Query) -> Page {
    let name = match regex(query, "name_regex") {
        Ok(name) => name,
        Err(page) => return page,
    };
    let config = context.shared.config.load_full();
    let dump = (context.shared.options.config_dump)(&config);
    match select(dump, query, name.as_ref()) {
        Ok(dump) => Page::json(&dump),
        Err(page) => page,
    }
}

/// Takes what `query` asks for out of a whole dump.
fn select(mut dump: Value, query: &Query, name: Option<&Regex>) -> Result<Value, Page> {
    let Some(configs) = dump.get_mut("configs").and_then(Value::as_array_mut) else { return Ok(dump) };
    let resource = query.get("resource").filter(|resource| !resource.is_empty());
    let wants_endpoints = query.has("include_eds") || resource.is_some_and(|resource| resource.contains("endpoint"));
    if !wants_endpoints {
        configs.retain(|section| !kind(section).ends_with(".EndpointsConfigDump"));
    }
    if let Some(name) = name {
        configs.iter_mut().for_each(|section| keep_named(section, name));
    }
    if let Some(resource) = resource {
        *configs = elements(configs, resource)?;
    }
    if let Some(mask) = query.get("mask").filter(|mask| !mask.is_empty()) {
        let paths: Vec<Vec<&str>> = mask.split(',').map(|path| path.trim().split('.').collect()).collect();
        let mut found = false;
        for section in configs.iter_mut() {
            found |= trim(section, &paths);
        }
        if !found {
            return Err(Page::error(
                400,
                format!("FieldMask {mask} could not be successfully applied to any configs.\n"),
            ));
        }
    }
    Ok(dump)
}

fn kind(section: &Value) -> &str {
    section.get("@type").and_then(Value::as_str).unwrap_or_default()
}

/// The elements of the list `resource`, each as a message of its own.
fn elements(configs: &[Value], resource: &str) -> Result<Vec<Value>, Page> {
    if resource == "bootstrap" {
        let found = configs.iter().filter_map(|section| section.get("bootstrap"));
        return Ok(found.map(|message| typed("envoy.config.bootstrap.v3.Bootstrap", message)).collect());
    }
    let Some((_, element)) = RESOURCES.iter().find(|(name, _)| *name == resource) else {
        let known: Vec<&str> = RESOURCES.iter().map(|(name, _)| *name).collect();
        let reason = format!("{resource} not found in config dump; there are bootstrap, {}\n", known.join(", "));
        return Err(Page::error(404, reason));
    };
    let lists = configs.iter().filter_map(|section| section.get(resource)).filter_map(Value::as_array);
    Ok(lists.flatten().map(|message| typed(&format!("envoy.admin.v3.{element}"), message)).collect())
}

fn typed(kind: &str, message: &Value) -> Value {
    let mut fields = Map::new();
    fields.insert("@type".to_owned(), json!(format!("type.googleapis.com/{kind}")));
    fields.extend(message.as_object().cloned().unwrap_or_default());
    Value::Object(fields)
}

/// Keeps those elements of a section's lists whose resource has a name that matches.
fn keep_named(section: &mut Value, name: &Regex) {
    for (resource, _) in RESOURCES {
        let Some(list) = section.get_mut(resource).and_then(Value::as_array_mut) else { continue };
        list.retain(|element| {
            let inner = ["cluster", "route_config", "endpoint_config", "listener"].iter().find_map(|f| element.get(f));
            let named = [Some(element), inner].into_iter().flatten();
            let mut names = named.flat_map(|message| [message.get("name"), message.get("cluster_name")]);
            names.any(|found| found.and_then(Value::as_str).is_some_and(|found| name.is_match(found)))
        });
    }
}

/// Keeps the fields that `paths` name, in every element of lists on the way; types stay. Whether anything was found.
fn trim(value: &mut Value, paths: &[Vec<&str>]) -> bool {
    match value {
        Value::Array(list) => {
            let mut found = false;
            for element in list {
                found |= trim(element, paths);
            }
            found
        }
        Value::Object(fields) => {
            let mut found = false;
            let kept = std::mem::take(fields).into_iter().filter_map(|(name, mut value)| {
                if name == "@type" {
                    return Some((name, value));
                }
                let deeper: Vec<Vec<&str>> =
                    paths.iter().filter(|path| path.first() == Some(&&*name)).map(|path| path[1..].to_vec()).collect();
                if deeper.is_empty() {
                    return None;
                }
                if deeper.iter().any(Vec::is_empty) {
                    found = true;
                    return Some((name, value));
                }
                let inside = trim(&mut value, &deeper);
                found |= inside;
                inside.then_some((name, value))
            });
            *fields = kept.collect();
            found
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump() -> Value {
        let listener = |name: &str| json!({"name": name, "active_state": {"listener": {"@type": "L", "name": name}}});
        json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {"node": {"id": "n"}}},
            {"@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump",
             "dynamic_endpoint_configs": [{"endpoint_config": {"cluster_name": "a"}}]},
            {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "version_info": "1",
             "dynamic_listeners": [listener("0.0.0.0_80"), listener("0.0.0.0_443")]},
        ]})
    }

    fn ask(query: &str) -> Result<Value, Page> {
        let query = Query::parse(query);
        let name = regex(&query, "name_regex")?;
        select(dump(), &query, name.as_ref())
    }

    #[test]
    fn endpoints_are_there_when_asked_for() {
        let sections = |query| ask(query).unwrap()["configs"].as_array().unwrap().len();
        assert_eq!((sections(""), sections("include_eds"), sections("include_eds=on")), (2, 3, 3));
    }

    #[test]
    fn a_resource_gives_its_elements() {
        let listeners = ask("resource=dynamic_listeners").unwrap();
        assert_eq!(listeners["configs"][1]["name"], "0.0.0.0_443");
        let kind = "type.googleapis.com/envoy.admin.v3.ListenersConfigDump.DynamicListener";
        assert_eq!(listeners["configs"][0]["@type"], kind);
        assert_eq!(ask("resource=bootstrap").unwrap()["configs"][0]["node"]["id"], "n");
        assert_eq!(ask("resource=dynamic_endpoint_configs").unwrap()["configs"].as_array().unwrap().len(), 1);
        let page = ask("resource=nosuch").unwrap_err();
        assert_eq!(page.status, 404);
        assert!(page.body.starts_with("nosuch not found in config dump"), "{}", page.body);
    }

    #[test]
    fn a_mask_keeps_fields() {
        let masked = ask("resource=dynamic_listeners&mask=name").unwrap();
        let kind = "type.googleapis.com/envoy.admin.v3.ListenersConfigDump.DynamicListener";
        assert_eq!(masked["configs"][0], json!({"@type": kind, "name": "0.0.0.0_80"}));
        let masked = ask("mask=dynamic_listeners.active_state.listener.name,bootstrap").unwrap();
        assert_eq!(masked["configs"][0]["bootstrap"]["node"]["id"], "n");
        assert_eq!(
            masked["configs"][1]["dynamic_listeners"][0],
            json!({"active_state": {"listener": {"@type": "L", "name": "0.0.0.0_80"}}})
        );
        assert_eq!(ask("mask=nosuch").unwrap_err().status, 400);
    }

    #[test]
    fn names_are_found_anywhere() {
        let named = ask("name_regex=_443%24&include_eds").unwrap();
        assert_eq!(named["configs"][2]["dynamic_listeners"].as_array().unwrap().len(), 1);
        assert_eq!(named["configs"][1]["dynamic_endpoint_configs"], json!([]));
        assert_eq!(ask("name_regex=(").unwrap_err().status, 400);
    }
}
