//! The command line.

use crate::input::Input;
use meridian_analyze::{Level, Message};
use std::path::PathBuf;

/// Options of `meridian analyze`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian analyze
  meridian analyze gateway.yaml services/
  meridian analyze --use-kube=false gateway.yaml
  meridian analyze -A -S \"IST0118=Service *.default\" --failure-threshold Warning")]
pub(crate) struct AnalyzeArgs {
    /// Files and folders to look at as if they were applied; - is standard input
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<String>,
    /// Look at what is applied too
    #[arg(short = 'k', long, value_name = "BOOL", default_value_t = true, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(super) use_kube: bool,
    /// Namespace to tell of
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(super) namespace: String,
    /// Tell of all namespaces
    #[arg(short = 'A', long)]
    pub(super) all_namespaces: bool,
    /// Print as
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
    /// Exit with 79 when there is a message of this level
    #[arg(long, value_name = "LEVEL", default_value_t = Level::Error)]
    pub(super) failure_threshold: Level,
    /// Print messages from this level on
    #[arg(long, value_name = "LEVEL", default_value_t = Level::Info)]
    pub(super) output_threshold: Level,
    /// Do not tell a code of a resource, such as "IST0118=Service *.default"
    #[arg(short = 'S', long, value_name = "CODE=RESOURCE")]
    pub(super) suppress: Vec<String>,
    /// Run these analyzers only
    #[arg(long = "analyzer", value_name = "NAME", value_parser = analyzer)]
    pub(super) analyzers: Vec<String>,
    /// List the analyzers
    #[arg(short = 'L', long)]
    pub(super) list_analyzers: bool,
    /// Take no offence at documents that cannot be read
    #[arg(long)]
    pub(super) ignore_unknown: bool,
    /// Kubeconfig of the API [default: $KUBECONFIG, that of the data folder, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
}

/// How to print.
#[derive(clap::ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// A line for each message
    #[default]
    Log,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

fn analyzer(name: &str) -> Result<String, String> {
    match meridian_analyze::ALL.iter().any(|analyzer| analyzer.name == name) {
        true => Ok(name.to_owned()),
        false => Err("there is no such analyzer; -L lists them".to_owned()),
    }
}

impl AnalyzeArgs {
    /// Whether the analyzer was asked for by name.
    pub(super) fn takes(&self, analyzer: &str) -> bool {
        self.analyzers.iter().any(|name| name == analyzer)
    }

    /// Whether the message is about a namespace that was asked for.
    pub(super) fn covers(&self, message: &Message) -> bool {
        let namespace = message.object.namespace.as_deref();
        self.all_namespaces || message.source.is_some() || namespace.is_none_or(|own| own == self.namespace)
    }

    /// What is analyzed, for people.
    pub(super) fn target(&self, inputs: &[Input]) -> String {
        match (inputs, self.all_namespaces) {
            ([], true) => "all namespaces".to_owned(),
            ([], false) => format!("namespace: {}", self.namespace),
            ([one], _) => one.name.clone(),
            (many, _) => many.iter().fold(String::new(), |text, input| format!("{text}\n  - {}", input.name)),
        }
    }
}
