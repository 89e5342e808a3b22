//! The data of Secrets and ConfigMaps: `--from-file`, `--from-literal`, `--from-env-file`.

use crate::error::{Error, Result, message};
use std::collections::BTreeMap;
use std::path::Path;

/// Where data comes from.
#[derive(clap::Args, Debug, Default)]
pub(super) struct DataArgs {
    /// A file, a folder of files, or a key and its file
    #[arg(long, value_name = "[KEY=]FILE")]
    from_file: Vec<String>,
    /// A key and its value
    #[arg(long, value_name = "KEY=VALUE")]
    from_literal: Vec<String>,
    /// A file of lines KEY=VALUE
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_file", "from_literal"])]
    from_env_file: Vec<String>,
}

impl DataArgs {
    /// All keys with their values.
    ///
    /// # Errors
    /// A file cannot be read, a key is none, or is given twice.
    pub(super) fn read(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut data = BTreeMap::new();
        for source in &self.from_file {
            let (key, path) = match source.split_once('=') {
                Some((key, path)) if !key.is_empty() && !path.is_empty() => (Some(key), path),
                Some(_) => {
                    return message(format!("found --from-file={source}, allowed: a file, or a key, = and a file"));
                }
                None => (None, source.as_str()),
            };
            from_path(&mut data, key, Path::new(path))?;
        }
        for literal in &self.from_literal {
            let Some((key, value)) = literal.split_once('=') else {
                return message(format!("invalid literal source {literal:?}, expected key=value"));
            };
            // As a shell would do, had it seen them.
            let quoted = |quote| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
            let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
            insert(&mut data, key, value.as_bytes().to_vec())?;
        }
        for path in &self.from_env_file {
            for line in text(Path::new(path))?.lines().map(str::trim_start) {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                match line.split_once('=') {
                    Some((key, value)) => insert(&mut data, key, value.as_bytes().to_vec())?,
                    // A name alone stands for the value that it has in the environment.
                    None => {
                        let value = std::env::var(line).unwrap_or_default();
                        insert(&mut data, line, value.into_bytes())?;
                    }
                }
            }
        }
        Ok(data)
    }
}

/// The bytes of a file.
///
/// # Errors
/// It cannot be read.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::Message(format!("error reading {}: {error}", path.display())))
}

fn text(path: &Path) -> Result<String> {
    match String::from_utf8(bytes(path)?) {
        Ok(text) => Ok(text),
        Err(_) => message(format!("{} is no text", path.display())),
    }
}

fn from_path(data: &mut BTreeMap<String, Vec<u8>>, key: Option<&str>, path: &Path) -> Result<()> {
    if path.is_dir() {
        if key.is_some() {
            return message("cannot give a key name for a directory path");
        }
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(path)? {
            paths.push(entry?.path());
        }
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            let name = name_of(path);
            // Files whose names cannot be keys are passed over.
            if is_key(&name) {
                insert(data, &name, bytes(path)?)?;
            }
        }
        return Ok(());
    }
    let content = bytes(path)?;
    insert(data, key.unwrap_or(&name_of(path)), content)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_key(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !key.is_empty() && key.len() <= 253 && key.bytes().all(allowed) && key != "." && !key.starts_with("..")
}

fn insert(data: &mut BTreeMap<String, Vec<u8>>, key: &str, value: Vec<u8>) -> Result<()> {
    if !is_key(key) {
        return message(format!(
            "{key:?} is not a valid key name: a valid config key must consist of alphanumeric characters, '-', '_' or \
             '.'"
        ));
    }
    if data.insert(key.to_owned(), value).is_some() {
        return message(format!("cannot add key {key:?}, another key by that name already exists"));
    }
    Ok(())
}
