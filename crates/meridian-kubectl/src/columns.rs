//! `-o custom-columns=HEADER:PATH,...`

use crate::error::{Result, message};
use crate::jsonpath::JsonPath;
use crate::tabs;
use serde_json::Value;

/// Columns that a user has asked for.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: Vec<(String, JsonPath)>,
}

impl Columns {
    /// Reads `HEADER:PATH,...`.
    ///
    /// # Errors
    /// A column has no path, or one that is none.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut columns = Vec::new();
        for column in text.split(',') {
            let Some((header, path)) = column.split_once(':') else {
                return message(format!(
                    "unexpected custom-columns spec: {column}, expected <header>:<json-path-expr>"
                ));
            };
            columns.push((header.to_owned(), JsonPath::relaxed(path)?));
        }
        Ok(Self { columns })
    }

    /// The table of an object, or of the items of a List.
    ///
    /// # Errors
    /// A path does not fit.
    pub(crate) fn print(&self, object: &Value, headers: bool) -> Result<String> {
        let mut text = String::new();
        if headers {
            let headers: Vec<&str> = self.columns.iter().map(|(header, _)| header.as_str()).collect();
            text.push_str(&format!("{}\n", headers.join("\t")));
        }
        let rows = match object["items"].as_array() {
            Some(items) => items.iter().collect(),
            None => vec![object],
        };
        for row in rows {
            let mut cells = Vec::new();
            for (_, path) in &self.columns {
                let found: Vec<String> = path.find(row)?.iter().map(|value| go_text(value)).collect();
                let cell = if found.is_empty() { "<none>".to_owned() } else { found.join(",") };
                cells.push(cell.replace('\u{1b}', "^[").replace('\r', "\\r"));
            }
            text.push_str(&format!("{}\n", cells.join("\t")));
        }
        Ok(tabs::align(&text, tabs::TABLE))
    }
}

/// A value as Go prints it: `map[a:1]`, `[a b]`.
pub(crate) fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", go_text(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_for_each_item() {
        let columns = Columns::parse("NAME:.metadata.name,HOSTS:spec.hosts,PORTS:.spec.ports[*].n").unwrap();
        let item = json!({"metadata": {"name": "a"}, "spec": {"hosts": ["x", "y"], "ports": [{"n": 1}, {"n": 2}]}});
        let list = json!({"items": [item, {"metadata": {"name": "long-name"}}]});
        let expected = "NAME        HOSTS    PORTS\na           [x y]    1,2\nlong-name   <none>   <none>\n";
        assert_eq!(columns.print(&list, true).unwrap(), expected);
    }
}
