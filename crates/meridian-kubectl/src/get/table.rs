//! Rows that the API makes (meta/v1 `Table`), as kubectl prints them.

use super::GetArgs;
use crate::json;
use crate::output::Output;
use serde_json::{Value, json};

/// How rows are printed.
#[derive(Debug)]
pub(super) struct Printer<'a> {
    args: &'a GetArgs,
    /// Whether the kind is before each name.
    pub(super) kinds: bool,
    /// Whether the namespace is before each name.
    namespaces: bool,
    headers: bool,
    columns: Vec<Value>,
}

impl<'a> Printer<'a> {
    /// For objects of one kind.
    pub(super) fn new(args: &'a GetArgs, namespaced: bool, kinds: bool) -> Self {
        let namespaces = args.all_namespaces && namespaced;
        Self { args, kinds: kinds || args.show_kind, namespaces, headers: !args.no_headers, columns: Vec::new() }
    }

    /// The lines of a table, cells separated by tabs; the headers once, for as long as they stay the same.
    pub(super) fn print(&mut self, table: &Value, prefix: &str) -> String {
        let columns = table["columnDefinitions"].as_array().filter(|columns| !columns.is_empty());
        if let Some(columns) = columns.filter(|columns| **columns != self.columns) {
            self.columns.clone_from(columns);
            self.headers = !self.args.no_headers;
        }
        let mut text = String::new();
        let rows = table["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !rows.is_empty() && std::mem::replace(&mut self.headers, false) {
            text.push_str(&line(self.titles()));
        }
        for row in rows {
            text.push_str(&line(self.cells(row, prefix)));
        }
        text
    }

    fn is_shown(&self, column: &Value) -> bool {
        self.args.output == Some(Output::Wide) || column["priority"].as_i64().unwrap_or(0) == 0
    }

    fn titles(&self) -> Vec<String> {
        let mut titles = Vec::new();
        if self.namespaces {
            titles.push("NAMESPACE".to_owned());
        }
        let shown = self.columns.iter().filter(|column| self.is_shown(column));
        titles.extend(shown.map(|column| json::text(column, "/name").to_uppercase()));
        let labels = self.args.label_columns.iter();
        titles.extend(labels.map(|label| label.rsplit('/').next().unwrap_or_default().to_uppercase()));
        if self.args.show_labels {
            titles.push("LABELS".to_owned());
        }
        titles
    }

    fn cells(&self, row: &Value, prefix: &str) -> Vec<String> {
        let metadata = &row["object"]["metadata"];
        let mut cells = Vec::new();
        if self.namespaces {
            cells.push(json::text(metadata, "/namespace").to_owned());
        }
        let mut first = true;
        for (column, cell) in self.columns.iter().zip(row["cells"].as_array().into_iter().flatten()) {
            if !self.is_shown(column) {
                continue;
            }
            let cell = cell_text(cell);
            let named = std::mem::replace(&mut first, false) && self.kinds;
            cells.push(if named { format!("{prefix}/{cell}") } else { cell });
        }
        let label = |name: &String| metadata["labels"][name].as_str().unwrap_or_default().to_owned();
        cells.extend(self.args.label_columns.iter().map(label));
        if self.args.show_labels {
            let labels = metadata["labels"].as_object().filter(|labels| !labels.is_empty());
            cells.push(labels.map_or_else(
                || "<none>".to_owned(),
                |labels| {
                    let labels = labels.iter().map(|(name, value)| format!("{name}={}", json::plain(value)));
                    labels.collect::<Vec<_>>().join(",")
                },
            ));
        }
        cells
    }
}

fn line(cells: Vec<String>) -> String {
    format!("{}\n", cells.join("\t"))
}

/// One line, without what terminals obey.
fn cell_text(cell: &Value) -> String {
    let text = match cell {
        Value::Null => String::new(),
        other => json::plain(other),
    };
    let text = match text.find(['\u{c}', '\n', '\r']) {
        Some(end) => format!("{}...", &text[..end]),
        None => text,
    };
    text.replace('\u{1b}', "^[")
}

/// The objects of an API that makes no rows, in rows of name and age.
pub(super) fn of_objects(list: &Value) -> Value {
    let objects = match list["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![list.clone()],
    };
    let rows: Vec<Value> = objects
        .into_iter()
        .map(|object| {
            let cells = json!([
                object["metadata"]["name"],
                crate::age::since(json::text(&object, "/metadata/creationTimestamp"))
            ]);
            json!({"cells": cells, "object": object})
        })
        .collect();
    json!({
        "kind": "Table",
        "metadata": list["metadata"],
        "columnDefinitions": [{"name": "Name", "priority": 0}, {"name": "Age", "priority": 0}],
        "rows": rows,
    })
}
