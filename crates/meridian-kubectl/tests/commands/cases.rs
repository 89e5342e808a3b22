//! Lines that both must answer alike.

use crate::both::Lab;

/// Objects of kinds of ours and of Kubernetes' own.
pub(crate) const EXAMPLE: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: httpbin, labels: {app: httpbin}}
spec:
  ports: [{name: http, port: 8000, targetPort: 80}, {name: https, port: 8443}]
  selector: {app: httpbin}
  clusterIP: None
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, labels: {app: httpbin, team: a}}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin}
spec:
  hosts: ["*.example.com", "yes"]
  gateways: [gateway]
  http: [{route: [{destination: {host: httpbin, port: {number: 8000}}}]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data:
  lines: "a\nb: [c]\n"
  long: "word word word word word word word word word word word word word word word word word word word word word"
  sign: 'a # no comment'
  number: "1"
"#;

/// Runs the lines by both; each must say the same on both streams and end alike.
pub(crate) fn same(lab: &Lab, lines: &[&str]) {
    let mut wrong = Vec::new();
    for line in lines {
        let (line, input) = line.split_once(" <<< ").unwrap_or((line, ""));
        let (theirs, ours) = lab.both(line, input);
        if theirs != ours {
            wrong.push(format!("{line}\n  kubectl: {theirs:#?}\n  ours: {ours:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), lines.len(), wrong.join("\n\n"));
}

pub(crate) const APPLY: &[&str] = &[
    "apply -f DIR/example.yaml --dry-run=client",
    "apply -f DIR/example.yaml --dry-run=server",
    "apply -f DIR/example.yaml",
    "apply -f DIR/example.yaml",
    "apply -f DIR/changed.yaml",
    "apply -f DIR/changed.yaml -o name",
    "apply -f DIR/missing.yaml",
    "get svc,gw.networking.istio.io,vs,cm -o yaml --field-selector=metadata.name!=kube-root-ca.crt",
];

pub(crate) const GET: &[&str] = &[
    "get vs",
    "get vs httpbin",
    "get vs,svc",
    "get gw.networking.istio.io --show-labels",
    "get gw.networking.istio.io -L team",
    "get vs -o wide",
    "get vs --no-headers",
    "get vs httpbin -o yaml",
    "get vs httpbin -o json",
    "get cm texts -o yaml",
    "get vs -o name",
    "get vs/httpbin svc/httpbin -o name",
    "get vs nothing",
    "get vs nothing httpbin",
    "get vs nothing --ignore-not-found",
    "get vs -l app=none",
    "get nothings",
    "get gw.networking.istio.io -l app=httpbin",
    "get vs -o jsonpath={.items[*].metadata.name}",
    "get vs httpbin -o jsonpath={.spec.hosts[0]}",
    "get vs httpbin -o jsonpath-as-json={.spec}",
    "get vs,svc -o jsonpath-as-json={.items[*].metadata.name}",
    "get vs -o jsonpath-as-json={.items[*].nothing}",
    "get svc httpbin -o 'jsonpath={range .spec.ports[*]}{.name}={.port}{\"\\n\"}{end}'",
    "get svc httpbin -o 'jsonpath={.spec.ports[?(@.name==\"https\")].port}'",
    "get svc httpbin -o custom-columns=NAME:.metadata.name,PORTS:.spec.ports[*].port,NONE:.x",
    "get svc httpbin -o custom-columns=NAME:.metadata.name --no-headers",
    "get vs,svc -o custom-columns=KIND:kind,NAME:metadata.name",
    "get cm,svc --sort-by=.metadata.name -o name --field-selector=metadata.name!=kube-root-ca.crt",
    "get -f DIR/example.yaml -o name",
];

pub(crate) const CREATE: &[&str] = &[
    "create secret generic file --from-file=tls.key=DIR/example.yaml --from-literal=a=b",
    "get secret file -o jsonpath={.data.a}",
    "create configmap file --from-file=DIR/example.yaml --from-literal=a=b",
    "create configmap file --from-literal=a=b",
    "create cm env --from-env-file=DIR/env --dry-run=client -o yaml",
    "create serviceaccount reader",
    "create sa reader2 --dry-run=server",
    "create namespace made --dry-run=client -o yaml",
    "create secret docker-registry registry --docker-server=r.example.com --docker-username=u --docker-password=p \
     --dry-run=client -o yaml",
    "create -f DIR/one.yaml",
    "create -f DIR/one.yaml",
    "replace -f DIR/one.yaml",
    "replace -f DIR/one.yaml --dry-run=server",
    "replace -f DIR/missing.yaml",
    "create secret generic one --from-literal=a=b --type=example.com/own",
    "describe secret one",
    "describe configmap one",
];

pub(crate) const CHANGE: &[&str] = &[
    "label vs httpbin team=a",
    "label vs httpbin team=b",
    "label vs httpbin team=b --overwrite",
    "label vs httpbin team-",
    "label vs httpbin team-",
    "label vs --all color=blue",
    "annotate vs httpbin note='by hand'",
    "annotate vs httpbin note-",
    "patch vs httpbin --type=merge -p {\"spec\":{\"hosts\":[\"one.example.com\"]}}",
    "patch vs httpbin --type=merge -p {\"spec\":{\"hosts\":[\"one.example.com\"]}}",
    "patch vs httpbin --type=json -p [{\"op\":\"replace\",\"path\":\"/spec/hosts/0\",\"value\":\"two.example.com\"}]",
    "patch service httpbin -p {\"spec\":{\"ports\":[{\"port\":8000,\"targetPort\":81}]}}",
    "get svc httpbin -o jsonpath={.spec.ports[*].targetPort}",
    "describe vs httpbin",
    "describe vs nothing",
    "describe svc httpbin",
    "describe sa default",
    "create rolebinding ann --clusterrole=view --user=ann --serviceaccount=shop:ci",
    "describe rolebinding ann",
    "describe namespaces NAMESPACE",
];

pub(crate) const DELETE: &[&str] = &[
    "delete vs nothing",
    "delete vs nothing --ignore-not-found",
    "delete vs httpbin --dry-run=client",
    "delete vs httpbin --dry-run=server",
    "delete vs httpbin",
    "delete --ignore-not-found=true -f DIR/example.yaml",
    "delete -f DIR/example.yaml",
    "delete vs --all",
    "delete secret,sa -l app=none",
    "delete vs",
];

pub(crate) const EXPLAIN: &[&str] = &[
    "explain pods",
    "explain po.spec.containers.env.valueFrom",
    "explain services.spec.type",
    "explain deployments.spec.strategy --recursive",
    "explain deployments --api-version=apps/v1 --recursive",
    "explain crd.spec.versions.schema.openAPIV3Schema --recursive",
    "explain vs.spec.http.match.uri",
    "explain virtualservices.networking.istio.io.spec.http --recursive",
    "explain gateways.gateway.networking.k8s.io.spec.listeners.tls",
    "explain ingress --recursive",
    "explain cm.data.nothing",
    "explain cm --api-version=v9",
    "explain nothings",
];

/// The files that the lines name.
pub(crate) fn files(lab: &Lab) {
    lab.file("example.yaml", EXAMPLE);
    lab.file("changed.yaml", &EXAMPLE.replace("port: 8443", "port: 9443").replace("*.example.com", "*.example.org"));
    lab.file("env", "# a comment\nA=1\nB=two words\n");
    lab.file("one.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: b}\n");
}

fn lab() -> Option<Lab> {
    let lab = Lab::new()?;
    files(&lab);
    Some(lab)
}

/// Applies the example for both.
fn applied(lab: &Lab) {
    let (theirs, ours) = lab.both("apply -f DIR/example.yaml", "");
    assert!(theirs.ok && ours.ok, "{theirs:?} {ours:?}");
}

#[test]
fn apply() {
    let Some(lab) = lab() else { return };
    same(&lab, APPLY);
}

#[test]
fn get() {
    let Some(lab) = lab() else { return };
    applied(&lab);
    same(&lab, GET);
}

#[test]
fn create_and_replace() {
    let Some(lab) = lab() else { return };
    same(&lab, CREATE);
}

#[test]
fn change() {
    let Some(lab) = lab() else { return };
    applied(&lab);
    same(&lab, CHANGE);
}

#[test]
fn delete() {
    let Some(lab) = lab() else { return };
    applied(&lab);
    same(&lab, DELETE);
}

#[test]
fn explain() {
    let Some(lab) = lab() else { return };
    same(&lab, EXPLAIN);
}
