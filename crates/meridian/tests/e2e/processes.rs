//! Proxies that are processes of their own: what they do without their control plane, and whom it believes.

use crate::support::{Answer, Backend, Meridian, PATIENCE, ask, connect, eventually, loopback};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A running `meridian gateway` called `edge`, killed when dropped.
struct Gateway {
    child: Child,
    log: Arc<Mutex<String>>,
    address: IpAddr,
}

impl Gateway {
    /// Starts it with more arguments; it does not wait for anything.
    fn start(address: IpAddr, arguments: &[&str]) -> Gateway {
        let mut child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["gateway", "--name", "edge", "--labels", "istio=edge", "--threads", "1"])
            .args(["--ip", &address.to_string()])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("meridian starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, sink) = (child.stderr.take().expect("stderr is piped"), log.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = sink.lock().expect("no reader panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Gateway { child, log, address }
    }

    /// One that `meridian` drives in plaintext.
    fn of(meridian: &Meridian, address: IpAddr, arguments: &[&str]) -> Gateway {
        let discovery = SocketAddr::new(meridian.address, 15010).to_string();
        Gateway::start(address, &[&["--discovery", &discovery], arguments].concat())
    }

    fn log(&self) -> String {
        self.log.lock().expect("no reader panics").clone()
    }

    fn wait_for_log(&self, text: &str) -> String {
        let found = || self.log().lines().find(|line| line.contains(text)).map(str::to_owned);
        eventually(&format!("{text:?} in the gateway's log"), found, || self.log())
    }

    fn http(&self) -> SocketAddr {
        SocketAddr::new(self.address, 8080)
    }

    /// The body of a GET, when its status is 200.
    fn get(&self, host: &str) -> Option<String> {
        let mut connection = TcpStream::connect(self.http()).ok()?;
        connection.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        write!(connection, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").ok()?;
        let answer = Answer::read(&mut connection);
        (answer.status == 200).then(|| answer.text())
    }

    fn eventually(&self, host: &str, body: &str) {
        let matching = || self.get(host).filter(|found| found == body);
        eventually(&format!("{body:?} from {host}"), matching, || self.log());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Gateway for the process, on these ports of it.
fn servers(ports: &[u16]) -> String {
    let server =
        |port: &u16| format!("  - {{port: {{number: {port}, name: http-{port}, protocol: HTTP}}, hosts: ['*']}}\n");
    let servers: String = ports.iter().map(server).collect();
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: edge}}\nspec:\n  selector: {{istio: edge}}\n  \
         servers:\n{servers}"
    )
}

fn direct(body: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: one}}\nspec:\n  hosts: \
         [one.example.com]\n  gateways: [edge]\n  http: [{{directResponse: {{status: 200, body: {{string: {body}}}}}}}]\n"
    )
}

