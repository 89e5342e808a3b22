//! What is left of an output when everything is taken away that differs from run to run.

use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// What is replaced, in this order.
static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        // Where nothing runs what is stored, the user is told.
        (r"(?m)^Warning: [A-Z]\w+ is stored, but [^\n]*\n", ""),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME"),
        // What kubectl logs.
        (r"(?m)^W\d{4} [\d:.]+ +\d+ ", "WARNING "),
        // Whether a watch that is ended after a second had answered before is chance.
        (r"(?m)^WARNING [^\n]*very short watch[^\n]*\n", ""),
        // In `kubectl describe` and in the heads of `diff`.
        (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}", "TIME"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
        (r#"((resourceVersion|selfLink)"?: *)("\d+"|\d+)"#, "${1}VERSION"),
        (r"(Resource Version: +)\d+", "${1}VERSION"),
        (r"(127\.0\.0\.1|localhost):\d+", "ADDRESS"),
        (r"10\.96\.\d+\.\d+", "CLUSTER-IP"),
        (r"\b3[0-2]\d{3}\b", "NODE-PORT"),
        (r"(LIVE|MERGED)-\d+", "$1"),
        (r"kubectl-edit-[a-z0-9]+\.yaml", "EDITED"),
        (r"\bgen-[a-z0-9]{5}\b", "gen-SUFFIX"),
        (r"\b(\d+[dhms]){1,2}( ago)?\b", "AGE"),
        // Columns are as wide as their widest cell.
        (r"(\S) {2,}", "$1  "),
        (r"(?m) +$", ""),
    ];
    rules.map(|(pattern, text)| (Regex::new(pattern).unwrap(), text)).to_vec()
});

/// The text without times, identifiers, revisions, addresses and widths of columns.
pub(crate) fn normal(text: &str) -> String {
    let text = by_manager(text);
    let lines: String = text.lines().map(|line| ordered(line) + "\n").collect();
    RULES.iter().fold(lines, |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
}

/// What `kubectl explain` prints, without what describes kinds and fields: headings, fields with their types, and values.
pub(crate) fn without_prose(text: &str) -> String {
    let mut within_values = false;
    let mut kept = String::new();
    for line in text.lines() {
        let words = line.trim_start();
        if !line.starts_with(' ') {
            within_values = line == "ENUM:";
        }
        let says = !line.starts_with(' ') || line.contains("\t<") || words.starts_with("enum: ") || within_values;
        if says && !words.is_empty() {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// Managers are listed by the second of their last change, which differs from run to run: in whole objects they are put
/// in the order of their names. So are the resources of custom kinds in discovery.
fn by_manager(text: &str) -> String {
    let objects: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let Ok(mut objects) = objects else { return text.to_owned() };
    if objects.iter().any(|object| !object.is_object()) {
        return text.to_owned();
    }
    for object in &mut objects {
        if let Some(Value::Array(resources)) = object.get_mut("resources") {
            resources.sort_by_key(|resource| resource["name"].to_string());
        }
        if let Some(Value::Array(entries)) = object.pointer_mut("/metadata/managedFields") {
            let name = |entry: &Value| {
                ["operation", "manager", "apiVersion", "subresource"].map(|field| entry[field].to_string())
            };
            entries.sort_by_key(name);
        }
    }
    objects.iter().map(|object| format!("{object:#}\n")).collect()
}

/// The order of fields in JSON that a server sends is not said anywhere.
fn ordered(line: &str) -> String {
    let object = if line.starts_with('{') { serde_json::from_str::<Value>(line).ok() } else { None };
    object.map_or_else(|| line.to_owned(), |object| format!("{object:#}"))
}
