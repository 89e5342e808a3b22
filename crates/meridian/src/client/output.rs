//! Printing.

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;
use std::io::{ErrorKind, Write};

/// How to print.
#[derive(clap::ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    /// A table
    #[default]
    Short,
    /// Envoy's messages as JSON
    Json,
    /// Envoy's messages as YAML
    Yaml,
}

/// Messages as text, indented as `istioctl` does.
pub(crate) fn messages(value: &Value, format: OutputFormat) -> String {
    if format == OutputFormat::Yaml {
        return meridian_resources::yaml::emit(value);
    }
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    value.serialize(&mut serializer).expect("JSON is written to memory");
    text.push(b'\n');
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Writes to standard output. A reader that has seen enough, such as `head`, is no error.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}
