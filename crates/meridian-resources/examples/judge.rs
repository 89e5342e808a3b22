//! Judges objects as the API does: one JSON object a line in, one verdict a line out. For comparisons with a real
//! Kubernetes API server.
//!
//! A verdict is `{"errors": [...]}`, or `{"object": ...}` with the defaults filled.

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
    let errors = resources::validate(kind, &object);
    if errors.is_empty() {
        if let Err(errors) = resources::decode(kind, &object) {
            return json!({ "errors": ["DECODE", errors.iter().map(ToString::to_string).collect::<Vec<_>>()] });
        }
        return json!({ "object": object });
    }
    json!({ "errors": errors.iter().map(ToString::to_string).collect::<Vec<_>>() })
}
