//! Reading a kubeconfig: where the API is.

use crate::folder::default_data;
use anyhow::{Context, anyhow, bail};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The kubeconfig of a command: `--kubeconfig`, else that of the environment, else the one in the data folder, which
/// `--data` names or which is the default one.
///
/// # Errors
/// See [`find`].
pub(crate) fn of_command(option: Option<&Path>, data: Option<&Path>) -> anyhow::Result<PathBuf> {
    // A data folder that is named counts more than a variable that happens to be set.
    let variable = std::env::var_os("KUBECONFIG").filter(|_| data.is_none());
    let data = data.map(Path::to_owned).or_else(default_data);
    find(option, variable.as_deref(), data.as_deref())
}

/// The kubeconfig that there is: the option, else the first file of `KUBECONFIG`, else the one in the data folder.
///
/// # Errors
/// There is none; the message says where one was looked for.
pub(crate) fn find(option: Option<&Path>, variable: Option<&OsStr>, data: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = option {
        return Ok(path.to_owned());
    }
    if let Some(variable) = variable.filter(|variable| !variable.is_empty()) {
        let found = std::env::split_paths(variable).find(|path| path.is_file());
        return found.with_context(|| {
            format!("KUBECONFIG is {}, which is no file; export the path that `meridian up` prints", variable.display())
        });
    }
    let path = data.map(|data| data.join("kubeconfig"));
    path.as_ref().filter(|path| path.is_file()).cloned().ok_or_else(|| {
        let where_ = path.map_or_else(String::new, |path| format!(" at {}", path.display()));
        anyhow!(
            "there is no kubeconfig{where_}: is `meridian up` running? If it is, export KUBECONFIG as it prints; or name \
             the proxy's admin endpoint with --admin ADDR:PORT"
        )
    })
}

/// The address of the API in the file at `path`: `host:port` and the path before all others.
///
/// # Errors
/// The file cannot be read, is no kubeconfig, or names an API that needs TLS.
pub(crate) fn server(path: &Path) -> anyhow::Result<Server> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the kubeconfig {}", path.display()))?;
    parse(&text, &path.display().to_string())
}

/// Where an API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// `host:port`
    pub(crate) authority: String,
    /// Empty, or a path such as `/cluster-1`.
    pub(crate) prefix: String,
}

/// Finds the server of the current context.
///
/// # Errors
/// See [`server`].
pub(crate) fn parse(text: &str, file: &str) -> anyhow::Result<Server> {
    let document = meridian_resources::yaml::values(text, file).into_iter().next();
    let config = document.with_context(|| format!("{file} is empty"))?.map_err(|error| anyhow!("{error}"))?;
    let current = field(&config, "current-context");
    let context = named(&config, "contexts", current)
        .with_context(|| format!("{file}: current-context is {current:?}, which is not among its contexts"))?;
    let cluster = context.pointer("/context/cluster").and_then(Value::as_str).unwrap_or_default();
    let cluster = named(&config, "clusters", cluster)
        .with_context(|| format!("{file}: cluster {cluster:?} of context {current:?} is not among its clusters"))?;
    let url = cluster.pointer("/cluster/server").and_then(Value::as_str).unwrap_or_default();
    let Some(rest) = url.strip_prefix("http://") else {
        bail!(
            "{file}: the API at {url:?} is not reached by http://, and TLS is not supported here yet; forward the \
             proxy's admin port (kubectl port-forward) and name it with --admin 127.0.0.1:15000"
        );
    };
    let (authority, prefix) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    Ok(Server { authority, prefix: prefix.trim_end_matches('/').to_owned() })
}

fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn named<'v>(config: &'v Value, list: &str, name: &str) -> Option<&'v Value> {
    config.get(list)?.as_array()?.iter().find(|item| field(item, "name") == name)
}
