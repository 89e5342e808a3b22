//! The file that tells `kubectl` where the API is.

/// A kubeconfig with one cluster, at `server` (`http://127.0.0.1:6443`), and one context, which is the current one.
pub fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: meridian\n  cluster:\n    server: {server}\n\
         users:\n\
         - name: meridian\n  user: {{}}\n\
         contexts:\n\
         - name: meridian\n  context:\n    cluster: meridian\n    user: meridian\n    namespace: default\n\
         current-context: meridian\n"
    )
}
