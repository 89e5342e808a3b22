//! What users type, with the real `kubectl`. What is expected here is what a real kube-apiserver answers to the same.

use serde_json::{Value, json};

use crate::support::{self, EXAMPLE, Lab, have_kubectl};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apply_creates_then_leaves_then_configures() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let created = "service/httpbin created\ngateway.networking.istio.io/gw created\n\
                   virtualservice.networking.istio.io/httpbin created\n";
    assert_eq!(lab.apply(EXAMPLE).await, created);
    assert_eq!(lab.apply(EXAMPLE).await, created.replace("created", "unchanged"));
    let generation = "get vs httpbin -o jsonpath={.metadata.generation}";
    assert_eq!(lab.ok(generation).await, "1");
    let changed = EXAMPLE.replace("httpbin.example.com", "web.example.com").replace("port: 8000, t", "port: 9000, t");
    let expected = "service/httpbin configured\ngateway.networking.istio.io/gw unchanged\n\
                    virtualservice.networking.istio.io/httpbin configured\n";
    assert_eq!(lab.apply(&changed).await, expected);
    assert_eq!(lab.ok(generation).await, "2");
    // The old port went: the client's merge and ours agree on the key of the list.
    assert_eq!(lab.ok("get svc httpbin -o jsonpath={.spec.ports}").await.matches("port").count(), 1);
    assert_eq!(lab.ok("get vs httpbin -o jsonpath={.spec.hosts[0]}").await, "web.example.com");
    let dry = lab.kubectl_with("apply --dry-run=server -f -", EXAMPLE).await;
    assert!(dry.stdout.contains("virtualservice.networking.istio.io/httpbin configured (server dry run)"), "{dry:?}");
    assert_eq!(lab.ok("get vs httpbin -o jsonpath={.spec.hosts[0]}").await, "web.example.com");
    let diff = lab.kubectl_with("diff -f -", EXAMPLE).await;
    assert_eq!(diff.code, Some(1), "{diff:?}");
    assert!(diff.stdout.contains("-  - web.example.com\n+  - httpbin.example.com"), "{}", diff.stdout);
    assert!(diff.stdout.contains("-  generation: 2\n+  generation: 3"), "{}", diff.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_prints_every_form() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(EXAMPLE).await;
    let table = lab.ok("get vs").await;
    let (head, row) = table.split_once('\n').expect("two lines");
    assert_eq!(head, "NAME      GATEWAYS   HOSTS                     AGE");
    assert!(row.starts_with("httpbin   [\"gw\"]     [\"httpbin.example.com\"]   "), "{row}");
    let wide = lab.ok("get svc -o wide").await;
    let fields: Vec<&str> = wide.split_whitespace().collect();
    let heads = ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"];
    assert_eq!(fields[..7], heads);
    assert_eq!((fields[7], fields[8], fields[10], fields[11]), ("httpbin", "ClusterIP", "<none>", "8000/TCP"));
    assert_eq!(fields[13], "app=httpbin");
    assert!(fields[9].starts_with("10.96."), "{wide}");
    assert!(lab.ok("get ns").await.contains("default        Active"), "namespaces have a status");
    let all = lab.ok("get vs -A --show-labels").await;
    assert!(all.starts_with("NAMESPACE   NAME"), "{all}");
    assert!(all.contains("default     httpbin") && all.contains("<none>"), "{all}");
    assert_eq!(
        lab.ok("get vs,gw -o name").await,
        "virtualservice.networking.istio.io/httpbin\ngateway.networking.istio.io/gw\n"
    );
    assert_eq!(lab.ok("get vs httpbin -o jsonpath={.spec.hosts}").await, "[\"httpbin.example.com\"]");
    assert_eq!(lab.ok("get svc -o custom-columns=N:.metadata.name --no-headers").await, "httpbin\n");
    assert_eq!(lab.ok("get istio-io -o name").await.lines().count(), 2, "by category");
    assert!(lab.ok("get all").await.contains("service/httpbin"));
    let listed = json(&lab.ok("get vs -o json").await);
    assert_eq!((&listed["kind"], listed["items"].as_array().map(Vec::len)), (&json!("List"), Some(1)));
    let yaml = lab.ok("get vs httpbin -o yaml").await;
    assert!(yaml.starts_with("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n"), "{yaml}");
    assert!(
        yaml.ends_with("    - destination:\n        host: httpbin\n        port:\n          number: 8000\n"),
        "{yaml}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selectors_select() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(EXAMPLE).await;
    assert_eq!(lab.ok("label vs httpbin a=b").await, "virtualservice.networking.istio.io/httpbin labeled\n");
    assert!(lab.fails("label vs httpbin a=c").await.contains("'a' already has a value (b), and --overwrite is false"));
    lab.ok("label vs httpbin a=c --overwrite").await;
    assert_eq!(lab.ok("annotate vs httpbin x=y").await, "virtualservice.networking.istio.io/httpbin annotated\n");
    assert_eq!(lab.ok("get vs httpbin -o jsonpath={.metadata.generation}").await, "1", "labels are not the spec");
    let name = "virtualservice.networking.istio.io/httpbin\n";
    let cases = [
        ("-l a=c", name),
        ("-l 'a in (b,c)'", name),
        ("-l a!=c", ""),
        ("-l '!a'", ""),
        ("--field-selector metadata.name=httpbin", name),
        ("--field-selector metadata.name=other", ""),
        ("--field-selector metadata.name!=other", name),
    ];
    for (selector, expected) in cases {
        assert_eq!(lab.ok(&format!("get vs -o name {selector}")).await, expected, "{selector}");
    }
    let refused = lab.fails("get vs --field-selector spec.foo=bar").await;
    assert!(refused.contains("field label not supported: spec.foo"), "{refused}");
    assert_eq!(lab.ok("label vs httpbin a-").await, "virtualservice.networking.istio.io/httpbin unlabeled\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patches_of_each_kind() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(EXAMPLE).await;
    let hosts = "get vs httpbin -o jsonpath={.spec.hosts}";
    lab.ok(r#"patch vs httpbin --type merge -p '{"spec":{"hosts":["b.example.com"]}}'"#).await;
    assert_eq!(lab.ok(hosts).await, "[\"b.example.com\"]");
    lab.ok(r#"patch vs httpbin --type json -p '[{"op":"replace","path":"/spec/hosts/0","value":"c.example.com"}]'"#)
        .await;
    assert_eq!(lab.ok(hosts).await, "[\"c.example.com\"]");
    let again = lab.ok(r#"patch vs httpbin --type merge -p '{"spec":{"hosts":["c.example.com"]}}'"#).await;
    assert_eq!(again, "virtualservice.networking.istio.io/httpbin patched (no change)\n");
    let failed =
        lab.fails(r#"patch vs httpbin --type json -p '[{"op":"test","path":"/spec/hosts/0","value":"x"}]'"#).await;
    assert!(failed.contains("the server rejected our request due to an error in our request"), "{failed}");
    let unsupported = lab.fails(r#"patch vs httpbin -p '{"spec":{}}'"#).await;
    assert!(unsupported.contains("application/strategic-merge-patch+json is not supported"), "{unsupported}");
    let invalid = lab.fails(r#"patch vs httpbin --type merge -p '{"spec":{"hosts":7}}'"#).await;
    assert!(invalid.contains("spec.hosts: Invalid value"), "{invalid}");
    // Kubernetes' own kinds merge lists by item.
    lab.ok(r#"patch svc httpbin -p '{"spec":{"ports":[{"port":9000,"name":"x"}]}}'"#).await;
    assert_eq!(lab.ok("get svc httpbin -o jsonpath={.spec.ports[*].port}").await, "9000 8000");
    lab.ok(r#"patch svc httpbin -p '{"spec":{"ports":[{"port":9000,"$patch":"delete"}]}}'"#).await;
    assert_eq!(lab.ok("get svc httpbin -o jsonpath={.spec.ports[*].port}").await, "8000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_makes_what_the_documents_make() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    assert_eq!(lab.ok("create namespace foo").await, "namespace/foo created\n");
    let created = lab.ok("create -n foo secret generic s1 --from-literal=a=b").await;
    assert_eq!(created, "secret/s1 created\n");
    let taken = lab.fails("create -n foo secret generic s1 --from-literal=a=b").await;
    assert_eq!(taken, "error: failed to create secret secrets \"s1\" already exists\n");
    let secret = json(&lab.ok("get secret -n foo s1 -o json").await);
    assert_eq!((&secret["type"], &secret["data"]), (&json!("Opaque"), &json!({"a": "Yg=="})));
    assert!(secret["metadata"].get("generation").is_none(), "{secret}");
    let described = lab.ok("describe secret -n foo s1").await;
    assert!(described.contains("a:  1 bytes"), "{described}");

    let (certificate, key) = (lab.file("tls.crt", CERTIFICATE), lab.file("tls.key", KEY));
    let line =
        format!("create -n istio-system secret tls web --cert={} --key={}", certificate.display(), key.display());
    assert_eq!(lab.ok(&line).await, "secret/web created\n");
    let tls = json(&lab.ok("get secret -n istio-system web -o json").await);
    assert_eq!(tls["type"], "kubernetes.io/tls");
    assert_eq!(
        tls["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["tls.crt".into(), "tls.key".into()])
    );

    lab.ok("create configmap c1 --from-literal=a=b").await;
    assert_eq!(lab.ok("get cm c1 -o jsonpath={.data}").await, "{\"a\":\"b\"}");
    assert!(lab.fails("create -n nope configmap c1").await.contains("namespaces \"nope\" not found"));
    lab.ok("create service clusterip web --tcp=80:8080").await;
    assert_eq!(lab.ok("get svc web -o jsonpath={.spec.ports[0].targetPort}").await, "8080");
    lab.ok("create service externalname ext --external-name=example.com").await;
    assert_eq!(lab.ok("get svc ext -o jsonpath={.spec.externalName},{.spec.clusterIP}").await, "example.com,");
    let generated = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: made-}\n";
    let first = lab.kubectl_with("create -f - -o name", generated).await;
    let second = lab.kubectl_with("create -f - -o name", generated).await;
    assert!(first.stdout.starts_with("configmap/made-") && first.stdout != second.stdout, "{first:?} {second:?}");
    assert_eq!(lab.ok("auth can-i create gateways").await, "yes\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_removes_what_it_names() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(EXAMPLE).await;
    let file = lab.file("example.yaml", EXAMPLE);
    assert!(lab.fails("delete vs nope").await.contains("virtualservices.networking.istio.io \"nope\" not found"));
    assert_eq!(lab.ok("delete vs nope --ignore-not-found").await, "");
    assert_eq!(lab.ok("delete vs httpbin").await, "virtualservice.networking.istio.io \"httpbin\" deleted\n");
    let rest = lab.ok(&format!("delete --ignore-not-found -f {}", file.display())).await;
    assert_eq!(rest, "service \"httpbin\" deleted\ngateway.networking.istio.io \"gw\" deleted\n");
    lab.ok("create configmap a").await;
    lab.ok("create configmap b").await;
    lab.ok("delete cm --all").await;
    assert_eq!(lab.ok("get cm -o name").await, "");

    lab.ok("create namespace foo").await;
    lab.ok("create -n foo configmap c").await;
    assert_eq!(lab.ok("delete namespace foo").await, "namespace \"foo\" deleted\n");
    assert!(lab.fails("get ns foo").await.contains("namespaces \"foo\" not found"));
    assert_eq!(lab.ok("get cm -A -o name").await, "", "the content went too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finalizers_hold_deletions_back() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.ok("create namespace foo").await;
    lab.apply(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, namespace: foo, finalizers: [example.com/hold]}\n",
    )
    .await;
    lab.ok("delete cm -n foo held --wait=false").await;
    assert_ne!(lab.ok("get cm -n foo held -o jsonpath={.metadata.deletionTimestamp}").await, "");
    lab.ok("create -n foo configmap free").await;
    lab.ok("delete namespace foo --wait=false").await;
    assert_eq!(lab.ok("get ns foo -o jsonpath={.status.phase}").await, "Terminating");
    assert_eq!(lab.ok("get cm -n foo -o name").await, "configmap/held\n");
    let refused = lab.fails("create -n foo configmap late").await;
    assert!(refused.contains("because it is being terminated"), "{refused}");
    lab.ok(r#"patch cm -n foo held --type merge -p '{"metadata":{"finalizers":null}}'"#).await;
    assert!(lab.fails("get ns foo").await.contains("namespaces \"foo\" not found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn describe_and_explain_tell() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(EXAMPLE).await;
    let described = lab.ok("describe vs httpbin").await;
    for part in
        ["Name:         httpbin", "API Version:  networking.istio.io/v1", "Number:  8000", "Events:            <none>"]
    {
        assert!(described.contains(part), "{part}: {described}");
    }
    let service = lab.ok("describe svc httpbin").await;
    assert!(service.contains("Port:                     http  8000/TCP"), "{service}");
    assert!(lab.ok("describe ns default").await.contains("Status:       Active"));
    let explained = lab.ok("explain vs.spec.hosts").await;
    assert!(
        explained.contains("KIND:       VirtualService") && explained.contains("FIELD: hosts <[]string>"),
        "{explained}"
    );
    assert!(lab.ok("explain service.spec.ports").await.contains("targetPort"));
    let older = lab.ok("explain gw.spec.servers --output=plaintext-openapiv2").await;
    assert!(older.contains("RESOURCE: servers <[]Object>") && older.contains("hosts\t<[]string>"), "{older}");
    assert!(lab.ok("explain gw.metadata").await.contains("FIELD: metadata <ObjectMeta>"));
    assert!(lab.fails("explain vs.spec.nope").await.contains("field \"nope\" does not exist"));
    let resources = lab.ok("api-resources --api-group=networking.istio.io").await;
    let row = resources.lines().find(|line| line.starts_with("virtualservices")).expect("virtualservices");
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>(),
        ["virtualservices", "vs", "networking.istio.io/v1", "true", "VirtualService"]
    );
    assert!(lab.ok("api-versions").await.contains("networking.istio.io/v1alpha3\n"));
    assert!(lab.ok("version").await.contains("Server Version: v1.32"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_named() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    assert!(lab.fails("get vs nope").await.contains("virtualservices.networking.istio.io \"nope\" not found"));
    assert!(lab.fails("get nopes").await.contains("the server doesn't have a resource type \"nopes\""));
    let unknown = r#"
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bad}
spec:
  hosts: [x.example.com]
  hostz: 1
  http: [{rout: [], route: [{destination: {host: httpbin}}]}]
"#;
    let strict = lab.kubectl_with("apply -f -", unknown).await;
    assert_eq!(strict.code, Some(1));
    let message = "strict decoding error: unknown field \"spec.hostz\", unknown field \"spec.http[0].rout\"";
    assert!(strict.stderr.contains(message), "{strict:?}");
    let warned = lab.kubectl_with("apply --validate=warn -f -", unknown).await;
    assert_eq!(warned.stdout, "virtualservice.networking.istio.io/bad created\n");
    assert_eq!(warned.stderr, "Warning: unknown field \"spec.hostz\"\nWarning: unknown field \"spec.http[0].rout\"\n");
    let stored = lab.ok("get vs bad -o jsonpath={.spec}").await;
    assert!(!stored.contains("hostz") && !stored.contains("rout\""), "unknown fields are not kept: {stored}");
    let ignored = lab.kubectl_with("apply --validate=ignore -f -", unknown).await;
    assert_eq!((ignored.code, ignored.stderr.as_str()), (Some(0), ""));
    let wrong = unknown.replace("[x.example.com]", "7").replace("  hostz: 1\n", "").replace("rout: [], ", "");
    let invalid = lab.kubectl_with("apply -f -", &wrong).await;
    assert!(invalid.stderr.contains("The VirtualService \"bad\" is invalid: "), "{invalid:?}");
    assert!(invalid.stderr.contains("spec.hosts: Invalid value: \"integer\""), "{invalid:?}");
    let version = lab.kubectl_with("create -f -", &unknown.replace("istio.io/v1", "istio.io/v9")).await;
    assert!(
        version.stderr.contains("no matches for kind \"VirtualService\" in version \"networking.istio.io/v9\""),
        "{version:?}"
    );
    let old = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: bad, resourceVersion: \"1\"}\n\
               spec: {hosts: [x.example.com], http: [{route: [{destination: {host: httpbin}}]}]}\n";
    let conflict = lab.kubectl_with("replace -f -", old).await;
    assert!(conflict.stderr.contains("Error from server (Conflict)"), "{conflict:?}");
    assert!(
        conflict.stderr.contains("the object has been modified; please apply your changes to the latest version"),
        "{conflict:?}"
    );
    let exists = lab.kubectl_with("create -f -", &old.replace(", resourceVersion: \"1\"", "")).await;
    assert!(exists.stderr.contains("virtualservices.networking.istio.io \"bad\" already exists"), "{exists:?}");
    let named = lab.kubectl_with("create -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_b}\n").await;
    assert!(named.stderr.contains("metadata.name: Invalid value: \"A_b\""), "{named:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replace_and_edit_change_what_is_there() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(EXAMPLE).await;
    let current = lab.ok("get vs httpbin -o yaml").await;
    let replaced = lab.kubectl_with("replace -f -", &current.replace("- httpbin.example.com", "- r.example.com")).await;
    assert_eq!(replaced.stdout, "virtualservice.networking.istio.io/httpbin replaced\n", "{replaced:?}");
    for (kind, name, from, to) in
        [("vs", "httpbin", "r.example.com", "e.example.com"), ("svc", "httpbin", "8000", "8001")]
    {
        let mut edit = lab.command(["edit", kind, name]);
        edit.env("KUBE_EDITOR", format!("sed -i /{from}$/s/{from}/{to}/"));
        let edited = support::run(edit, None).await;
        assert!(edited.stdout.contains("edited"), "{edited:?}");
        assert!(lab.ok(&format!("get {kind} {name} -o yaml")).await.contains(to));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_a_kind_are_one_object() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(&EXAMPLE.replace("istio.io/v1", "istio.io/v1alpha3")).await;
    for version in ["v1", "v1beta1", "v1alpha3"] {
        let object = json(&lab.ok(&format!("get virtualservices.{version}.networking.istio.io httpbin -o json")).await);
        assert_eq!(object["apiVersion"], format!("networking.istio.io/{version}"));
        assert_eq!(object["metadata"]["generation"], 1);
    }
    // What was applied last is another text, but the same object.
    assert!(lab.apply(EXAMPLE).await.contains("virtualservice.networking.istio.io/httpbin configured"));
    assert_eq!(lab.ok("get vs httpbin -o jsonpath={.metadata.generation}").await, "1");
}

const CERTIFICATE: &str = include_str!("data/tls.crt");
const KEY: &str = include_str!("data/tls.key");
