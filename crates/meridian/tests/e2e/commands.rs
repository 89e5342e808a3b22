//! `meridian apply`, `get`, `delete` and their relatives as programs, over TLS, against a running `meridian up`: beside
//! kubectl, each in its namespace, with the same output.

use crate::support::{Meridian, connect, loopback};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

/// The namespaces; as long as each other, so that columns are as wide.
const KUBECTL: &str = "of-kubectl";
const OURS: &str = "of-ourself";

const OBJECTS: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {ports: [{name: http, port: 80, targetPort: 8080}], selector: {app: web}, clusterIP: None}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, labels: {app: web}}
spec:
  hosts: [web.example.com]
  http: [{route: [{destination: {host: web, port: {number: 80}}}]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data: {lines: "a\nb: [c]\n", number: "1"}
"#;

/// What a program has said, and its exit code.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

/// A running `meridian up`, and a folder of files, which is also the home of whoever runs commands.
struct Lab {
    meridian: Meridian,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Lab {
        let lab = Lab { meridian: Meridian::start(&[]), folder: tempfile::tempdir().unwrap() };
        lab.file("objects.yaml", OBJECTS);
        lab.file("changed.yaml", &OBJECTS.replace("web.example.com", "web.example.org").replace("\"1\"", "\"2\""));
        lab.file("one.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: b}\n");
        lab.file("env", "# a comment\nA=1\nB=two words\n");
        lab.file("tree/deep/b.yml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: deep}\n");
        lab.file("tree/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flat}\n");
        lab.file("patch.yaml", "data: {c: d}\n");
        let pair = rcgen::generate_simple_self_signed(["web.example.com".to_owned()]).unwrap();
        lab.file("tls.crt", &pair.cert.pem());
        lab.file("tls.key", &pair.signing_key.serialize_pem());
        for namespace in [KUBECTL, OURS] {
            let said = lab.run(Path::new("kubectl"), &["create", "namespace", namespace], "", &[]);
            assert_eq!(said.code, Some(0), "{said:?}");
        }
        lab
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a program with `KUBECONFIG` as `meridian up` says it.
    fn run(&self, program: &Path, words: &[&str], input: &str, variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.env("KUBECONFIG", self.meridian.data.join("kubeconfig")).envs(variables.iter().copied());
        said(command, input)
    }

    fn ours(&self, words: &[&str], input: &str) -> Said {
        self.run(Path::new(env!("CARGO_BIN_EXE_meridian")), words, input, &[])
    }

    /// Runs a line by both, each in its namespace. `VAR=VALUE` before the words are variables, what follows ` <<< ` is
    /// the input.
    fn same(&self, lines: &[&str]) {
        let mut wrong = Vec::new();
        for line in lines {
            let (command, input) = line.split_once(" <<< ").unwrap_or((line, ""));
            let mut words = words(command);
            let first = words.iter().position(|word| !word.starts_with("EDITOR=")).unwrap_or(0);
            let variables: Vec<String> = words.drain(..first).collect();
            let variables: Vec<(&str, &str)> = variables.iter().filter_map(|text| text.split_once('=')).collect();
            let by = |program: &str, namespace: &'static str| {
                let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
                words.extend(["-n", namespace]);
                let said = self.run(Path::new(program), &words, input, &variables);
                Said { out: normal(&said.out, namespace), err: normal(&said.err, namespace), ..said }
            };
            let (theirs, ours) = (by("kubectl", KUBECTL), by(env!("CARGO_BIN_EXE_meridian"), OURS));
            if theirs != ours {
                wrong.push(format!("{line}\n  kubectl: {theirs:#?}\n  ours: {ours:#?}"));
            }
        }
        assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), lines.len(), wrong.join("\n\n"));
    }
}

fn said(mut command: Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error} (cargo xtask setup)"));
    // Who does not read its input has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
}

