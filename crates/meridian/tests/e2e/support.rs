//! Starts the real program on loopback addresses of its own, and talks to it as a user does.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything that is only waited for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running `meridian up`, killed when dropped.
pub(crate) struct Meridian {
    child: Child,
    /// Standard error, as far as it was read.
    log: Arc<Mutex<String>>,
    /// `--data`
    pub(crate) data: PathBuf,
    /// The gateway `ingressgateway` listens here, as the API does.
    pub(crate) address: IpAddr,
    _scratch: Option<tempfile::TempDir>,
}

/// A loopback address that no other test of this machine's run uses.
pub(crate) fn loopback() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, high.clamp(1, 254), low, NEXT.fetch_add(1, Ordering::Relaxed)))
}

impl Meridian {
    /// Starts with more arguments on a scratch data folder, and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Meridian {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let mut meridian = Meridian::start_in(&scratch.path().join("data"), loopback(), arguments);
        meridian._scratch = Some(scratch);
        meridian
    }

    /// Starts on a given data folder and address, and waits until it is ready.
    pub(crate) fn start_in(data: &Path, address: IpAddr, arguments: &[&str]) -> Meridian {
        let meridian = Meridian::spawn_in(data, address, arguments);
        meridian.wait_for_log("ready");
        meridian
    }

    /// Starts without waiting.
    pub(crate) fn spawn_in(data: &Path, address: IpAddr, arguments: &[&str]) -> Meridian {
        Meridian::spawn_with(data, address, arguments, &[])
    }

    /// Starts with environment variables, without waiting.
    pub(crate) fn spawn_with(data: &Path, address: IpAddr, arguments: &[&str], variables: &[(&str, &str)]) -> Meridian {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
        command.envs(variables.iter().copied());
        Meridian::spawn_by(command, data, address, arguments)
    }

    /// Starts by a command that runs the words after its own, or the program itself, without waiting.
    pub(crate) fn spawn_by(mut command: Command, data: &Path, address: IpAddr, arguments: &[&str]) -> Meridian {
        let mut child = command
            .args(["up", "--threads", "1", "--data"])
            .arg(data)
            .args(["--api", &format!("{address}:16443"), "--gateway", &format!("ingressgateway={address}")])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("meridian starts");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().expect("stderr is piped");
        let sink = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = sink.lock().expect("no reader panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Meridian { child, log, data: data.to_owned(), address, _scratch: None }
    }

    /// Standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no reader panics").clone()
    }

    /// Waits until standard error contains `text`, and returns the line.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        let found = || self.log().lines().find(|line| line.contains(text)).map(str::to_owned);
        eventually(&format!("{text:?} in the log"), found, || self.log())
    }

    /// The gateway's HTTP port.
    pub(crate) fn gateway(&self) -> SocketAddr {
        SocketAddr::new(self.address, 8080)
    }

    /// Runs the real kubectl against this API.
    pub(crate) fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(self.data.join("kubeconfig"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("kubectl is installed (cargo xtask setup)")
    }

    /// `kubectl apply` of a text.
    pub(crate) fn apply(&self, yaml: &str) -> Output {
        let mut file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a scratch file");
        file.write_all(yaml.as_bytes()).expect("the scratch file is writable");
        self.kubectl([OsStr::new("apply"), OsStr::new("-f"), file.path().as_os_str()])
    }

    /// `kubectl apply` that must succeed.
    pub(crate) fn applied(&self, yaml: &str) {
        let output = self.apply(yaml);
        assert!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// One request to the API; panics unless it is answered.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let call = async {
            let api = meridian_kube::connect(&[self.data.join("kubeconfig")], None).await?;
            api.call(method, path, body).await
        };
        runtime.block_on(call).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Creates an object; panics unless the API accepts it.
    pub(crate) fn create(&self, collection: &str, object: &Value) {
        let (status, answer) = self.call("POST", collection, Some(object));
        assert_eq!(status, 201, "POST {collection}: {answer}");
    }

    /// The message of the condition `kind` of an object, once its status is `status`.
    pub(crate) fn condition(&self, path: &str, kind: &str, status: &str) -> String {
        let find = || {
            let (_, object) = self.call("GET", path, None);
            let conditions = object["status"]["conditions"].as_array()?;
            let condition = conditions.iter().find(|c| c["type"] == kind && c["status"] == status)?;
            Some(condition["message"].as_str().unwrap_or_default().to_owned())
        };
        eventually(&format!("{kind}={status} on {path}"), find, || self.call("GET", path, None).1.to_string())
    }

    /// A GET through the gateway; `None` when it does not listen.
    pub(crate) fn get(&self, host: &str, path: &str) -> Option<Answer> {
        let mut connection = TcpStream::connect(self.gateway()).ok()?;
        connection.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        write!(connection, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").ok()?;
        Some(Answer::read(&mut connection))
    }

    /// Waits until a GET through the gateway has this status.
    pub(crate) fn eventually_status(&self, host: &str, path: &str, status: u16) -> Answer {
        let matching = || self.get(host, path).filter(|answer| answer.status == status);
        eventually(&format!("{status} for {host}{path}"), matching, || {
            format!("last: {:?}; log:\n{}", self.get(host, path).map(|answer| answer.status), self.log())
        })
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself; the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().expect("it can be waited for").code()
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it can be waited for");
    }

    /// SIGTERM, and waits for the end; the exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill is installed");
        self.child.wait().expect("it can be waited for").code()
    }
}

impl Drop for Meridian {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer; fails with `context` when there is none in time.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>, context: impl FnOnce() -> String) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; {}", context());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An HTTP answer, read to the end of the connection or of its declared length.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads one answer.
    pub(crate) fn read(connection: &mut TcpStream) -> Answer {
        let mut reader = BufReader::new(connection);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).expect("an answer in time") == 0 {
                break;
            }
        }
        let field = |name: &str| {
            let prefix = format!("{name}:");
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(&prefix).map(|v| v.trim().to_owned()))
        };
        let mut body = Vec::new();
        if let Some(length) = field("content-length") {
            body.resize(length.parse().expect("a length"), 0);
            reader.read_exact(&mut body).expect("the whole body");
        } else if field("transfer-encoding").is_some() {
            body = chunked(&mut reader);
        } else {
            reader.read_to_end(&mut body).expect("the whole body");
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Answer { status, head, body }
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn chunked(reader: &mut impl BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a chunk size");
        let size = usize::from_str_radix(line.trim(), 16).expect("a hexadecimal chunk size");
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).expect("a chunk");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// A GET on a connection that stays open.
pub(crate) fn ask(connection: &mut TcpStream, host: &str, path: &str) -> Answer {
    write!(connection, "GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").expect("the connection is open");
    Answer::read(connection)
}

/// A running `meridian httpbin`, killed when dropped.
pub(crate) struct Backend {
    child: Child,
    address: SocketAddr,
}

impl Backend {
    /// Starts it on port 8000 of a loopback address of its own, and waits until it answers.
    pub(crate) fn start() -> Backend {
        let address = SocketAddr::new(loopback(), 8000);
        let child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["httpbin", "--listen", &address.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("meridian httpbin starts");
        eventually("the backend", || TcpStream::connect(address).ok(), String::new);
        Backend { child, address }
    }

    /// Its address.
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// A ServiceEntry `backend.test` for it.
    pub(crate) fn service_entry(&self) -> String {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: backend}}
spec:
  hosts: [backend.test]
  resolution: STATIC
  ports: [{{number: 8000, name: http, protocol: HTTP}}]
  endpoints: [{{address: {}}}]
",
            self.address.ip()
        )
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Connects with the patience of these tests.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    connection.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    connection
}
