//! The commands of the five documents, word for word, with the real kubectl against `meridian up`.
//!
//! Every command runs in the documents' order and must succeed, but for those that [`LEFT_OUT`] names with the reason.
//! A command that is in neither is a failure. What differs from a reader's own machine: the indentation of YAML is given
//! back where the documents lost it (`data/indentation.txt`), `oc` and `istioctl` are other names of `kubectl` and
//! `meridian`, and the sample httpbin is ours, from loopback.
#![allow(clippy::unwrap_used)]

mod seed;
mod session;

use seed::{Command, Document};
use session::{Backend, Outcome, Session, on_loopback};

/// Commands that are not run: how they begin or what they contain, and why.
const LEFT_OUT: [(&str, &str); 11] = [
    ("kubectl exec ", "needs a shell in a pod"),
    ("kubectl logs ", "reads the log of a pod's container; here a gateway's log is the standard output of `up`"),
    ("istioctl install ", "installs a mesh on Kubernetes"),
    ("istioctl proxy-config cluster istio-ingressgateway-569669bb67-b6p5r", "names a pod of the author's cluster"),
    ("curl https://api.v1.nginx.external.istio ", "asks a machine of the author's network from a pod"),
    ("curl https://api.v2.nginx.external.istio ", "asks a machine of the author's network from a pod"),
    ("curl 10.108.228.41/", "asks the author's own service, by an address of its cluster"),
    (
        "curl -v -H Host:www.example.com ",
        "asks port 80 or 443 of the gateway's address; `e2e/front_of_a_mesh` asks the same",
    ),
    ("curl -v -HHost:helloworld-v1.example.com ", "asks an application that runs in a pod"),
    ("curl -v -HHost:httpbin.example.com ", "its VirtualService names a Gateway that the document has deleted before"),
    ("curl -v --resolve nginx.example.com:", "asks an application that runs in a pod"),
];

/// The requests of the third document that are made, by their lines: through the gateway, which a node port leads to, to
/// a backend that stands for the pod.
const REQUESTS: [(usize, Answer); 6] = [
    (110, Answer::Status("200")),
    (120, Answer::Status("404")),
    (209, Answer::Status("200")),
    (223, Answer::Status("404")),
    // The certificate is of another authority.
    (392, Answer::Refusal),
    // There is no certificate of the client.
    (572, Answer::Refusal),
];

/// What a request is answered with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    /// This status.
    Status(&'static str),
    /// No handshake.
    Refusal,
}

/// What a request of a command is answered with.
fn request(command: &Command) -> Option<Answer> {
    let is_one = command.text.starts_with("curl ") && command.text.contains("$INGRESS_HOST");
    REQUESTS.iter().find(|(line, _)| is_one && *line == command.line).map(|(_, answer)| *answer)
}

/// What a shell is given for a command. A request is made again until it is answered as it is to be, or for so long that
/// the configuration must be live: the documents' reader is slower than this test.
fn script(command: &Command) -> String {
    let Some(answer) = request(command) else { return on_loopback(&command.text) };
    let text = &command.text;
    let as_wanted = match answer {
        Answer::Status(code) => format!("grep -q 'HTTP/[0-9.]* {code}' answer"),
        Answer::Refusal => "grep -q '^curl: ([0-9]*)' answer && ! grep -q 'onnection refused' answer".to_owned(),
    };
    format!(
        "for attempt in $(seq 200); do\n{{ {text}\n}} > answer 2>&1\nif {as_wanted}; then break; fi\nsleep 0.1\ndone\n\
         cat answer; {as_wanted}"
    )
}

/// Programs of a shell whose commands run as they are.
const SHELL: [&str; 7] = ["export", "echo", "cat", "mkdir", "rm", "for", "openssl"];

/// What kubectl is asked for in the documents.
const KUBECTL: [&str; 6] = ["apply", "create", "delete", "get", "label", "patch"];

/// What the text of the third document tells its reader to do again, before the command of a line: to deploy httpbin, for
/// Kubernetes Ingress and for TLS.
const AGAIN: [(usize, usize); 2] = [(190, 22), (278, 22)];

/// What becomes of a command.
#[derive(Debug, PartialEq)]
enum Fate {
    Run,
    LeftOut,
}

