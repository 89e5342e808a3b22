//! Layers of the mesh configuration.

use super::*;
use meridian_resources::Resource;
use meridian_translate::OutboundTrafficPolicy;
use serde_json::json;
use std::sync::Arc;

fn config_map(mesh: &str) -> Arc<Object<ConfigMap>> {
    let value = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {"mesh": mesh},
    });
    match meridian_resources::decode(&meridian_resources::core::config_map::KIND, &value) {
        Ok(Resource::ConfigMap(map)) => map,
        other => panic!("{other:?}"),
    }
}

fn settings(texts: &[&str]) -> Vec<Setting> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn each_layer_is_laid_over_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.yaml");
    std::fs::write(
        &path,
        "accessLogFile: /file\ntrustDomain: file.example\nconnectTimeout: 1s\ntlsDefaults: {minProtocolVersion: TLSV1_3}\n",
    )
    .unwrap();
    let file = MeshFile::open(&path).unwrap();
    let mut sources = MeshSources::new(
        Some(file),
        settings(&["meshConfig.connectTimeout=3s", "meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY"]),
    );
    assert!(
        sources.put(&config_map(
            "trustDomain: map.example\nconnectTimeout: 2s\noutboundTrafficPolicy: {mode: ALLOW_ANY}\n"
        ))
    );
    let mesh = sources.read();
    assert_eq!((&*mesh.access_log_file, &*mesh.trust_domain), ("/file", "map.example"));
    assert_eq!(mesh.connect_timeout, std::time::Duration::from_secs(3));
    assert_eq!(mesh.outbound_traffic_policy, OutboundTrafficPolicy::RegistryOnly);

    // What is no YAML leaves what was there.
    assert!(!sources.put(&config_map("{")));
    assert_eq!(&*sources.read().trust_domain, "map.example");
    sources.forget();
    assert_eq!(&*sources.read().trust_domain, "file.example");
    sources.file = None;
    assert_eq!(&*sources.read().trust_domain, "cluster.local");
}

#[tokio::test]
async fn a_file_is_followed_when_it_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (path, next) = (folder.path().join("mesh.yaml"), folder.path().join("next"));
    std::fs::write(&path, "accessLogFile: /a").unwrap();
    let mut sources = MeshSources::new(Some(MeshFile::open(&path).unwrap()), Vec::new());
    assert_eq!(&*sources.read().access_log_file, "/a");
    std::fs::write(&next, "accessLogFile: /b").unwrap();
    std::fs::rename(&next, &path).unwrap();
    sources.changed().await;
    assert_eq!(&*sources.read().access_log_file, "/b");
    // What is no YAML is passed over.
    std::fs::write(&path, "{").unwrap();
    std::fs::write(&next, "accessLogFile: /c").unwrap();
    std::fs::rename(&next, &path).unwrap();
    sources.changed().await;
    assert_eq!(&*sources.read().access_log_file, "/c");
}

#[test]
fn a_file_that_is_none_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.yaml");
    let error = MeshFile::open(&path).unwrap_err().to_string();
    assert!(error.contains("mesh.yaml: No such file"), "{error}");
    for text in ["- 1", "{"] {
        std::fs::write(&path, text).unwrap();
        let error = MeshFile::open(&path).unwrap_err().to_string();
        assert!(error.contains("mesh.yaml"), "{error}");
    }
}

#[test]
fn settings_are_what_istioctl_takes() {
    for (text, expected) in [
        ("meshConfig.accessLogFile=/dev/stdout", json!({"accessLogFile": "/dev/stdout"})),
        ("meshConfig.accessLogFile=", json!({"accessLogFile": ""})),
        ("meshConfig.enableAutoMtls=false", json!({"enableAutoMtls": false})),
        (
            "meshConfig.defaultConfig.gatewayTopology.numTrustedProxies=2",
            json!({"defaultConfig": {"gatewayTopology": {"numTrustedProxies": 2}}}),
        ),
        ("meshConfig.trustDomainAliases[1]=b", json!({"trustDomainAliases": [null, "b"]})),
        ("meshConfig.trustDomainAliases={a, b}", json!({"trustDomainAliases": ["a", "b"]})),
        ("meshConfig.accessLogFormat=a=b", json!({"accessLogFormat": "a=b"})),
        ("meshConfig.ingressClass=007", json!({"ingressClass": "007"})),
    ] {
        let mut document = json!({});
        text.parse::<Setting>().unwrap().apply(&mut document);
        assert_eq!(document, expected, "{text}");
    }
    for text in [
        "",
        "accessLogFile=x",
        "meshConfig=x",
        "meshConfig.=x",
        "meshConfig.a",
        "meshConfig.a[x]=1",
        "meshConfig.a[9999]=1",
        "meshConfig..a=1",
    ] {
        assert!(text.parse::<Setting>().is_err(), "{text}");
    }
}