/// Splits at spaces outside single quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Without what cannot be the same: the namespace, the program's name, times, versions and identities.
fn normal(text: &str, namespace: &str) -> String {
    const HIDDEN: [&str; 12] = [
        "uid:",
        "resourceVersion:",
        "creationTimestamp:",
        "\"uid\":",
        "\"resourceVersion\":",
        "\"creationTimestamp\":",
        "UID:",
        "Resource Version:",
        "Creation Timestamp:",
        "Last Transition Time:",
        "lastTransitionTime:",
        "\"lastTransitionTime\":",
    ];
    let text = text.replace(namespace, "NAMESPACE").replace("meridian ", "kubectl ");
    let age = |word: &str| {
        let digits = word.strip_suffix('s').unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let line = |line: &str| match HIDDEN.iter().find(|name| line.trim_start_matches([' ', '-']).starts_with(**name)) {
        Some(name) => (*name).to_owned(),
        None => line.split(' ').map(|word| if age(word) { "AGE" } else { word }).collect::<Vec<_>>().join(" "),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn commands_say_what_kubectl_says() {
    let lab = Lab::new();
    lab.same(&[
        "apply -f objects.yaml --dry-run=client",
        "apply -f objects.yaml --dry-run=server",
        "apply -f objects.yaml",
        "apply -f objects.yaml",
        "apply -f changed.yaml -o name",
        "apply -f one.yaml --server-side",
        "apply -f tree -R",
        "apply -f tree",
        "apply -f - <<< {\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"piped\"}}",
        "apply -f missing.yaml",
    ]);
    for namespace in [KUBECTL, OURS] {
        let written = "--for=jsonpath={.status.observedGeneration}=2";
        let said =
            lab.run(Path::new("kubectl"), &["wait", "vs/web", written, "--timeout=20s", "-n", namespace], "", &[]);
        assert_eq!(said.code, Some(0), "the status is written: {said:?}");
    }
    lab.same(&[
        "get cm,svc,vs --field-selector=metadata.name!=kube-root-ca.crt",
        "get vs web -o wide",
        "get vs web -o yaml",
        "get vs web -o json",
        "get cm texts -o yaml",
        "get svc web -o json",
        "get svc web -o wide --show-labels",
        "get vs,svc -o name",
        "get vs web -o jsonpath={.spec.hosts[0]}",
        "get vs -o 'jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}'",
        "get vs web -o custom-columns=NAME:.metadata.name,HOSTS:.spec.hosts",
        "get vs nothing",
        "get nothings",
        "get vs -l app=none",
        "get vs/web cm/texts",
        "get -f objects.yaml",
        "get namespaces kube-system --no-headers",
    ]);
    lab.same(&[
        "describe vs web",
        "describe cm one",
        "describe vs nothing",
        "create namespace kube-system",
        "create ns made --dry-run=client -o yaml",
        "create configmap file --from-file=tree --from-literal=a=b",
        "create cm env --from-env-file=env -o yaml",
        "create secret generic plain --from-literal=a=b --from-file=key=env",
        "create secret generic plain --from-literal=a=b",
        "create secret tls web --cert=tls.crt --key=tls.key",
        "create secret docker-registry registry --docker-server=r.example.com --docker-username=u --docker-password=p",
        "describe secret registry",
        "get secrets",
        "create configmap Upper",
        "create secret generic Upper",
        "create serviceaccount reader",
        "create serviceaccount reader",
        "create role reader --verb=get,list,get --resource=vs,configmaps,deployments.apps/scale --resource-name=a",
        "create role reader --verb=get --resource=vs",
        "create role odd --verb=look --resource=nothings",
        "create role odd --verb=look --resource=pods --dry-run=client -o yaml",
        "get role reader -o yaml",
        "create rolebinding reader --clusterrole=view --user=ann --group=team --serviceaccount=shop:ci",
        "create rolebinding reader --role=reader --user=ann",
        "create rolebinding both --role=reader --clusterrole=view",
        "get rolebindings reader -o yaml",
        "create clusterrole health --verb=get --non-resource-url=/healthz,/logs/* --dry-run=client -o yaml",
        "create clusterrole health --verb=get --non-resource-url=health",
        "create clusterrolebinding all --clusterrole=view --serviceaccount=shop --dry-run=server",
        "create clusterrolebinding all --clusterrole=view --serviceaccount=shop:ci --dry-run=server -o yaml",
        "create token nobody",
        "create -f one.yaml",
    ]);
    lab.same(&[
        "replace -f one.yaml",
        "replace -f missing.yaml",
        "replace --force -f one.yaml",
        "EDITOR=true edit cm one",
        "EDITOR='sed -i /a:.b$/s/b$/changed/' edit cm one",
        "get cm one -o jsonpath={.data}",
        "patch cm one -p {\"data\":{\"b\":\"c\"}}",
        "patch cm one --type=merge -p {\"data\":{\"b\":null}}",
        "patch cm one --type=merge --patch-file=patch.yaml",
        "patch cm one --type=json -p '[{\"op\": \"remove\", \"path\": \"/data/c\"}]'",
        "patch cm one --type=json -p '[{\"op\": \"remove\", \"path\": \"/data/c\"}]'",
        "patch vs web -p {\"spec\":{}}",
        "label vs web team=a",
        "label vs web team=b",
        "label vs web team=b --overwrite",
        "label vs --all color=blue",
        "label vs web team-",
        "annotate cm one note='by hand'",
        "annotate cm one note-",
        "api-resources",
        "api-resources --api-group=networking.istio.io -o wide",
        "api-resources --namespaced=false -o name",
        "explain vs",
        "explain vs.spec.http.match --recursive",
        "explain gateways.networking.istio.io.spec.servers.tls.mode",
        "explain services.spec",
        "explain cm --api-version=v9",
        "explain vs.spec.nothing",
        "explain nothings",
        "delete cm one --dry-run=server",
        "delete cm one -o name",
        "delete cm one",
        "delete -f objects.yaml --ignore-not-found",
        "delete secret -l a=b",
        "delete secrets,sa --all --wait=false",
    ]);
}

/// Serves a text at every path but `/missing`, for as long as the test runs.
fn serve(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::new(loopback(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
            let path = lines.next().unwrap_or_default();
            lines.find(String::is_empty);
            let (status, body) = if path.contains("/missing") { ("404 Not Found", "") } else { ("200 OK", text) };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = connection.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address
}

#[test]
fn files_may_be_addresses_and_the_environment_leads_to_the_api() {
    let lab = Lab::new();
    let address = serve(OBJECTS);
    // The server answers before the first command asks.
    drop(connect(address));
    lab.same(&[
        &format!("apply -f http://{address}/objects.yaml"),
        &format!("delete -f http://{address}/objects.yaml"),
        &format!("apply -f http://{address}/missing"),
    ]);
    // Without a variable the kubeconfig is that of the data folder.
    let data = lab.meridian.data.parent().unwrap();
    std::os::unix::fs::symlink(&lab.meridian.data, data.join("meridian")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.args(["get", "ns", OURS, "-o", "name"]).env_remove("KUBECONFIG").env("XDG_DATA_HOME", data);
    let found = said(command, "");
    assert_eq!((found.out.as_str(), found.code), ("namespace/of-ourself\n", Some(0)), "{found:?}");
    let missing = lab.run(Path::new(env!("CARGO_BIN_EXE_meridian")), &["get", "ns"], "", &[("KUBECONFIG", "/missing")]);
    assert!(missing.err.contains("KUBECONFIG is /missing, which is no file"), "{missing:?}");
}

#[test]
fn what_only_kubectl_has_is_refused_with_its_name() {
    let lab = Lab::new();
    for (words, expected) in [
        (&["apply", "-k", "tree"][..], "use `kubectl kustomize tree | meridian apply -f -`"),
        (&["delete", "-k", "tree"], "-k is not supported: kubectl builds kustomizations"),
        (&["apply", "--prune", "-l", "app=web", "-f", "objects.yaml"], "--prune is not supported"),
        (&["get", "vs", "-o", "go-template={{.kind}}"], "go-template is not supported; kubectl has it"),
        (&["create", "cronjob", "web"], "create cronjob is not supported; kubectl has it"),
    ] {
        let said = lab.ours(words, "");
        assert!(said.err.contains(expected) && said.code != Some(0), "{words:?}: {said:?}");
    }
    let said = lab.run(Path::new("kubectl"), &["get", "vs,svc,cronjobs", "-n", OURS, "-o", "name"], "", &[]);
    assert_eq!(said.out, "", "nothing was made");
}

#[test]
fn tokens_are_good_for_the_api() {
    let lab = Lab::new();
    assert_eq!(lab.ours(&["create", "sa", "reader", "-n", OURS], "").code, Some(0));
    let token = lab.ours(&["create", "token", "reader", "-n", OURS, "--duration=10m"], "");
    let [head, .., tail] = &token.out.trim_end().split('.').collect::<Vec<_>>()[..] else { panic!("{token:?}") };
    assert!(!head.is_empty() && !tail.is_empty(), "a token has three parts");
    let who = lab.run(
        Path::new("kubectl"),
        &["auth", "whoami", "--token", token.out.trim_end(), "-o", "jsonpath={.status.userInfo.username}"],
        "",
        &[("KUBECONFIG", without_certificate(&lab).to_str().unwrap())],
    );
    assert_eq!(who.out, format!("system:serviceaccount:{OURS}:reader"), "{who:?}");
}

/// The kubeconfig of the data folder without its client certificate, which would count before a token.
fn without_certificate(lab: &Lab) -> std::path::PathBuf {
    let text = std::fs::read_to_string(lab.meridian.data.join("kubeconfig")).unwrap();
    let kept = text.lines().filter(|line| !line.trim_start().starts_with("client-"));
    let text = kept.collect::<Vec<_>>().join("\n").replace("  user:\n", "  user: {}\n");
    lab.file("anonymous", &text);
    lab.folder.path().join("anonymous")
}