#[test]
fn a_gateway_serves_on_while_its_control_plane_is_away_and_through_its_own_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, state) = (scratch.path().join("data"), scratch.path().join("state"));
    let home = loopback();
    let mut meridian = Meridian::start_in(&data, home, &[]);
    let backend = Backend::start();
    meridian.applied(&backend.service_entry());
    meridian.applied(&servers(&[8080]));
    meridian.create(
        "/apis/networking.istio.io/v1/namespaces/default/virtualservices",
        &json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "steady"},
            "spec": {"hosts": ["steady.example.com"], "gateways": ["edge"],
                "http": [{"route": [{"destination": {"host": "backend.test", "port": {"number": 8000}}}]}]},
        }),
    );
    meridian.applied(&direct("first"));
    let keep = ["--state", state.to_str().unwrap()];
    let mut gateway = Gateway::of(&meridian, loopback(), &keep);
    gateway.eventually("one.example.com", "first");
    let proxies = status(&meridian);
    assert!(proxies.contains("edge.istio-system") && proxies.contains("ingressgateway.istio-system"), "{proxies}");

    let mut wrk = Command::new("wrk")
        .args(["-t1", "-c16", "-d300s", "--timeout", "10s", "-H", "Host: steady.example.com"])
        .arg(format!("http://{}/status/200", gateway.http()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("wrk is installed (cargo xtask setup)");
    meridian.kill();
    gateway.wait_for_log("the configuration stays as it is");
    gateway.eventually("one.example.com", "first");
    let meridian = Meridian::start_in(&data, home, &[]);
    // The change comes to a proxy that has come back, and nothing else does.
    meridian.applied(&direct("second"));
    gateway.eventually("one.example.com", "second");
    assert!(wrk.try_wait().expect("wrk can be asked").is_none(), "wrk ended before the test did");
    Command::new("kill").args(["-INT", &wrk.id().to_string()]).status().expect("kill is installed");
    let report = String::from_utf8(wrk.wait_with_output().expect("wrk ends").stdout).expect("wrk prints text");
    assert!(report.contains("requests in"), "{report}");
    assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{report}");
    println!("{report}");

    // Both are gone, and only the gateway comes back.
    let kept = || std::fs::read(state.join("configuration.pb")).ok().filter(|kept| contains(kept, b"second"));
    eventually("the configuration on disk", kept, String::new);
    drop(meridian);
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    let discovery = SocketAddr::new(home, 15010).to_string();
    let gateway = Gateway::start(gateway.address, &[&["--discovery", &discovery], &keep[..]].concat());
    gateway.eventually("one.example.com", "second");
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What `meridian proxy-status` prints.
fn status(meridian: &Meridian) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(["proxy-status", "--kubeconfig"])
        .arg(meridian.data.join("kubeconfig"))
        .output()
        .expect("meridian starts");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn what_a_proxy_rejects_is_said_on_the_object() {
    let meridian = Meridian::start(&[]);
    let address = loopback();
    let busy = TcpListener::bind((address, 8081)).unwrap();
    meridian.applied(&servers(&[8080, 8081]));
    meridian.applied(&direct("served"));
    let gateway = Gateway::of(&meridian, address, &[]);
    gateway.eventually("one.example.com", "served");
    let path = "/apis/networking.istio.io/v1/namespaces/default/gateways/edge";
    let message = meridian.condition(path, "Programmed", "False");
    assert!(message.starts_with("Rejected by proxy edge.istio-system: LDS 0.0.0.0_8081: listener"), "{message}");
    assert!(message.contains("in use"), "{message}");
    assert!(status(&meridian).contains("STALE"), "{}", status(&meridian));
    // Without that server there is nothing to reject.
    drop(busy);
    meridian.applied(&servers(&[8080]));
    meridian.condition(path, "Programmed", "True");
}

/// A token for a service account, and the mesh's root certificate, in files.
fn credentials(meridian: &Meridian, folder: &Path, account: &str) -> (PathBuf, PathBuf) {
    meridian.applied(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {account}, namespace: istio-system}}\n"
    ));
    let output = meridian.kubectl(["create", "token", account, "-n", "istio-system", "--audience=istio-ca"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let root = meridian.kubectl([
        "get",
        "secret",
        "istio-ca-secret",
        "-n",
        "istio-system",
        "-o",
        "go-template={{index .data \"root-cert.pem\" | base64decode}}",
    ]);
    assert!(root.status.success(), "{}", String::from_utf8_lossy(&root.stderr));
    let (token_file, root_file) = (folder.join(format!("token-{account}")), folder.join("root-cert.pem"));
    std::fs::write(&token_file, output.stdout).unwrap();
    std::fs::write(&root_file, root.stdout).unwrap();
    (token_file, root_file)
}

#[test]
fn a_proxy_is_believed_who_its_certificate_says() {
    let meridian = Meridian::start(&[]);
    let scratch = tempfile::tempdir().unwrap();
    meridian.applied(&servers(&[8080]));
    meridian.applied(&direct("secure"));
    let discovery = SocketAddr::new(meridian.address, 15012).to_string();
    let (token, root) = credentials(&meridian, scratch.path(), "edge");
    let state = scratch.path().join("state");
    let arguments = |account: &'static str| {
        let paths = [&token, &root, &state].map(|path| path.to_str().unwrap().to_owned());
        let [token, root, state] = paths;
        let discovery = discovery.clone();
        [
            "--discovery",
            &discovery,
            "--token-file",
            &token,
            "--root-cert",
            &root,
            "--state",
            &state,
            "--service-account",
            account,
        ]
        .map(str::to_owned)
    };
    let start = |account: &'static str| {
        let arguments = arguments(account);
        Gateway::start(loopback(), &arguments.each_ref().map(String::as_str))
    };
    let gateway = start("edge");
    gateway.eventually("one.example.com", "secure");
    let mode = std::fs::metadata(state.join("identity.json")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    drop(gateway);
    std::fs::remove_dir_all(&state).unwrap();

    // The token is for another service account than the node says.
    let impostor = start("someone-else");
    let line = impostor.wait_for_log("PermissionDenied");
    assert!(line.contains("it is service account istio-system/someone-else"), "{line}");
    assert!(line.contains("its certificate is for spiffe://cluster.local/ns/istio-system/sa/edge"), "{line}");
    assert_eq!(impostor.get("one.example.com"), None);
    meridian.wait_for_log("a proxy is refused");

    // Nothing is said in plaintext to who wants TLS.
    let mut connection = connect(discovery.parse().unwrap());
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut connection, &mut answer);
    assert!(!contains(&answer, b"resource"), "{answer:?}");
}

#[test]
fn a_gateway_that_is_told_to_stop_says_so_first_and_still_accepts() {
    let meridian = Meridian::start(&[]);
    meridian.applied(&servers(&[8080]));
    meridian.applied(&direct("one"));
    let mut gateway = Gateway::of(&meridian, loopback(), &["--drain-delay", "300"]);
    gateway.eventually("one.example.com", "one");
    let readiness = || {
        let mut connection = connect(SocketAddr::new(gateway.address, 15021));
        ask(&mut connection, "ready", "/healthz/ready").status
    };
    assert_eq!(readiness(), 200);
    let mut open = connect(gateway.http());
    let is_last = |answer: &Answer| answer.head.to_ascii_lowercase().contains("connection: close");
    assert!(!is_last(&ask(&mut open, "one.example.com", "/")), "nothing is said before it is told");

    let terminate = || Command::new("kill").args(["-TERM", &gateway.child.id().to_string()]).status();
    assert!(terminate().unwrap().success());
    eventually("it is not ready", || (readiness() == 503).then_some(()), || gateway.log());
    let answer = ask(&mut open, "one.example.com", "/");
    assert!(answer.status == 200 && is_last(&answer), "{}", answer.head);
    assert_eq!(gateway.get("one.example.com").as_deref(), Some("one"), "new connections are served");
    // A change is followed meanwhile, and does not make it ready again.
    meridian.applied(&direct("two"));
    gateway.eventually("one.example.com", "two");
    assert_eq!(readiness(), 503);

    assert!(terminate().unwrap().success());
    gateway.wait_for_log("stopped");
    assert!(gateway.child.wait().unwrap().success());
}
