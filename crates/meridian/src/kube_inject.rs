//! `meridian kube-inject`: objects of files with sidecars in their pods, as `istioctl kube-inject` writes them.

use crate::client::output;
use crate::input;
use anyhow::{Context, bail};
use meridian_inject::Settings;
use meridian_inject::documents::inject_text;
use meridian_kube::Client;
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

    /// Take what is in no file from the ConfigMaps istio and istio-sidecar-injector of this cluster
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The control plane's namespace
    #[arg(short = 'i', long = "istioNamespace", value_name = "NAMESPACE", default_value = "istio-system")]
    namespace: String,

    /// The control plane's revision
    #[arg(short, long, value_name = "REVISION")]
    revision: Option<String>,
}

/// Injects the files. Why something stays as it is, and what has no effect, goes to standard error.
///
/// # Errors
/// A file cannot be read or written, or something in it is wrong; then nothing is written.
pub(crate) async fn run(args: &KubeInjectArgs) -> anyhow::Result<()> {
    let settings = settings(args).await?;
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

async fn settings(args: &KubeInjectArgs) -> anyhow::Result<Settings> {
    let cluster = match &args.kubeconfig {
        Some(file) => Some(Client::from_kubeconfig(Some(file)).await.context("--kubeconfig")?),
        None => None,
    };
    let mut settings = Settings { namespace: args.namespace.clone(), ..Settings::default() };
    let layers: [(Option<&Path>, &str, &str, Lay); 3] = [
        (args.values.as_deref(), INJECTOR, "values", Settings::with_values),
        (args.inject_config.as_deref(), INJECTOR, "config", Settings::with_config),
        (args.mesh_config.as_deref(), MESH, "mesh", Settings::with_mesh),
    ];
    for (file, map, key, lay) in layers {
        let (name, text) = match (file, &cluster) {
            (Some(file), _) => {
                let name = file.display().to_string();
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
                (name, text)
            }
            (None, Some(cluster)) => {
                let name = format!("ConfigMap {}/{map}, key {key}", args.namespace);
                let found = cluster.get("v1", "ConfigMap", &args.namespace, map).await.with_context(|| name.clone())?;
                let text = found.as_ref().and_then(|found| found["data"][key].as_str()).unwrap_or_default();
                (name, text.to_owned())
            }
            (None, None) => continue,
        };
        let Some(document) = document(&name, &text)? else { continue };
        let (laid, remarks) = lay(settings, &document).with_context(|| name.clone())?;
        settings = laid;
        remarks.iter().for_each(|remark| eprintln!("{name}: {remark}"));
    }
    if let Some(revision) = &args.revision {
        settings.revision = if revision == "default" { String::new() } else { revision.clone() };
    }
    Ok(settings)
}

/// The ConfigMap with the settings of injection.
const INJECTOR: &str = "istio-sidecar-injector";
/// The ConfigMap with the mesh configuration.
const MESH: &str = "istio";

/// Lays one document over the settings.
type Lay = fn(Settings, &Value) -> Result<(Settings, Vec<String>), meridian_inject::settings::SettingError>;

/// The one document of a text; nothing where it is empty.
fn document(name: &str, text: &str) -> anyhow::Result<Option<Value>> {
    match yaml::values(text, name).into_iter().next() {
        None => Ok(None),
        Some(Ok(value @ Value::Object(_))) => Ok(Some(value)),
        Some(Ok(_)) => bail!("{name}: found no mapping of settings"),
        Some(Err(diagnostic)) => bail!("{diagnostic}"),
    }
}
