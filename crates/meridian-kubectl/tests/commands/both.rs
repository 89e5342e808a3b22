//! One API, and two users of it: one has kubectl, the other has our commands. Each has a namespace.

use clap::Parser;
use meridian_apiserver::{Credentials, Options, Server, kubeconfig};
use meridian_kubectl::{Command, Io};
use meridian_store::Store;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The program around the commands.
#[derive(Parser)]
#[command(name = "meridian")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What a command has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) ok: bool,
}

/// An API and a folder of files.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
    runtime: Runtime,
}

/// The namespaces; as long as each other, so that columns are as wide.
pub(crate) const KUBECTL: &str = "of-kubectl";
pub(crate) const OURS: &str = "of-ourself";

impl Lab {
    /// Our API over a store in memory; nothing, said loudly, without kubectl.
    pub(crate) fn new() -> Option<Lab> {
        let found = std::process::Command::new("kubectl").args(["version", "--client"]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            let message = "SKIPPED: no kubectl in PATH; install kubectl 1.32 to run this test";
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let server = Server::new(Store::memory().unwrap(), Options::default()).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(server.serve(listener, std::future::pending()));
            address
        });
        Some(Lab::of(&kubeconfig(&format!("http://{address}"), None, Credentials::None), runtime))
    }

    /// An API that a kubeconfig leads to.
    pub(crate) fn of(kubeconfig: &str, runtime: Runtime) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        let lab = Lab { folder, runtime };
        for namespace in [KUBECTL, OURS] {
            let said = lab.kubectl(&["create", "namespace", namespace], "");
            assert!(said.ok, "{said:?}");
        }
        lab
    }

    /// Writes a file; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the real kubectl.
    pub(crate) fn kubectl(&self, words: &[&str], input: &str) -> Said {
        let mut command = std::process::Command::new("kubectl");
        command.args(words).env("HOME", self.path()).env("KUBECONFIG", self.path().join("kubeconfig"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { out: text(output.stdout), err: text(output.stderr), ok: output.status.success() }
    }

    /// Runs our command.
    pub(crate) fn ours(&self, words: &[&str], input: &str) -> Said {
        self.with_editor(words, input, "false")
    }

    /// Runs our command with an editor, which is a shell command that gets the file as its last word.
    pub(crate) fn with_editor(&self, words: &[&str], input: &str, editor: &str) -> Said {
        let mut all = vec!["meridian"];
        all.extend(words);
        let cli = match Cli::try_parse_from(all) {
            Ok(cli) => cli,
            Err(error) => return Said { out: String::new(), err: error.to_string(), ok: false },
        };
        let (out, err) = (Buffer::default(), Buffer::default());
        let mut io = Io {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            input: Box::new(Cursor::new(input.to_owned())),
            editor: editor.to_owned(),
        };
        let kubeconfig = self.path().join("kubeconfig");
        let code = self.runtime.block_on(async {
            let api = meridian_kube::connect(&[kubeconfig], None).await.unwrap();
            meridian_kubectl::run(cli.command, api.client().clone(), api.namespace(), &mut io).await
        });
        Said { out: out.text(), err: err.text(), ok: format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS) }
    }

    /// Runs a line by both, each in its namespace, `NAMESPACE`; `DIR` is the folder of the files. What both have said, with the
    /// namespaces, ages and identities taken out.
    pub(crate) fn both(&self, line: &str, input: &str) -> (Said, Said) {
        let line = line.replace("DIR", &self.path().display().to_string());
        let of = |namespace: &str| {
            let mut words = words(&line.replace("NAMESPACE", namespace));
            words.extend(["-n".to_owned(), namespace.to_owned()]);
            words
        };
        let (theirs, ours) = (of(KUBECTL), of(OURS));
        let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
        let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
        (normal(self.kubectl(&theirs, input), KUBECTL), normal(self.ours(&ours, input), OURS))
    }
}

/// Splits at spaces outside single quotes.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            match words.last_mut() {
                // Quotes right after a sign belong to its word.
                Some(last) if line.contains(&format!("{last}'{part}")) => *last = format!("{last}{part}"),
                _ => words.push(part.to_owned()),
            }
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn normal(said: Said, namespace: &str) -> Said {
    Said { out: normal_text(&said.out, namespace), err: normal_text(&said.err, namespace), ok: said.ok }
}

/// Without what cannot be the same: the namespace, who wrote, times, versions and identities.
fn normal_text(text: &str, namespace: &str) -> String {
    let text = text.replace(namespace, "NAMESPACE").replace("meridian apply", "kubectl apply");
    let text = text.replace("meridian create", "kubectl create");
    let mut lines = Vec::new();
    for line in text.lines() {
        let hidden = ["uid:", "resourceVersion:", "creationTimestamp:", "time:", "UID:", "Resource Version:"];
        let hidden = hidden.iter().chain(&["Creation Timestamp:", "\"uid\":", "\"resourceVersion\":"]);
        let mut hidden = hidden.chain(&["\"creationTimestamp\":", "clusterIP:", "clusterIPs:", "Cluster IP:"]);
        match hidden.find(|name| line.trim_start().starts_with(**name)) {
            Some(name) => lines.push(format!("{name} X")),
            None => lines.push(
                line.split(' ').map(|word| if is_age(word) { "AGE" } else { word }).collect::<Vec<_>>().join(" "),
            ),
        }
    }
    lines.join("\n")
}

fn is_age(word: &str) -> bool {
    word.len() < 5
        && word.strip_suffix('s').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Text that is written while it can be read.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sends what is written, piece by piece.
struct Sending(std::sync::mpsc::Sender<String>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        // Whoever does not listen any more ends the command, as a closed pipe would.
        self.0.send(text).map_err(|_| std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lab {
    /// Runs a command of ours whose output is sent while it goes on.
    pub(crate) fn watch(&self, words: &[&str], sender: std::sync::mpsc::Sender<String>) {
        let mut all = vec!["meridian"];
        all.extend(words);
        let cli = Cli::try_parse_from(all).unwrap();
        let (err, input) = (Box::new(std::io::stderr()), Box::new(std::io::empty()));
        let mut io = Io { out: Box::new(Sending(sender)), err, input, editor: String::new() };
        let kubeconfig = self.path().join("kubeconfig");
        self.runtime.block_on(async {
            let api = meridian_kube::connect(&[kubeconfig], None).await.unwrap();
            meridian_kubectl::run(cli.command, api.client().clone(), api.namespace(), &mut io).await
        });
    }
}
