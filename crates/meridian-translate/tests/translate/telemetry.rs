//! Access logs by Telemetries of three scopes and by the mesh configuration, and what is said of them.

use crate::sidecars::Mesh;
use meridian_ir::AccessLog;
use meridian_translate::MeshConfig;
use serde_json::json;

/// A mesh without the older settings, with two files as providers.
fn mesh(yaml: &str) -> Mesh {
    let mut mesh = Mesh::with("");
    let document = json!({"extensionProviders": [
        {"name": "short", "envoyFileAccessLog": {"path": "/short", "logFormat": {"text": "%PROTOCOL%"}}},
        {"name": "long", "envoyFileAccessLog": {"path": "/long"}},
        {"name": "spans", "zipkin": {"service": "z", "port": 9411}},
    ]});
    let (settings, problems) = MeshConfig::default().with_document(&document);
    assert_eq!(problems, Vec::<String>::new());
    mesh.mesh = settings.clone();
    mesh.translator.set_mesh(settings);
    mesh.apply(yaml);
    mesh
}

/// Where the sidecar logs what its workload sends, and what comes to it.
fn logs(mesh: &Mesh) -> [String; 2] {
    ["virtualOutbound", "virtualInbound"].map(|name| {
        let listener = mesh.config.listeners.values().find(|listener| &*listener.name == name).expect("a listener");
        let paths: Vec<&str> = listener.access_log.iter().map(|log: &AccessLog| &*log.path).collect();
        paths.join(" ")
    })
}

fn telemetry(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"
    )
}

fn messages(mesh: &Mesh, object: &str) -> String {
    mesh.statuses[object].iter().map(|condition| condition.message.as_str()).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_telemetry_of_the_root_namespace_is_about_the_mesh_and_lives() {
    let mut mesh = mesh("");
    assert_eq!(logs(&mesh), ["", ""]);
    mesh.apply(&telemetry("istio-system", "mesh-default", "{accessLogging: [{providers: [{name: envoy}]}]}"));
    assert_eq!(logs(&mesh), ["/dev/stdout", "/dev/stdout"]);
    mesh.delete("Telemetry istio-system/mesh-default");
    assert_eq!(logs(&mesh), ["", ""]);
}

#[test]
fn the_narrowest_scope_wins_whole() {
    let mut mesh = mesh(&telemetry("istio-system", "m", "{accessLogging: [{providers: [{name: envoy}]}]}"));
    mesh.apply(&telemetry("default", "ns", "{accessLogging: [{providers: [{name: long}]}]}"));
    assert_eq!(logs(&mesh), ["/long", "/long"]);
    let selector = "selector: {matchLabels: {app: client}}";
    mesh.apply(&telemetry(
        "default",
        "own",
        &format!("{{{selector}, accessLogging: [{{providers: [{{name: short}}], match: {{mode: CLIENT}}}}]}}"),
    ));
    assert_eq!(logs(&mesh), ["/short", "/long"]);
    mesh.apply(&telemetry("default", "own", &format!("{{{selector}, accessLogging: [{{disabled: true}}]}}")));
    assert_eq!(logs(&mesh), ["", ""]);
    // Another workload's is another matter, and so is another namespace's.
    mesh.apply(&telemetry(
        "default",
        "own",
        "{selector: {matchLabels: {app: other}}, accessLogging: [{disabled: true}]}",
    ));
    mesh.apply(&telemetry("other", "ns", "{accessLogging: [{disabled: true}]}"));
    assert_eq!(logs(&mesh), ["/long", "/long"]);
}

#[test]
fn older_settings_count_where_no_provider_is_named() {
    let mut mesh = mesh("");
    mesh.mesh.access_log_file = "/file".into();
    mesh.translator.set_mesh(mesh.mesh.clone());
    mesh.translate();
    assert_eq!(logs(&mesh), ["/file", "/file"]);
    mesh.mesh.disable_listener_log = true;
    mesh.translator.set_mesh(mesh.mesh.clone());
    mesh.translate();
    assert_eq!(logs(&mesh), ["", ""]);
    mesh.mesh.disable_listener_log = false;
    mesh.mesh.default_access_log_providers = vec!["short".into()];
    mesh.translator.set_mesh(mesh.mesh.clone());
    mesh.translate();
    assert_eq!(logs(&mesh), ["/short", "/short"]);
    mesh.apply(&telemetry("istio-system", "silent", "{accessLogging: [{disabled: true}]}"));
    assert_eq!(logs(&mesh), ["", ""]);
}

#[test]
fn a_filter_is_that_of_the_narrowest_scope() {
    let filter = |mesh: &Mesh| {
        let listener = mesh.config.listeners.values().find(|listener| &*listener.name == "virtualOutbound");
        let logs = &listener.expect("a listener").access_log;
        logs.iter().filter_map(|log| log.filter.as_ref()).map(ToString::to_string).collect::<Vec<_>>()
    };
    let with = |expression: &str| {
        format!("{{accessLogging: [{{providers: [{{name: envoy}}], filter: {{expression: \"{expression}\"}}}}]}}")
    };
    let mut mesh = mesh(&telemetry("istio-system", "m", &with("response.code >= 400")));
    assert_eq!(filter(&mesh), ["response.code >= 400"]);
    mesh.apply(&telemetry("default", "ns", &with("connection.mtls")));
    assert_eq!(filter(&mesh), ["connection.mtls"]);
    mesh.delete("Telemetry default/ns");
    assert_eq!(filter(&mesh), ["response.code >= 400"]);
}

#[test]
fn what_has_no_effect_is_said() {
    let mesh = mesh(
        &[
            telemetry("default", "a", "{accessLogging: [{providers: [{name: spans}, {name: nobody}]}]}"),
            telemetry("default", "b", "{accessLogging: [{providers: [{name: short}]}]}"),
            telemetry("default", "c", "{selector: {matchLabels: {a: b}}, tracing: [{randomSamplingPercentage: 1}]}"),
        ]
        .concat(),
    );
    let said = messages(&mesh, "Telemetry default/a");
    assert!(said.contains("\"spans\" is a provider of kind zipkin") && said.contains("envoy, long, short"), "{said}");
    assert!(said.contains("there is no provider \"nobody\" in extensionProviders"), "{said}");
    let said = messages(&mesh, "Telemetry default/b");
    assert!(said.contains("Telemetry default/a is older and about the namespace too"), "{said}");
    assert!(messages(&mesh, "Telemetry default/c").contains("spec.tracing: not supported yet"));
}