fn fate(command: &Command) -> Fate {
    let text = &command.text;
    if request(command).is_some() {
        return Fate::Run;
    }
    if LEFT_OUT.iter().any(|(start, _)| text.starts_with(start)) {
        return Fate::LeftOut;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let known = match words[0] {
        "kubectl" | "oc" => {
            // The namespace may come first.
            let verb = if words[1] == "-n" { words[3] } else { words[1] };
            KUBECTL.contains(&verb)
        }
        "istioctl" => words[1] == "create",
        program => SHELL.contains(&program),
    };
    assert!(known, "line {}: neither run nor left out: {text}", command.line);
    Fate::Run
}

/// Whether what kubectl says is what it says on Kubernetes when it has done what it was asked to.
fn is_fine(command: &Command, outcome: &Outcome) -> Result<(), String> {
    let text = &command.text;
    if outcome.code != 0 {
        return Err(format!("ended with {}", outcome.code));
    }
    let done: &[&str] = match () {
        () if text.contains("kubectl apply") => &["created", "configured", "unchanged"],
        () if text.starts_with("kubectl create ") || text.starts_with("istioctl create ") => &["created"],
        () if text.contains("kubectl patch ") => &["patched", "patched (no change)"],
        () if text.contains("kubectl label ") => &["labeled", "not labeled"],
        () if text.contains("rollout restart ") => &["restarted"],
        () if text.starts_with("kubectl") && text.contains(" delete ") => &["deleted"],
        () => return Ok(()),
    };
    let is_done = |line: &str| done.iter().any(|word| line.ends_with(&format!(" {word}")));
    match outcome.stdout.lines().find(|line| !is_done(line)) {
        Some(line) => Err(format!("says {line:?}")),
        None if outcome.stdout.is_empty() && !text.contains("--ignore-not-found") => Err("says nothing".to_owned()),
        None => Ok(()),
    }
}

/// Whether the first columns of what is printed are those that the document shows.
fn same_columns(command: &Command, outcome: &Outcome, columns: usize) {
    let cells = |line: &str| line.split_whitespace().take(columns).map(str::to_owned).collect::<Vec<_>>();
    let printed: Vec<_> = outcome.stdout.lines().map(cells).collect();
    let shown: Vec<_> = command.shown.iter().map(|line| cells(line)).collect();
    assert_eq!(printed, shown, "{}", command.text);
}

/// Runs a document; each command that ran, with its outcome.
fn play(number: usize, prepare: impl FnOnce(&Session, &Document)) -> Option<(Session, Vec<(Command, Outcome)>)> {
    let document = Document::read(number)?;
    let mut commands: Vec<Command> = document.commands().into_iter().filter(|c| fate(c) == Fate::Run).collect();
    for (before, line) in AGAIN.iter().filter(|_| number == 2) {
        let again =
            commands.iter().find(|command| command.line == *line).expect("the document has the command").clone();
        let place = commands.iter().position(|command| command.line == *before).expect("the document has the command");
        commands.insert(place, again);
    }
    let session = Session::start();
    prepare(&session, &document);
    let texts: Vec<String> = commands.iter().map(script).collect();
    let outcomes = session.run_all(&texts);
    let played: Vec<(Command, Outcome)> = commands.into_iter().zip(outcomes).collect();
    let failures: Vec<String> = played
        .iter()
        .filter_map(|(command, outcome)| {
            let why = is_fine(command, outcome).err()?;
            Some(format!("line {}: {why}\n{}\n{}{}", command.line, command.text, outcome.stdout, outcome.stderr))
        })
        .collect();
    let (failed, all) = (failures.len(), played.len());
    assert!(failures.is_empty(), "{failed} of {all} commands:\n{}\n{}", failures.join("\n"), session.log());
    println!("document {number}: {all} commands");
    Some((session, played))
}

/// The outcome of the command of a line.
fn at(played: &[(Command, Outcome)], line: usize) -> &(Command, Outcome) {
    played.iter().find(|(command, _)| command.line == line).unwrap_or_else(|| panic!("no command ran at line {line}"))
}

#[test]
fn every_command_runs_or_is_left_out_with_a_reason() {
    let mut found = (0, 0);
    for number in 0..seed::NAMES.len() {
        let Some(document) = Document::read(number) else { return };
        for command in document.commands() {
            match fate(&command) {
                Fate::Run => found.0 += 1,
                Fate::LeftOut => found.1 += 1,
            }
        }
    }
    assert_eq!(found, (109, 30));
}

#[test]
fn tls_through_an_egress_gateway() {
    // The first document has no commands; its reader applies its objects.
    let Some((session, _)) = play(0, |session, document| {
        let objects = [(19, 42), (48, 60), (131, 147), (177, 192), (198, 226)];
        let files: Vec<String> = objects.iter().map(|(first, last)| document.file(*first, *last)).collect();
        session.file("all.yaml", &files.join("---\n"));
    }) else {
        return;
    };
    let applied = session.run("kubectl apply -f all.yaml");
    assert_eq!(applied.stdout.lines().filter(|line| line.ends_with(" created")).count(), 5, "{applied:?}");
}

#[test]
fn access_to_services_outside_of_the_mesh() {
    let Some((session, played)) = play(1, |_, _| {}) else { return };
    let (_, mesh) = at(&played, 57);
    assert!(mesh.stdout.contains("\n  mesh: ") && mesh.stdout.contains("accessLogFile: /dev/stdout"), "{mesh:?}");
    // The pods that were deleted are there again.
    for name in ["pilot", "ingressgateway", "egressgateway"] {
        let pods = session.run(&format!("kubectl get pod -n istio-system -l istio={name} -o name"));
        assert_eq!(pods.stdout.lines().count(), 1, "{name}: {pods:?}");
    }
    let ports = session.run("kubectl get serviceentry edition-cnn-com -o jsonpath='{.spec.ports[*].targetPort}'");
    assert_eq!(ports.stdout, "443", "the second form is what counts");
}

#[test]
fn ingress() {
    let mut backend = None;
    let prepare = |session: &Session, _: &Document| {
        let (running, address) = Backend::start();
        backend = Some(running);
        session.file("endpoints.yaml", &include_str!("data/endpoints.yaml").replace("ADDRESS", &address.to_string()));
        let made = session.run("kubectl apply -f endpoints.yaml");
        assert_eq!(made.code, 0, "{made:?}");
    };
    let Some((session, played)) = play(2, prepare) else { return };
    for line in [110, 209] {
        let (command, answer) = at(&played, line);
        assert!(answer.stdout.lines().any(|line| line == "server: istio-envoy"), "{}: {answer:?}", command.text);
    }
    let (command, service) = at(&played, 28);
    // AGE is the last column, and PORT(S) is abridged there.
    same_columns(&Command { shown: vec![command.shown[0].clone()], ..command.clone() }, &head(service), 6);
    let row: Vec<&str> = service.stdout.lines().nth(1).unwrap_or_default().split_whitespace().collect();
    assert_eq!((row[0], row[1]), ("istio-ingressgateway", "LoadBalancer"), "{service:?}");
    let (command, httpbin) = at(&played, 104);
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (shown, printed) = (cells(&command.shown[0]), cells(&httpbin.stdout));
    assert_eq!((&printed[0], &printed[1], &printed[3..5]), (&shown[0], &shown[1], &shown[3..5]), "{httpbin:?}");
    let (_, variables) = at(&played, 170);
    let port = variables.stdout.trim().rsplit('=').next().and_then(|port| port.parse::<u16>().ok()).unwrap_or(0);
    assert!((30000..=32767).contains(&port), "a node port: {variables:?}");
    assert!(variables.stdout.starts_with(&format!("INGRESS_HOST={}, ", session.address)), "{variables:?}");
    let (_, gateways) = at(&played, 172);
    assert!(gateways.stdout.contains("default     httpbin-gateway"), "{gateways:?}");
    let (_, secrets) = at(&played, 616);
    for name in ["httpbin-credential", "helloworld-credential"] {
        assert!(secrets.stdout.lines().any(|line| line.starts_with(name)), "{name}: {secrets:?}");
    }
    // The document cleans up behind itself.
    for kind in ["gateways.networking.istio.io", "virtualservice", "ingress", "deployment"] {
        let left = session.run(&format!("kubectl get {kind} -o name"));
        assert_eq!(left.stdout, "", "{kind}: {left:?}");
    }
}

fn head(outcome: &Outcome) -> Outcome {
    let stdout = outcome.stdout.lines().next().unwrap_or_default().to_owned();
    Outcome { stdout, stderr: String::new(), code: outcome.code }
}

#[test]
fn egress() {
    let played = play(3, |session, document| {
        session.file("istio.yaml", &document.file(26, 89));
        let made = session.run("kubectl create namespace test");
        assert_eq!(made.code, 0, "{made:?}");
    });
    let Some((session, _)) = played else { return };
    let namespace = session.run("kubectl get namespace test --ignore-not-found -o name");
    assert_eq!(namespace.stdout, "", "{namespace:?}");
}

#[test]
fn a_gateway_in_front_of_a_mesh() {
    let files = [
        ("control-plane-tls.yaml", 10, 13),
        ("teg-sidecars-no-inbound.yaml", 17, 30),
        ("gtwcls-use-envoyproxy.yaml", 35, 40),
        ("apps-gateway.yaml", 54, 64),
        ("httpbin-route.yaml", 73, 100),
        ("strict-mtls.yaml", 139, 146),
        ("tls-apps-gateway.yaml", 159, 173),
    ];
    let played = play(4, |session, document| {
        for (name, first, last) in files {
            session.file(name, &document.file(first, last));
        }
        session.file("before.yaml", include_str!("data/before-004.yaml"));
        let made = session.run("kubectl apply -f before.yaml");
        assert_eq!(made.code, 0, "{made:?}");
    });
    let Some((session, _)) = played else { return };
    let service = session.run(
        "kubectl get service envoy-gateway -n envoy-gateway-system -o \
         jsonpath='{.spec.ports[?(@.port==18000)].appProtocol}'",
    );
    assert_eq!(service.stdout, "tls", "the patch went into the port of that number: {service:?}");
    let class = session.run("kubectl get gatewayclass teg -o jsonpath='{.spec.parametersRef.name}'");
    assert_eq!(class.stdout, "data-plane-sidecars", "{class:?}");
}
