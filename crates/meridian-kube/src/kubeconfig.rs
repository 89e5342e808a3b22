//! The one reader of kubeconfigs, and where they are looked for.

use crate::error::{Error, whole_text};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What a context of kubeconfigs says; the current one without a name. What an earlier file says counts more.
///
/// # Errors
/// [`Error::Config`] when they cannot be read or used; the message names them.
pub(crate) async fn read(files: &[PathBuf], context: Option<&str>) -> Result<Config, Error> {
    let names = || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    let failed =
        |error: &(dyn std::error::Error + 'static)| Error::Config(format!("{}: {}", names(), whole_text(error)));
    let mut merged = Kubeconfig::default();
    for file in files {
        merged = merged.merge(read_file(file)?).map_err(|error| failed(&error))?;
    }
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(merged, &options).await.map_err(|error| failed(&error))
}

fn read_file(file: &Path) -> Result<Kubeconfig, Error> {
    Kubeconfig::read_from(file).map_err(|error| {
        let text = whole_text(&error);
        let name = file.display().to_string();
        Error::Config(if text.contains(&name) { text } else { format!("{name}: {text}") })
    })
}

/// What kubectl would use: the file that is named, else the kubeconfigs of `$KUBECONFIG`, else `~/.kube/config`, else the
/// service account of the pod that this process runs in, unless a context is named.
///
/// # Errors
/// [`Error::Config`] when there is none of them, or the first that there is cannot be used.
pub(crate) async fn as_kubectl(file: Option<&Path>, context: Option<&str>) -> Result<Config, Error> {
    if let Some(file) = file {
        return read(&[file.to_owned()], context).await;
    }
    let listed = listed(std::env::var_os("KUBECONFIG").as_deref())?;
    let files = listed.unwrap_or_else(|| of_home(std::env::var_os("HOME").as_deref()).into_iter().collect());
    if !files.is_empty() {
        return read(&files, context).await;
    }
    if let Some(context) = context {
        return Err(Error::Config(format!(
            "there is no kubeconfig for the context {context}: no ~/.kube/config; name one with --kubeconfig"
        )));
    }
    Config::incluster().map_err(|error| {
        Error::Config(format!(
            "no API server is known: there is no ~/.kube/config, and this is no pod ({}); name a kubeconfig with \
             --kubeconfig",
            whole_text(&error)
        ))
    })
}

/// The files that a value of `KUBECONFIG` lists and that there are; nothing where it is not set, or empty.
///
/// # Errors
/// [`Error::Config`] when it lists files of which none is there.
pub fn listed(variable: Option<&OsStr>) -> Result<Option<Vec<PathBuf>>, Error> {
    let Some(variable) = variable.filter(|variable| !variable.is_empty()) else { return Ok(None) };
    let found: Vec<PathBuf> = std::env::split_paths(variable).filter(|path| path.is_file()).collect();
    if found.is_empty() {
        let text = format!(
            "KUBECONFIG is {}, which is no file; export the path of a kubeconfig, such as the one that `meridian up` \
             prints",
            variable.display()
        );
        return Err(Error::Config(text));
    }
    Ok(Some(found))
}

/// The kubeconfig of kubectl in a home folder, if it is there.
fn of_home(home: Option<&OsStr>) -> Option<PathBuf> {
    home.map(|home| Path::new(home).join(".kube/config")).filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kubeconfig of one server under a name.
    fn kubeconfig(name: &str, current: bool) -> String {
        let current = if current { format!("current-context: {name}\n") } else { String::new() };
        format!(
            "apiVersion: v1\nkind: Config\n{current}clusters:\n- name: {name}\n  cluster: {{server: 'http://{name}:1'}}\n\
             contexts:\n- name: {name}\n  context: {{cluster: {name}, user: {name}, namespace: of-{name}}}\nusers:\n- \
             name: {name}\n  user: {{}}\n"
        )
    }

    fn folder() -> (PathBuf, [PathBuf; 2]) {
        let folder = std::env::temp_dir().join(format!("kubeconfigs-{}-{:x}", std::process::id(), fastrand::u64(..)));
        std::fs::create_dir_all(&folder).unwrap();
        let files = ["a", "b"].map(|name| {
            let file = folder.join(name);
            std::fs::write(&file, kubeconfig(name, name == "b")).unwrap();
            file
        });
        (folder, files)
    }

    #[tokio::test]
    async fn several_files_are_one() {
        let (folder, files) = folder();
        let of = async |context: Option<&str>| read(&files, context).await.map(|config| config.default_namespace);
        assert_eq!(of(None).await.unwrap(), "of-b", "the first that names a current context");
        assert_eq!(of(Some("a")).await.unwrap(), "of-a");
        let error = of(Some("c")).await.unwrap_err().to_string();
        assert!(error.contains(&files[0].display().to_string()) && error.contains('c'), "{error}");
        let error = read(&[folder.join("c")], None).await.unwrap_err().to_string();
        assert!(error.contains(&folder.join("c").display().to_string()), "{error}");
        let config = as_kubectl(Some(&files[0]), Some("a")).await.unwrap();
        assert_eq!(config.cluster_url.to_string(), "http://a:1/");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_listed_and_missing_is_passed_over_or_told() {
        let (folder, [a, b]) = folder();
        let several = std::env::join_paths([&folder.join("c"), &a, &b]).unwrap();
        assert_eq!(listed(Some(&several)).unwrap(), Some(vec![a, b]));
        assert_eq!(listed(Some(OsStr::new(""))).unwrap(), None);
        assert_eq!(listed(None).unwrap(), None);
        let error = listed(Some(OsStr::new("/missing"))).unwrap_err().to_string();
        assert!(error.starts_with("KUBECONFIG is /missing, which is no file; export the path"), "{error}");
        assert_eq!(of_home(Some(folder.as_os_str())), None);
        std::fs::create_dir_all(folder.join(".kube")).unwrap();
        std::fs::write(folder.join(".kube/config"), "").unwrap();
        assert_eq!(of_home(Some(folder.as_os_str())), Some(folder.join(".kube/config")));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
