//! The objects of the files that a command is given.

use crate::error::{Error, Result, message};
use crate::io::Io;
use meridian_kube::whole_text;
use meridian_resources::kind;
use meridian_resources::yaml::{self, Written};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The files of a command.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct FileArgs {
    /// A file, a folder of .yaml, .yml and .json files, an http(s):// address, or - for standard input
    #[arg(short, long = "filename", value_name = "FILE", value_delimiter = ',')]
    pub(crate) files: Vec<String>,
    /// Take the folders in a folder, too
    #[arg(short = 'R', long, requires = "files")]
    recursive: bool,
    /// Refused: kustomizations are built by kubectl
    #[arg(short = 'k', long, value_name = "DIR", hide = true)]
    kustomize: Option<String>,
}

/// An object of a file.
#[derive(Debug)]
pub(crate) struct Document {
    /// The file as kubectl names it.
    pub(crate) source: String,
    /// The object.
    pub(crate) value: Value,
    written: Written,
}

/// What files hold: the objects, and the documents that are none.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) objects: Vec<Document>,
    pub(crate) errors: Vec<Error>,
}

impl Document {
    /// An error with the places in the file of the fields that it names, or of the object.
    pub(crate) fn locate(&self, error: Error) -> Error {
        let mut text = error.to_string();
        let unknown = text.contains("unknown field");
        let mut fields = error.fields();
        if fields.is_empty() && matches!(error, Error::Status(_)) {
            fields = self.refused(&text);
        }
        for field in fields {
            let at = self.written.locate(&field, unknown);
            text.push_str(&format!("\n  {}:{}:{}: {field}", self.source, at.line, at.column));
        }
        if let Error::Object(_) = error {
            let at = self.written.start();
            text.push_str(&format!("\n  {}:{}:{}", self.source, at.line, at.column));
        }
        match error {
            Error::Status(_) | Error::Object(_) => Error::Text(text),
            other => other,
        }
    }
}

impl Document {
    /// The fields that a refusal is about which names none, as those of `validation.istio.io` do: those of which our
    /// own checks of the kind say the same.
    fn refused(&self, text: &str) -> Vec<String> {
        let of = |pointer| crate::json::text(&self.value, pointer);
        let Some(kind) = kind::by_api_version_kind(of("/apiVersion"), of("/kind")) else { return Vec::new() };
        let errors = meridian_resources::validate(kind, &self.value).into_iter();
        errors
            .filter(|error| !error.detail.is_empty() && text.contains(&error.detail))
            .map(|error| error.path)
            .collect()
    }
}

impl FileArgs {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.kustomize.is_none()
    }

    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read. Documents that are not valid are among the errors of the result.
    pub(crate) async fn read(&self, io: &mut Io) -> Result<Documents> {
        if let Some(folder) = &self.kustomize {
            return message(format!(
                "-k is not supported: kubectl builds kustomizations; use `kubectl kustomize {folder} | meridian apply -f -`"
            ));
        }
        let mut documents = Documents::default();
        for file in &self.files {
            if file == "-" {
                let mut text = String::new();
                std::io::Read::read_to_string(&mut io.input, &mut text)?;
                documents.add("STDIN", &text);
            } else if file.starts_with("http://") || file.starts_with("https://") {
                documents.add(file, &download(file).await?);
            } else {
                for path in self.paths(Path::new(file))? {
                    let name = path.display().to_string();
                    let text = std::fs::read_to_string(&path)
                        .map_err(|error| Error::Message(format!("cannot read {name}: {error}")))?;
                    documents.add(&name, &text);
                }
            }
        }
        if documents.objects.is_empty() && documents.errors.is_empty() {
            return message("there is no object in the files");
        }
        Ok(documents)
    }

    fn paths(&self, path: &Path) -> Result<Vec<PathBuf>> {
        if !path.exists() {
            return message(format!("the path {:?} does not exist", path.display().to_string()));
        }
        if !path.is_dir() {
            return Ok(vec![path.to_owned()]);
        }
        let mut paths = Vec::new();
        self.folder(path, &mut paths)?;
        if paths.is_empty() {
            return message(format!(
                "error reading [{0}]: recognized file extensions are [.json .yaml .yml]; there is none in {0}",
                path.display()
            ));
        }
        Ok(paths)
    }

    fn folder(&self, path: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            entries.push(entry?.path());
        }
        entries.sort();
        for entry in entries {
            let extension = entry.extension().and_then(|extension| extension.to_str());
            if entry.is_dir() {
                if self.recursive {
                    self.folder(&entry, paths)?;
                }
            } else if matches!(extension, Some("json" | "yaml" | "yml")) {
                paths.push(entry);
            }
        }
        Ok(())
    }
}

