//! Judges objects as the API does: one JSON object a line in, one verdict a line out. For comparisons with a real
//! Kubernetes API server.
//!
//! A verdict is `{"errors": [...]}`, with `denied` when only a webhook refuses the object, or `{"object": ...}` with the
//! defaults filled and the `warnings`.

use std::io::{BufRead, Write};

use meridian_resources as resources;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", judge(serde_json::from_str(&line?)?))?;
    }
    Ok(out.flush()?)
}

fn judge(mut object: Value) -> Value {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(kind) = resources::by_api_version_kind(&text("apiVersion"), &text("kind")) else {
        return json!({ "errors": ["no such kind"] });
    };
    resources::prune(kind, &mut object);
    resources::apply_defaults(kind, &mut object);
    let (errors, warnings) = resources::judge(kind, &object);
    if errors.is_empty() {
        if let Err(errors) = resources::decode(kind, &object) {
            return json!({ "errors": ["DECODE", errors.iter().map(ToString::to_string).collect::<Vec<_>>()] });
        }
        let warnings: Vec<&str> = warnings.iter().map(resources::FieldError::webhook_message).collect();
        return json!({ "object": object, "warnings": warnings });
    }
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let of_server: Vec<String> = resources::of_server(kind, &errors).iter().map(ToString::to_string).collect();
    match resources::denial(&errors) {
        Some(denial) if of_server.is_empty() => json!({ "errors": texts, "denied": denial.to_string() }),
        _ => json!({ "errors": of_server }),
    }
}
