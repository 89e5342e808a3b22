//! Samples as text: Envoy's `/stats`, its JSON, and the Prometheus exposition format 0.0.4.

use super::histogram::PROMETHEUS_BOUNDS;
use super::{HistogramView, Sample, Value};
use regex::Regex;
use std::fmt::Write;

/// Which samples are shown.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `?filter=`: found anywhere in the name.
    pub name: Option<Regex>,
    /// `?usedonly`: only what was ever counted.
    pub used_only: bool,
}

impl Filter {
    fn takes(&self, sample: &Sample) -> bool {
        (!self.used_only || sample.value.is_used())
            && self.name.as_ref().is_none_or(|pattern| pattern.is_match(&sample.name))
    }
}

/// The quantiles that Envoy shows.
const QUANTILES: [(&str, f64); 10] = [
    ("0", 0.0),
    ("25", 0.25),
    ("50", 0.5),
    ("75", 0.75),
    ("90", 0.9),
    ("95", 0.95),
    ("99", 0.99),
    ("99.5", 0.995),
    ("99.9", 0.999),
    ("100", 1.0),
];

/// `name: value` lines; histograms behind everything else.
#[must_use]
pub fn text(samples: &[Sample], filter: &Filter) -> String {
    let mut out = String::new();
    let mut histograms = String::new();
    for sample in samples.iter().filter(|sample| filter.takes(sample)) {
        let name = shown_name(sample);
        // Writing to a string cannot fail.
        let _ = match &sample.value {
            Value::Counter(value) | Value::Gauge(value) => writeln!(out, "{name}: {value}"),
            Value::Histogram(view) => writeln!(histograms, "{name}: {}", quantiles(view)),
        };
    }
    out + &histograms
}

/// A metric of Istio's has its labels in its name, as in Envoy's `/stats`.
fn shown_name(sample: &Sample) -> String {
    if sample.name != sample.prometheus {
        return sample.name.clone();
    }
    let mut name = sample.name.clone();
    for (label, value) in &sample.labels {
        let _ = write!(name, ".{label}.{value}");
    }
    name
}

/// `P0(nan,1) P25(nan,1.02) ...`: Envoy's first number is of the last interval, which is not kept here.
fn quantiles(view: &HistogramView) -> String {
    if view.count() == 0 {
        return "No recorded values".to_owned();
    }
    let one = |(name, quantile): &(&str, f64)| format!("P{name}(nan,{})", short(view.quantile(*quantile)));
    QUANTILES.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn short(value: Option<f64>) -> String {
    match value {
        None => "nan".to_owned(),
        Some(value) => {
            let text = format!("{value:.5}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// Envoy's `?format=json`.
#[must_use]
pub fn json(samples: &[Sample], filter: &Filter) -> serde_json::Value {
    let mut stats = Vec::new();
    let mut histograms = Vec::new();
    for sample in samples.iter().filter(|sample| filter.takes(sample)) {
        match &sample.value {
            Value::Counter(value) | Value::Gauge(value) => {
                stats.push(serde_json::json!({"name": shown_name(sample), "value": value}));
            }
            Value::Histogram(view) => {
                let values: Vec<_> = QUANTILES
                    .iter()
                    .map(|(_, quantile)| serde_json::json!({"interval": null, "cumulative": view.quantile(*quantile)}))
                    .collect();
                histograms.push(serde_json::json!({"name": shown_name(sample), "values": values}));
            }
        }
    }
    if !histograms.is_empty() {
        let supported: Vec<f64> = QUANTILES.iter().map(|(_, quantile)| quantile * 100.0).collect();
        stats.push(serde_json::json!({
            "histograms": {"supported_quantiles": supported, "computed_quantiles": histograms}
        }));
    }
    serde_json::json!({ "stats": stats })
}

/// The Prometheus exposition format.
#[must_use]
pub fn prometheus(samples: &[Sample], filter: &Filter) -> String {
    let mut shown: Vec<&Sample> = samples.iter().filter(|sample| filter.takes(sample)).collect();
    // All samples of one metric stand together, under one TYPE line.
    shown.sort_by(|a, b| (&a.prometheus, &a.labels).cmp(&(&b.prometheus, &b.labels)));
    let mut out = String::new();
    let mut last = None;
    for sample in shown {
        let name = metric_name(&sample.prometheus);
        if last.as_ref() != Some(&name) {
            let kind = match &sample.value {
                Value::Counter(_) => "counter",
                Value::Gauge(_) => "gauge",
                Value::Histogram(_) => "histogram",
            };
            let _ = writeln!(out, "# TYPE {name} {kind}");
        }
        let labels = labels(sample);
        match &sample.value {
            Value::Counter(value) | Value::Gauge(value) => {
                let _ = writeln!(out, "{name}{{{labels}}} {value}");
            }
            Value::Histogram(view) => histogram(&name, &labels, view, &mut out),
        }
        last = Some(name);
    }
    out
}

fn histogram(name: &str, labels: &str, view: &HistogramView, out: &mut String) {
    let comma = if labels.is_empty() { "" } else { "," };
    for (bound, limit) in PROMETHEUS_BOUNDS {
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {}", view.at_most(limit));
    }
    let count = view.count();
    let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", view.sum());
    let _ = writeln!(out, "{name}_count{{{labels}}} {count}");
}

/// Letters, digits, underscores and colons; everything else becomes an underscore.
fn metric_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' }).collect()
}

fn labels(sample: &Sample) -> String {
    let mut out = String::new();
    for (name, value) in &sample.labels {
        if !out.is_empty() {
            out.push(',');
        }
        let _ = write!(out, "{name}=\"");
        for character in value.chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    out
}