impl Documents {
    fn add(&mut self, source: &str, text: &str) {
        for object in yaml::written(text, source) {
            match object {
                Ok(written) if !written.value.is_object() => {
                    let at = written.start();
                    let text = format!(
                        "{source}:{}:{}: found no object, allowed: an object with apiVersion, kind and metadata",
                        at.line, at.column
                    );
                    self.errors.push(Error::Message(text));
                }
                Ok(written) => {
                    let value = written.value.clone();
                    self.objects.push(Document { source: source.to_owned(), value, written });
                }
                Err(diagnostic) => self.errors.push(Error::Message(diagnostic.to_string())),
            }
        }
    }
}

/// How often an address may lead to another one.
const MOST_REDIRECTS: usize = 10;
/// The largest file that is read from an address, in bytes.
const LARGEST: usize = 32 << 20;

/// The text at an address.
async fn download(address: &str) -> Result<String> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Error::Message(format!("unable to read URL {address:?}: {}", whole_text(error)))
    };
    let mut at: http::Uri = address.parse().map_err(|error: http::uri::InvalidUri| failed(&error))?;
    for _ in 0..=MOST_REDIRECTS {
        let mut config = kube::Config::new(with_path(&at, "/").map_err(|error| failed(&error))?);
        config.read_timeout = Some(std::time::Duration::from_secs(30));
        let client = kube::Client::try_from(config).map_err(|error| failed(&error))?;
        let path = at.path_and_query().map_or("/", |path| path.as_str());
        let request = http::Request::get(path).body(kube::client::Body::empty());
        let response = client.send(request.map_err(|error| failed(&error))?).await.map_err(|error| failed(&error))?;
        let (head, body) = response.into_parts();
        if head.status.is_redirection() {
            let location = head.headers.get(http::header::LOCATION).and_then(|location| location.to_str().ok());
            let Some(location) = location else { break };
            at = redirected(&at, location).map_err(|error| failed(&error))?;
            continue;
        }
        if !head.status.is_success() {
            return message(format!(
                "unable to read URL {address:?}, server reported {0}, status code={1}",
                head.status,
                head.status.as_u16()
            ));
        }
        let limited = http_body_util::Limited::new(body, LARGEST);
        let collected = http_body_util::BodyExt::collect(limited).await;
        let bytes = collected.map_err(|error| Error::Message(format!("unable to read URL {address:?}: {error}")))?;
        return match String::from_utf8(bytes.to_bytes().to_vec()) {
            Ok(text) => Ok(text),
            Err(_) => message(format!("what is at {address:?} is no text")),
        };
    }
    message(format!("unable to read URL {address:?}: it leads from one address to the next"))
}

fn redirected(from: &http::Uri, location: &str) -> std::result::Result<http::Uri, http::Error> {
    if !location.starts_with('/') {
        return Ok(location.parse::<http::Uri>()?);
    }
    with_path(from, location)
}

/// Another path of the same server.
fn with_path(of: &http::Uri, path: &str) -> std::result::Result<http::Uri, http::Error> {
    let scheme = of.scheme_str().unwrap_or("https");
    let authority = of.authority().map_or("", |authority| authority.as_str());
    http::Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str) -> Documents {
        let mut documents = Documents::default();
        documents.add("a.yaml", text);
        documents
    }

    #[test]
    fn a_bad_document_hurts_no_other() {
        let read = documents("kind: A\n---\nb: [\n---\nkind: C\n");
        let kinds: Vec<&str> = read.objects.iter().filter_map(|object| object.value["kind"].as_str()).collect();
        assert_eq!(kinds, ["A", "C"]);
        let [error] = &read.errors[..] else { panic!("{:?}", read.errors) };
        assert!(error.to_string().starts_with("error: a.yaml:4:"), "{error}");
    }

    #[test]
    fn items_of_lists_are_objects() {
        let read = documents("kind: List\nitems:\n- kind: A\n- {kind: BList, items: [{kind: B}]}\n");
        let kinds: Vec<&str> = read.objects.iter().filter_map(|object| object.value["kind"].as_str()).collect();
        assert_eq!(kinds, ["A", "B"]);
    }

    #[test]
    fn fields_are_found() {
        let read = documents("kind: A\nspec:\n  hots: 1\n");
        let status = crate::error::Status {
            reason: "BadRequest".into(),
            message: "strict decoding error: unknown field \"spec.hots\"".into(),
            ..Default::default()
        };
        let error = read.objects[0].locate(Error::Status(Box::new(status)));
        assert!(error.to_string().ends_with("\n  a.yaml:3:3: spec.hots"), "{error}");
    }
}
