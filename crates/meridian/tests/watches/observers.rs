//! Those that watch: the `kube` crate in this process, and client-go in another.

use crate::story::{Told, Word};
use futures_util::StreamExt;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::watcher::{Config, Event, watcher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The pause of a watcher that failed.
const PAUSE: Duration = Duration::from_millis(20);

/// An observer and what it was told so far.
pub(crate) struct Observer {
    pub(crate) name: &'static str,
    words: Arc<Mutex<Vec<Word>>>,
    /// The program of client-go; it ends when its standard input does.
    program: Option<(Child, Option<ChildStdin>)>,
}

impl Observer {
    /// The `kube` crate's watcher.
    pub(crate) fn kube(name: &'static str, client: kube::Client, resource: &ApiResource, config: Config) -> Observer {
        let api: Api<DynamicObject> = Api::all_with(client, resource);
        let words: Arc<Mutex<Vec<Word>>> = Arc::default();
        let sink = words.clone();
        tokio::spawn(async move {
            let mut events = pin!(watcher(api, config));
            while let Some(event) = events.next().await {
                let word = match event {
                    Ok(Event::Init) => Word::List,
                    Ok(Event::InitApply(object)) => Word::Item(told(&object)),
                    Ok(Event::InitDone) => Word::Listed,
                    Ok(Event::Apply(object)) => Word::Put(told(&object)),
                    Ok(Event::Delete(object)) => Word::Gone(told(&object)),
                    // The server is away; the watcher goes on by itself.
                    Err(_) => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                sink.lock().unwrap().push(word);
            }
        });
        Observer { name, words, program: None }
    }

    /// client-go's reflector, with or without lists that are watches.
    pub(crate) fn client_go(
        name: &'static str,
        program: &Path,
        kubeconfig: &Path,
        resource: &ApiResource,
        watch_list: bool,
    ) -> Observer {
        let mut child = Command::new(program)
            .arg(kubeconfig)
            .args([&resource.group, &resource.version, &resource.plural])
            .env("KUBE_FEATURE_WatchListClient", watch_list.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let words: Arc<Mutex<Vec<Word>>> = Arc::default();
        let sink = words.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sink.lock().unwrap().push(word(&line));
            }
        });
        Observer { name, words, program: Some((child, stdin)) }
    }

    /// What it was told so far.
    pub(crate) fn words(&self) -> Vec<Word> {
        self.words.lock().unwrap().clone()
    }

    /// Whether it was told of an object of that name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let is = |word: &Word| matches!(word, Word::Put(told) | Word::Item(told) if told.name == name);
        self.words.lock().unwrap().iter().any(is)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if let Some((child, stdin)) = &mut self.program {
            drop(stdin.take());
            // Should it not end by itself, it has nothing to lose.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn told(object: &DynamicObject) -> Told {
    let metadata = &object.metadata;
    Told {
        name: metadata.name.clone().unwrap(),
        uid: metadata.uid.clone().unwrap(),
        version: metadata.resource_version.as_deref().unwrap().parse().unwrap(),
        generation: metadata.generation.unwrap(),
    }
}

/// A line of the program: `add NAMESPACE/NAME UID RESOURCEVERSION GENERATION`.
fn word(line: &str) -> Word {
    let mut parts = line.split(' ');
    let word = parts.next().unwrap();
    match word {
        "replace" => return Word::List,
        "replaced" => return Word::Listed,
        _ => {}
    }
    let told = Told {
        name: parts.next().and_then(|name| name.split_once('/')).unwrap().1.to_owned(),
        uid: parts.next().unwrap().to_owned(),
        version: parts.next().unwrap().parse().unwrap(),
        generation: parts.next().unwrap().parse().unwrap(),
    };
    match word {
        "add" | "update" => Word::Put(told),
        "delete" => Word::Gone(told),
        "item" => Word::Item(told),
        other => panic!("the reflector says {other:?}"),
    }
}

/// Builds the program of client-go; `None`, and a word about it, where Go is missing.
pub(crate) fn build_reflector() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/watches/reflector");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reflector");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(source)
        .env("GOFLAGS", "-mod=readonly")
        .env("GOTOOLCHAIN", "local")
        .output();
    let missing = match built {
        Ok(output) if output.status.success() => return Some(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    assert!(std::env::var_os("CI").is_none(), "client-go's reflector cannot be built with Go 1.26: {missing}");
    eprintln!("NOT TESTED: client-go's reflector cannot be built with Go 1.26: {missing}");
    None
}
