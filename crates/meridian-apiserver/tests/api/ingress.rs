//! Ingresses with the real `kubectl`, in both versions.

use serde_json::{Value, json};

use crate::support::{Lab, have_kubectl};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

const LEGACY: &str = "
apiVersion: networking.k8s.io/v1beta1
kind: Ingress
metadata:
  name: legacy
  annotations: {kubernetes.io/ingress.class: istio}
spec:
  backend: {serviceName: rest, servicePort: web}
  rules:
  - host: httpbin.example.com
    http:
      paths:
      - path: /status/*
        backend: {serviceName: httpbin, servicePort: 8000}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_legacy_version_keeps_its_form() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let created = lab.kubectl_with("apply -f -", LEGACY).await;
    assert_eq!(created.stdout, "ingress.networking.k8s.io/legacy created\n", "{created:?}");
    let warning = "Warning: networking.k8s.io/v1beta1 Ingress is deprecated in v1.19+, unavailable in v1.22+; use \
                   networking.k8s.io/v1 Ingress";
    assert!(created.stderr.contains(warning), "{created:?}");
    // The server fills the type of paths, so that kubectl sends a patch, which changes nothing.
    let version = lab.ok("get ingress legacy -o jsonpath={.metadata.resourceVersion}").await;
    lab.apply(LEGACY).await;
    assert_eq!(lab.ok("get ingress legacy -o jsonpath={.metadata.resourceVersion}").await, version);
    let typed = LEGACY.replace("path: /status/*", "path: /status/*\n        pathType: ImplementationSpecific");
    lab.apply(&typed).await;
    assert_eq!(lab.apply(&typed).await, "ingress.networking.k8s.io/legacy unchanged\n");
    assert_eq!(
        lab.apply(&LEGACY.replace("servicePort: 8000", "servicePort: http")).await,
        "ingress.networking.k8s.io/legacy configured\n"
    );
    let current = json(&lab.ok("get ingress legacy -o json").await);
    assert_eq!(current["apiVersion"], "networking.k8s.io/v1");
    assert_eq!(current["spec"]["defaultBackend"], json!({"service": {"name": "rest", "port": {"name": "web"}}}));
    let path = &current["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!(path["backend"], json!({"service": {"name": "httpbin", "port": {"name": "http"}}}));
    assert_eq!(path["pathType"], "ImplementationSpecific");
    let old = json(&lab.ok("get ingresses.v1beta1.networking.k8s.io legacy -o json").await);
    assert_eq!(old["apiVersion"], "networking.k8s.io/v1beta1");
    assert_eq!(old["spec"]["backend"], json!({"serviceName": "rest", "servicePort": "web"}));
    let all = json(&lab.ok("get ingresses.v1beta1.networking.k8s.io -o json").await);
    assert_eq!(all["items"][0]["spec"], old["spec"]);
    let wrong = lab.kubectl_with("apply -f -", &LEGACY.replace("servicePort: web", "port: web")).await;
    assert!(wrong.stderr.contains("unknown field \"spec.backend.port\""), "{wrong:?}");
    assert!(
        lab.ok("explain ingress.spec.backend --api-version=networking.k8s.io/v1beta1").await.contains("servicePort")
    );
    assert!(lab.ok("explain ingress.spec.defaultBackend.service").await.contains("port\t<ServiceBackendPort>"));
    assert_eq!(lab.ok("delete ingress legacy").await, "ingress.networking.k8s.io \"legacy\" deleted\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_get_and_describe() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let rules = "--rule=foo.com/bar*=svc1:8080,tls=my-cert --rule=*.foo.com/=svc2:http --rule=/=svc3:80";
    let line = format!("create ingress simple --class=istio --default-backend=rest:80 {rules}");
    assert_eq!(lab.ok(&line).await, "ingress.networking.k8s.io/simple created\n");
    let made = json(&lab.ok("get ing simple -o json").await);
    let backend = |name: &str, port: Value| json!({"service": {"name": name, "port": port}});
    let path = |path: &str, type_: &str, backend: Value| json!({"http": {"paths": [{"path": path, "pathType": type_, "backend": backend}]}});
    let of_host = |host: &str, mut rule: Value| {
        rule["host"] = host.into();
        rule
    };
    let expected = json!({
        "ingressClassName": "istio",
        "defaultBackend": backend("rest", json!({"number": 80})),
        "rules": [
            of_host("foo.com", path("/bar", "Prefix", backend("svc1", json!({"number": 8080})))),
            of_host("*.foo.com", path("/", "Exact", backend("svc2", json!({"name": "http"})))),
            path("/", "Exact", backend("svc3", json!({"number": 80}))),
        ],
        "tls": [{"hosts": ["foo.com"], "secretName": "my-cert"}],
    });
    assert_eq!(made["spec"], expected);
    assert_eq!((&made["status"], &made["metadata"]["generation"]), (&json!({"loadBalancer": {}}), &json!(1)));
    let table = lab.ok("get ing").await;
    assert_eq!(table.lines().next(), Some("NAME     CLASS   HOSTS               ADDRESS   PORTS     AGE"), "{table}");
    assert!(table.contains("simple   istio   foo.com,*.foo.com             80, 443   "), "{table}");
    let described = lab.ok("describe ingress simple").await;
    for part in
        ["Ingress Class:    istio", "my-cert terminates foo.com", "/bar   svc1:8080", "Default backend:  rest:80"]
    {
        assert!(described.contains(part), "{part:?} is not in {described}");
    }
    lab.ok("annotate ingress simple a=b").await;
    let patched = lab.ok(r#"patch ingress simple -p '{"spec":{"defaultBackend":null}}'"#).await;
    assert_eq!(patched, "ingress.networking.k8s.io/simple patched\n");
    assert_eq!(lab.ok("get ingress simple -o jsonpath={.spec.defaultBackend}").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_as_kubernetes_tells_them() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let ingress = |spec: &str| {
        format!("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: bad}}\nspec: {{{spec}}}\n")
    };
    let missing = ingress("rules: [{http: {paths: [{path: /, backend: {service: {name: a, port: {number: 80}}}}]}}]");
    let refused = lab.kubectl_with("apply -f -", &missing).await;
    assert_eq!(
        refused.stderr,
        "The Ingress \"bad\" is invalid: spec.rules[0].http.paths[0].pathType: Required value: pathType must be \
         specified\n"
    );
    let refused = lab.kubectl_with("apply -f -", &ingress("ingressClassName: istio")).await;
    assert_eq!(
        refused.stderr,
        "The Ingress \"bad\" is invalid: spec: Invalid value: null: either `defaultBackend` \
         or `rules` must be specified\n"
    );
    let annotated = ingress("rules: [{host: a.example.com}]")
        .replace("name: bad", "name: good, annotations: {kubernetes.io/ingress.class: istio}");
    let created = lab.kubectl_with("apply -f -", &annotated).await;
    assert_eq!(created.stdout, "ingress.networking.k8s.io/good created\n");
    let warning = "Warning: annotation \"kubernetes.io/ingress.class\" is deprecated, please use \
                   'spec.ingressClassName' instead\n";
    assert_eq!(created.stderr, warning);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_default_class_is_filled_in() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: istio}\n\
                 spec: {controller: istio.io/ingress-controller}\n";
    assert_eq!(lab.apply(class).await, "ingressclass.networking.k8s.io/istio created\n");
    let table = lab.ok("get ingressclass").await;
    assert!(table.starts_with("NAME    CONTROLLER                    PARAMETERS   AGE\n"), "{table}");
    assert!(table.contains("istio   istio.io/ingress-controller   <none>       "), "{table}");
    lab.ok("create ingress before --rule=a.com/*=a:80").await;
    assert_eq!(lab.ok("get ingress before -o jsonpath={.spec.ingressClassName}").await, "");
    lab.ok("annotate ingressclass istio ingressclass.kubernetes.io/is-default-class=true").await;
    lab.ok("create ingress after --rule=a.com/*=a:80").await;
    assert_eq!(lab.ok("get ingress after -o jsonpath={.spec.ingressClassName}").await, "istio");
    let changed = lab.kubectl_with("apply -f -", &class.replace("istio.io/", "example.com/")).await;
    assert!(
        changed
            .stderr
            .contains("spec.controller: Invalid value: \"example.com/ingress-controller\": field is immutable"),
        "{changed:?}"
    );
}
