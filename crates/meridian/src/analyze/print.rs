//! How messages are printed.

use super::args::Format;
use meridian_analyze::{ALL, Message};
use serde_json::{Value, json};
use std::fmt::Write;

/// The messages in a form.
pub(super) fn messages(messages: &[&Message], format: Format) -> String {
    let values = || -> Value { messages.iter().map(|message| value(message)).collect() };
    match format {
        Format::Log => messages.iter().fold(String::new(), |text, message| format!("{text}{message}\n")),
        Format::Json => format!("{:#}\n", values()),
        Format::Yaml => meridian_resources::yaml::emit(&values()),
    }
}

fn value(message: &Message) -> Value {
    let mut value = json!({
        "code": message.kind.code,
        "documentationUrl": message.documentation(),
        "level": message.kind.level.name(),
        "message": message.text,
        "origin": message.object.to_string(),
    });
    if let Some(source) = &message.source {
        value["reference"] = source.to_string().into();
    }
    value
}

/// What is said when there is no message.
pub(super) fn nothing(target: &str, unreadable: usize) -> String {
    match unreadable {
        0 if target.starts_with('\n') => format!("\u{2714} No validation issues found when analyzing:{target}"),
        0 => format!("\u{2714} No validation issues found when analyzing {target}."),
        1 => format!("No validation issues found when analyzing {target} (but 1 document could not be parsed)."),
        many => {
            format!("No validation issues found when analyzing {target} (but {many} documents could not be parsed).")
        }
    }
}

/// The list of analyzers.
pub(super) fn analyzers() -> String {
    let mut text = String::new();
    for analyzer in ALL {
        writeln!(text, "* {}:\n    {}", analyzer.name, analyzer.description).expect("text is written to memory");
    }
    text
}
