//! Proxies that are processes of their own: what they need, their start, and the capture of their workloads' traffic.

use std::fs;
use std::os::unix::fs::chown;

use super::Lab;
use crate::error::{Doing, Error};
use crate::plan::proxies::{Proxy, USER};
use crate::tool;

/// What tokens of proxies are for, and how long they are good.
const AUDIENCE: &str = "--audience=istio-ca";
const DURATION: &str = "--duration=24h";

impl Lab {
    /// Starts all of them and waits until each runs its first configuration.
    pub(super) fn start_proxies(&mut self) -> Result<(), Error> {
        let proxies = self.plan.proxies.clone();
        for proxy in &proxies {
            self.interrupt.check()?;
            self.give_identity(proxy)?;
            self.capture(proxy)?;
            self.start(&self.site.proxy(proxy))?;
        }
        proxies.iter().try_for_each(|proxy| self.wait_for_proxy(&proxy.name, &proxy.name, proxy.address))
    }

    /// The files of a proxy: a token of its service account, the mesh's root certificate, a folder for its state.
    fn give_identity(&mut self, proxy: &Proxy) -> Result<(), Error> {
        let files = self.site.proxy_files(&proxy.name);
        fs::create_dir_all(&files.state).doing("create", &files.state)?;
        let token = self.kubectl(&["create", "token", &proxy.name, "-n", proxy.namespace, AUDIENCE, DURATION])?;
        fs::write(&files.token, token.trim()).doing("write", &files.token)?;
        let mut root = String::new();
        self.wait("no root certificate in ConfigMap istio-ca-root-cert", |lab| {
            let query = "jsonpath={.data.root-cert\\.pem}";
            let found = lab.kubectl(&["get", "configmap", "istio-ca-root-cert", "-n", "istio-system", "-o", query]);
            root = found.unwrap_or_default();
            Ok(!root.is_empty())
        })?;
        fs::write(&files.root, root).doing("write", &files.root)?;
        for path in [&files.state, &files.token, &files.root] {
            chown(path, Some(USER), Some(USER)).doing("give away", path)?;
        }
        Ok(())
    }

    /// Sets the rules that lead the workload's traffic to its sidecar.
    fn capture(&self, proxy: &Proxy) -> Result<(), Error> {
        let Some(words) = proxy.capture(&self.site) else { return Ok(()) };
        tool::run(self.command(&proxy.name, &words[0]).args(&words[1..])).map(drop)
    }
}
