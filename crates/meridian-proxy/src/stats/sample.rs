//! What there is to show of one number at one moment.

use super::HistogramView;

/// A metric with its value, all workers added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Envoy's name with dots; Istio's name where it is Istio's metric.
    pub name: String,
    /// Name for Prometheus; Envoy's begin with `envoy_`.
    pub prometheus: String,
    /// Labels for Prometheus.
    pub labels: Vec<(&'static str, String)>,
    /// See [`Value`].
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Only grows.
    Counter(u64),
    /// Goes up and down.
    Gauge(u64),
    /// Values by size.
    Histogram(Box<HistogramView>),
}

impl Value {
    /// Whether anything was ever counted (`usedonly`).
    #[must_use]
    pub fn is_used(&self) -> bool {
        match self {
            Self::Counter(value) | Self::Gauge(value) => *value > 0,
            Self::Histogram(view) => view.count() > 0,
        }
    }
}
