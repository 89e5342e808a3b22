//! Holds our JSON against the real Envoy: it must run it, and its own `/config_dump` must show the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_envoy::Envoy;
use meridian_ir::ProxyConfig;
use meridian_ir::tls::SYSTEM_AUTHORITY;
use meridian_xds::{config_dump, type_url};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Replaces the aggregated discovery service by files, as nothing serves it here. Envoy reads endpoints and secrets from
/// files that hold one resource each.
fn from_files(value: &mut Value, folder: &Path, file: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| from_files(item, folder, file)),
        Value::Object(fields) => {
            if fields.remove("ads").is_some() || fields.remove("api_config_source").is_some() {
                fields.insert("path_config_source".into(), json!({"path": folder.join(file)}));
            }
            let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (service, name) = (text("service_name"), text("name"));
            for (field, value) in fields {
                let file = match field.as_str() {
                    "lds_config" => "lds.json",
                    "cds_config" => "cds.json",
                    "rds" => "rds.json",
                    "eds_config" => &file_name("eds", &service),
                    "sds_config" => &file_name("sds", &name),
                    _ => file,
                };
                from_files(value, folder, file);
            }
        }
        _ => {}
    }
}

fn file_name(service: &str, resource: &str) -> String {
    format!("{service}-{}.json", resource.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// The resources of one section of a dump.
fn resources(dump: &Value, section: &str, pointer: &str) -> Vec<Value> {
    let items = dump["configs"].as_array().into_iter().flatten().find_map(|config| config.get(section));
    items.and_then(Value::as_array).into_iter().flatten().filter_map(|item| item.pointer(pointer).cloned()).collect()
}

/// Writes what Envoy reads, one file per discovery service; its bootstrap is returned.
fn write_files(dump: &Value, config: &ProxyConfig, folder: &Path) -> Value {
    let version = config.version.to_string();
    let write = |file: &str, resources: Vec<Value>| {
        let response = json!({"version_info": version, "resources": resources});
        fs::write(folder.join(file), response.to_string()).expect("a file is written");
    };
    write("lds.json", resources(dump, "dynamic_listeners", "/active_state/listener"));
    write("rds.json", resources(dump, "dynamic_route_configs", "/route_config"));
    write("cds.json", resources(dump, "dynamic_active_clusters", "/cluster"));
    for one in resources(dump, "dynamic_endpoint_configs", "/endpoint_config") {
        write(&file_name("eds", one["cluster_name"].as_str().expect("a string")), vec![one]);
    }
    for one in resources(dump, "dynamic_warming_secrets", "/name") {
        write(&file_name("sds", one.as_str().expect("a string")), Vec::new());
    }
    for secret in config.secrets.values() {
        let text = |bytes: &[u8]| json!({"inline_bytes": STANDARD.encode(bytes)});
        let pair = json!({
            "certificate_chain": text(&secret.certificate_chain),
            "private_key": text(&secret.private_key),
        });
        let resource = json!({"@type": type_url::SECRET, "name": &*secret.name, "tls_certificate": pair});
        write(&file_name("sds", &secret.name), vec![resource]);
    }
    for authority in config.authorities.values() {
        let context = json!({"trusted_ca": {"inline_bytes": STANDARD.encode(&authority.certificates)}});
        let resource = json!({"@type": type_url::SECRET, "name": &*authority.name, "validation_context": context});
        write(&file_name("sds", &authority.name), vec![resource]);
    }
    // What comes from files is not in the model; any authority will do here.
    let context = json!({"trusted_ca": {"inline_bytes": STANDARD.encode(include_bytes!("data/example.crt"))}});
    let system = json!({"@type": type_url::SECRET, "name": SYSTEM_AUTHORITY, "validation_context": context});
    write(&file_name("sds", SYSTEM_AUTHORITY), vec![system]);
    let mut bootstrap = dump["configs"][0]["bootstrap"].clone();
    bootstrap["node"]["id"] = "test".into();
    bootstrap["node"]["cluster"] = "test".into();
    bootstrap["admin"] = json!({"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}});
    bootstrap
}

/// The sections of a dump by type, in any order of their entries, without what cannot be equal.
fn comparable(dump: &Value) -> Vec<(String, Vec<Value>)> {
    let mut entries = Vec::new();
    for config in dump["configs"].as_array().expect("a list") {
        let kind = config["@type"].as_str().expect("a string");
        if kind.ends_with("BootstrapConfigDump") {
            continue;
        }
        for (section, items) in config.as_object().expect("an object").iter().filter(|(_, items)| items.is_array()) {
            let mut items = items.as_array().expect("a list").clone();
            items.retain(|item| item["name"] != SYSTEM_AUTHORITY);
            items.iter_mut().for_each(strip);
            items.sort_by_key(Value::to_string);
            entries.push((format!("{kind} {section}"), items));
        }
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries
}

/// Removes when something came, and where Envoy tells more than was configured: health checks, resolved names.
fn strip(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Object(fields) => {
            for name in ["last_updated", "health_check_config"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(strip);
        }
        _ => {}
    }
}

/// Endpoints of names are shown resolved by Envoy: only those that have addresses are compared.
fn without_names(sections: Vec<(String, Vec<Value>)>) -> Vec<(String, Vec<Value>)> {
    let by_address = |item: &Value| {
        let cluster = item.pointer("/endpoint_config/cluster_name").and_then(Value::as_str);
        cluster.is_none_or(|cluster| !cluster.ends_with("|localhost"))
    };
    sections.into_iter().map(|(name, items)| (name, items.into_iter().filter(by_address).collect())).collect()
}

#[test]
fn envoy_runs_what_we_write_and_shows_it_as_we_do() {
    let Some(program) = meridian_envoy::program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = crate::sample::everything();
    let mut ours = config_dump(&config);
    from_files(&mut ours, folder.path(), "none");
    let bootstrap = write_files(&ours, &config, folder.path());

    let envoy = Envoy::start(&program, folder.path(), &bootstrap);
    let theirs = envoy.page("/config_dump?include_eds").expect("Envoy answers");
    let theirs: Value = serde_json::from_str(&theirs).unwrap();

    let kinds = |dump: &Value| -> Vec<Value> {
        dump["configs"].as_array().expect("a list").iter().map(|config| config["@type"].clone()).collect()
    };
    assert_eq!(kinds(&ours), kinds(&theirs), "sections and their order");
    let (ours, theirs) = (without_names(comparable(&ours)), without_names(comparable(&theirs)));
    let names = |sections: &[(String, Vec<Value>)]| sections.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let log = fs::read_to_string(folder.path().join("envoy.log")).unwrap_or_default();
    // Secrets that never come are the only thing that Envoy misses.
    let rejected = |line: &&str| line.contains("rejected") && !line.contains("Missing SDS resources");
    assert_eq!(log.lines().filter(rejected).collect::<Vec<_>>(), [""; 0], "Envoy's log:\n{log}");
    assert_eq!(names(&ours), names(&theirs), "Envoy's log:\n{log}");
    for ((section, ours), (_, theirs)) in std::iter::zip(&ours, &theirs) {
        let missing: Vec<&Value> = ours.iter().filter(|one| !theirs.contains(one)).collect();
        let more: Vec<&Value> = theirs.iter().filter(|one| !ours.contains(one)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{section}\nours: {missing:#?}\nEnvoy's: {more:#?}");
    }
}
