//! What is to be said of an Ingress: what was found about it, and about the objects that are made of it.

use crate::condition::{Finding, Topic};
use crate::key::Key;
use crate::kubernetes::ingresses::{Ingresses, Served};
use crate::kubernetes::{gateway, virtual_service};
use crate::proxy::AnyProxy;

impl Ingresses {
    /// What is to be said of an Ingress; `None` when it is for another controller.
    pub(crate) fn findings(
        &self,
        key: &Key,
        proxies: &[AnyProxy],
        selects_nobody: impl Fn() -> String,
    ) -> Option<Vec<Finding>> {
        let served = self.served(key)?;
        let mut findings: Vec<Finding> = served.obstacle.iter().cloned().collect();
        let Some(made) = &served.gateway else { return Some(findings) };
        findings.extend(made.findings.iter().cloned());
        let own = Key::of(&made.object.meta);
        let reports: Vec<Vec<Finding>> = proxies.iter().filter_map(|proxy| proxy.gateway_findings(&own)).collect();
        if reports.is_empty() {
            let message = format!("no gateway serves Ingresses: {}", selects_nobody());
            findings.push(Finding { topic: Topic::NotProgrammed, message });
            return Some(findings);
        }
        findings.extend(reports.into_iter().flatten().map(|finding| of_server(finding, made)));
        let programmed = self.hosts_of(key, served, proxies, &mut findings);
        if !programmed && served.obstacle.is_none() {
            let message = "none of them has paths that a gateway serves".to_owned();
            findings.push(Finding::at(Topic::NotProgrammed, "spec.rules", message));
        }
        Some(findings)
    }

    /// Adds what is to be said of the paths; whether any of them is served.
    fn hosts_of(&self, key: &Key, served: &Served, proxies: &[AnyProxy], findings: &mut Vec<Finding>) -> bool {
        let mut programmed = false;
        for host in &served.hosts {
            let Some((made, obstacle)) = self.host(host) else { continue };
            findings.extend(obstacle.cloned());
            findings.extend(made.findings.iter().filter(|(ingress, _)| ingress == key).map(|(_, f)| f.clone()));
            let own = Key::of(&made.object.meta);
            for proxy in proxies {
                let (found, serves) = proxy.virtual_service_findings(&own);
                findings.extend(found.into_iter().filter_map(|finding| of_rule(finding, made, key)));
                programmed |= serves;
            }
        }
        programmed
    }
}

/// `spec.NAME[INDEX]` at the beginning of a message, and what follows.
fn indexed<'m>(message: &'m str, name: &str) -> Option<(usize, &'m str)> {
    let (index, rest) = message.strip_prefix("spec.")?.strip_prefix(name)?.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}

/// A finding about a server of the Gateway as one about the Ingress.
fn of_server(finding: Finding, made: &gateway::Made) -> Finding {
    let Some((index, rest)) = indexed(&finding.message, "servers") else { return finding };
    let (field, text) = rest.split_once(": ").unwrap_or(("", rest));
    let path = match made.blocks.get(index).copied().flatten() {
        Some(block) if field.starts_with(".tls.credentialName") => format!("spec.tls[{block}].secretName"),
        Some(block) => format!("spec.tls[{block}]"),
        None => "spec.rules".to_owned(),
    };
    Finding::at(finding.topic, &path, text)
}

/// A finding about a rule of the VirtualService as one about the Ingress of which the rule is; `None` when that is
/// another one.
fn of_rule(finding: Finding, made: &virtual_service::Made, key: &Key) -> Option<Finding> {
    let Some((index, rest)) = indexed(&finding.message, "http") else { return Some(finding) };
    let origin = made.origins.get(index).filter(|origin| origin.ingress == *key)?;
    let (field, text) = rest.split_once(": ").unwrap_or(("", rest));
    let field = match field {
        field if field.ends_with(".host") => "backend.service.name",
        field if field.ends_with(".port.number") => "backend.service.port.number",
        field if field.starts_with(".match") => "path",
        _ => "backend",
    };
    Some(Finding::at(finding.topic, &format!("{}.{field}", origin.path), text))
}
