//! The files that a command is given: files, folders, standard input.

use anyhow::{Context, bail};
use std::io::Read;
use std::path::Path;

/// A file and its text.
#[derive(Debug)]
pub(crate) struct Input {
    /// As it was named; `-` for standard input.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

/// Reads the files of `names`; of folders, and the folders in them, those whose names end with `.yaml`, `.yml` or
/// `.json`, in order.
///
/// # Errors
/// One cannot be read, or is not text.
pub(crate) fn read(names: &[String]) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for name in names {
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            inputs.push(Input { name: name.clone(), text });
        } else if Path::new(name).is_dir() {
            let before = inputs.len();
            folder(Path::new(name), &mut inputs)?;
            if inputs.len() == before {
                bail!("there is no .yaml, .yml or .json file in {name}");
            }
        } else {
            inputs.push(file(Path::new(name))?);
        }
    }
    Ok(inputs)
}

fn folder(path: &Path, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    for path in paths {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            folder(&path, inputs)?;
        } else if matches!(extension, Some("yaml" | "yml" | "json")) {
            inputs.push(file(&path)?);
        }
    }
    Ok(())
}

fn file(path: &Path) -> anyhow::Result<Input> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Input { name: path.display().to_string(), text })
}
