//! What is written down when a check has failed: the objects, the configuration of every proxy, the sockets, the rules.

use std::fs;

use super::Lab;
use crate::plan::{MESH, Shape};
use crate::tool;

/// Where a proxy answers about itself.
pub(super) const ADMIN: &str = "http://127.0.0.1:15000";

impl Lab {
    /// Writes down what helps to understand a failure, as far as it can be had.
    pub fn diagnose(&self) {
        let kinds = self.kinds();
        let kubeconfig = self.site.kubeconfig().display().to_string();
        let get = ["kubectl", "--kubeconfig", &kubeconfig, "--request-timeout=5s", "get", &kinds, "-A", "-o", "yaml"];
        self.probe(MESH, "objects.yaml", &get);
        let homes: Vec<(&str, String)> = match self.plan.shape {
            Shape::Together => vec![(MESH, String::new())],
            Shape::Apart => self.plan.proxies.iter().map(|p| (p.name.as_str(), format!("-{}", p.name))).collect(),
        };
        for (space, suffix) in homes {
            let ask = |path: &str| format!("{ADMIN}{path}");
            let curl = ["curl", "-sS", "-m", "5"];
            for (path, file, ending) in [
                ("/config_dump?include_eds", "config_dump", "json"),
                ("/stats", "stats", "txt"),
                ("/clusters", "clusters", "txt"),
            ] {
                self.probe(space, &format!("{file}{suffix}.{ending}"), &[curl.as_slice(), &[&ask(path)]].concat());
            }
            self.probe(space, &format!("sockets{suffix}.txt"), &["ss", "-tanp"]);
            self.probe(space, &format!("rules{suffix}.txt"), &["nft", "list", "ruleset"]);
        }
    }

    /// The kinds of objects that the API has, but for those with private keys.
    fn kinds(&self) -> String {
        let all = self.kubectl(&["api-resources", "--verbs=list", "-o", "name"]).unwrap_or_default();
        all.lines().filter(|kind| *kind != "secrets").collect::<Vec<_>>().join(",")
    }

    /// Writes what a command says in a namespace, or why it said nothing, to a file of the lab.
    fn probe(&self, space: &str, file: &str, words: &[&str]) {
        let mut command = self.command(space, words[0]);
        let text = tool::run(command.args(&words[1..])).unwrap_or_else(|e| format!("{e}\n"));
        // A lab that cannot be written to has failed for that reason already.
        let _ = fs::write(self.site.folder.join(file), text);
    }
}
