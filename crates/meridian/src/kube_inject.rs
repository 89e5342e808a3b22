//! `meridian kube-inject`: objects of files with sidecars in their pods, as `istioctl kube-inject` writes them.

use crate::client::output;
use crate::input;
use anyhow::{Context, bail};
use meridian_inject::Settings;
use meridian_inject::documents::inject_text;
use meridian_resources::yaml;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Options of `meridian kube-inject`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian kube-inject -f deployment.yaml | kubectl apply -f -
  kubectl get deployment web -o yaml | meridian kube-inject -f - | kubectl apply -f -
  meridian kube-inject -f app.yaml -o app-injected.yaml --meshConfigFile mesh.yaml --valuesFile values.yaml")]
pub(crate) struct KubeInjectArgs {
    /// A file or folder; - is standard input
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    files: Vec<String>,

    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The mesh configuration: key mesh of ConfigMap istio
    #[arg(long = "meshConfigFile", alias = "mesh-config-file", value_name = "FILE")]
    mesh_config: Option<PathBuf>,

    /// Policy, selectors and default templates: key config of ConfigMap istio-sidecar-injector
    #[arg(long = "injectConfigFile", alias = "inject-config-file", value_name = "FILE")]
    inject_config: Option<PathBuf>,

    /// Images, resources and what is captured: key values of ConfigMap istio-sidecar-injector
    #[arg(long = "valuesFile", alias = "values-file", value_name = "FILE")]
    values: Option<PathBuf>,

    /// The control plane's revision
    #[arg(short, long, value_name = "REVISION")]
    revision: Option<String>,
}

/// Injects the files. Why something stays as it is, and what has no effect, goes to standard error.
///
/// # Errors
/// A file cannot be read or written, or something in it is wrong; then nothing is written.
pub(crate) fn run(args: &KubeInjectArgs) -> anyhow::Result<()> {
    let settings = settings(args)?;
    let (mut text, mut warnings) = (String::new(), Vec::new());
    for input in input::read(&args.files)? {
        let output = inject_text(&input.text, &input.name, &settings)?;
        text.push_str(&output.text);
        warnings.extend(output.warnings);
    }
    for warning in warnings {
        eprintln!("{warning}");
    }
    match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => output::print(&text),
    }
}

fn settings(args: &KubeInjectArgs) -> anyhow::Result<Settings> {
    let mut settings = Settings::default();
    let mut lay = |file: Option<&Path>, lay: Lay| -> anyhow::Result<()> {
        let Some(file) = file else { return Ok(()) };
        let name = file.display().to_string();
        let (laid, remarks) = lay(settings.clone(), &document(file)?).with_context(|| name.clone())?;
        settings = laid;
        remarks.iter().for_each(|remark| eprintln!("{name}: {remark}"));
        Ok(())
    };
    lay(args.values.as_deref(), Settings::with_values)?;
    lay(args.inject_config.as_deref(), Settings::with_config)?;
    lay(args.mesh_config.as_deref(), Settings::with_mesh)?;
    if let Some(revision) = &args.revision {
        settings.revision = if revision == "default" { String::new() } else { revision.clone() };
    }
    Ok(settings)
}

/// Lays one document over the settings.
type Lay = fn(Settings, &Value) -> Result<(Settings, Vec<String>), meridian_inject::settings::SettingError>;

/// The one document of a file.
fn document(file: &Path) -> anyhow::Result<Value> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    match yaml::values(&text, &name).into_iter().next() {
        Some(Ok(value @ Value::Object(_))) => Ok(value),
        Some(Err(diagnostic)) => bail!("{diagnostic}"),
        _ => bail!("{name}: found no mapping of settings"),
    }
}
