//! Which kubeconfig a command uses, and the connection that it describes.

use crate::folder::default_data;
use anyhow::anyhow;
use meridian_kube::Connection;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Connects to the API of a command: of `--kubeconfig` and `--context`, else of the environment, else of the data folder,
/// which `--data` names or which is the default one, else of `~/.kube/config`.
///
/// # Errors
/// There is no kubeconfig, or it cannot be used. Nothing is asked of the API yet.
pub(crate) async fn connect(
    option: Option<&Path>,
    context: Option<&str>,
    data: Option<&Path>,
) -> anyhow::Result<Connection> {
    let files = of_command(option, data)?;
    Ok(meridian_kube::connect(&files, context).await?)
}

/// The kubeconfigs of a command.
///
/// # Errors
/// See [`find`].
fn of_command(option: Option<&Path>, data: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    // A data folder that is named counts more than a variable that happens to be set.
    let variable = std::env::var_os("KUBECONFIG").filter(|_| data.is_none());
    let home = std::env::var_os("HOME").filter(|_| data.is_none());
    let of_kubectl = home.map(|home| Path::new(&home).join(".kube/config"));
    let data = data.map(Path::to_owned).or_else(default_data);
    find(option, variable.as_deref(), data.as_deref(), of_kubectl.as_deref())
}

/// The kubeconfigs that there are: the option, else the files of `KUBECONFIG`, else the one in the data folder, else that
/// of kubectl.
///
/// # Errors
/// There is none; the message says where one was looked for.
pub(crate) fn find(
    option: Option<&Path>,
    variable: Option<&OsStr>,
    data: Option<&Path>,
    of_kubectl: Option<&Path>,
) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(path) = option {
        return Ok(vec![path.to_owned()]);
    }
    if let Some(listed) = meridian_kube::listed(variable)? {
        return Ok(listed);
    }
    let path = data.map(|data| data.join("kubeconfig"));
    let known = [path.as_deref(), of_kubectl].into_iter().flatten().find(|path| path.is_file());
    known.map(|path| vec![path.to_owned()]).ok_or_else(|| {
        let where_ = path.map_or_else(String::new, |path| format!(" at {}", path.display()));
        anyhow!(
            "there is no kubeconfig{where_}: is `meridian up` running? If it is, export KUBECONFIG as it prints; or name \
             the proxy's admin endpoint with --admin ADDR:PORT"
        )
    })
}
