use super::*;
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: EnvoyBootstrapArgs,
}

fn args(more: &str) -> EnvoyBootstrapArgs {
    let all = format!("x --name gw-1 --ip 10.0.0.9 --labels app=gw,istio=ingressgateway {more}");
    Cli::try_parse_from(all.split_whitespace()).unwrap_or_else(|error| panic!("{error}")).args
}

#[test]
fn nodes_are_istios() {
    let node = args("--service-account gw").node().unwrap();
    assert_eq!(node["id"], "router~10.0.0.9~gw-1.istio-system~istio-system.svc.cluster.local");
    assert_eq!(node["cluster"], "gw.istio-system");
    let metadata = json!({
        "NAME": "gw-1",
        "NAMESPACE": "istio-system",
        "SERVICE_ACCOUNT": "gw",
        "CLUSTER_ID": "Kubernetes",
        "INSTANCE_IPS": "10.0.0.9",
        "LABELS": {"app": "gw", "istio": "ingressgateway"},
    });
    assert_eq!(node["metadata"], metadata);
    let node = args("--type sidecar -n default").node().unwrap();
    assert_eq!(node["id"], "sidecar~10.0.0.9~gw-1.default~default.svc.cluster.local");
    assert_eq!(node["metadata"]["INTERCEPTION_MODE"], "REDIRECT");
}

#[test]
fn tls_towards_the_control_plane_is_mutual() {
    let args = args("--token-file t --root-cert r --out d --discovery istiod.example:15012");
    let files = Files { certificate: "/d/default.json".into(), roots: "/d/ROOTCA.json".into() };
    let bootstrap = args.bootstrap(Path::new("/d"), Some(&files)).unwrap();
    let cluster = &bootstrap["staticResources"]["clusters"][0];
    assert_eq!((&cluster["name"], &cluster["type"]), (&json!("xds-grpc"), &json!("STRICT_DNS")));
    let context = &cluster["transportSocket"]["typedConfig"];
    assert_eq!(context["sni"], "istiod.istio-system.svc");
    let common = &context["commonTlsContext"];
    let source = |config: &Value| config["sdsConfig"]["pathConfigSource"]["path"].clone();
    assert_eq!(source(&common["tlsCertificateSdsSecretConfigs"][0]), "/d/default.json");
    assert_eq!(source(&common["combinedValidationContext"]["validationContextSdsSecretConfig"]), "/d/ROOTCA.json");
    let plain = self::args("--discovery 127.0.0.1:15010").bootstrap(Path::new("/d"), None).unwrap();
    assert_eq!(plain["staticResources"]["clusters"][0].get("transportSocket"), None);
}

#[test]
fn what_does_not_go_together_is_refused() {
    for wrong in ["--token-file t", "--root-cert r", "--run envoy", "--labels x"] {
        let all = format!("x --name gw-1 --ip 10.0.0.9 {wrong}");
        assert!(Cli::try_parse_from(all.split_whitespace()).is_err(), "{wrong}");
    }
    assert!(args("").check().is_ok(), "a control plane on this machine");
    let error = args("--discovery 10.0.0.1:15010").check().unwrap_err().to_string();
    assert!(error.contains("--root-cert") && error.contains("--token-file"), "{error}");
    let error = args("--root-cert r --token-file t").check().unwrap_err().to_string();
    assert!(error.contains("--out"), "{error}");
}
