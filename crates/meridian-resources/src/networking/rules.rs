//! Kubernetes' rules for Ingresses (`pkg/apis/networking/validation`), with Kubernetes' wording.

use std::net::IpAddr;

use super::ingress::{CLASS_ANNOTATION, HttpIngressPath, IngressBackend, PathType};
use super::{Ingress, IngressClass};
use crate::core::rules::{port_name, port_number};
use crate::error::FieldError;
use crate::object::Object;
use crate::rules::{Findings, metadata};
use crate::schema::path::Path;

/// The longest name of a controller.
const LONGEST_CONTROLLER: usize = 250;

const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which \
    must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. \
    '*.example.com', regex used for validation is \
    '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

pub(crate) fn ingress(object: &Object<Ingress>, findings: &mut Findings) {
    let (ingress, spec) = (&object.spec, &Path::Root.field("spec"));
    class(object, findings);
    if ingress.rules.is_empty() && ingress.default_backend.is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        let mut error = FieldError::invalid_hidden("spec", detail);
        error.found = Some("null".to_owned());
        findings.errors.push(error);
    }
    if let Some(default) = &ingress.default_backend {
        backend(findings, &spec.field("defaultBackend"), default);
    }
    let rules = spec.field("rules");
    for (index, rule) in ingress.rules.iter().enumerate() {
        let path = rules.index(index);
        let host_path = path.field("host");
        if rule.host.parse::<IpAddr>().is_ok() {
            findings.invalid(&host_path, rule.host.as_str(), "must be a DNS name, not an IP address");
        }
        if !rule.host.is_empty() {
            findings.check(&host_path, &rule.host, host(&rule.host));
        }
        let Some(http) = &rule.http else { continue };
        let (http_path, paths) = (path.field("http"), &http.paths);
        let list = http_path.field("paths");
        if paths.is_empty() {
            findings.required(&list, "");
        }
        for (index, http_path) in paths.iter().enumerate() {
            self::http_path(findings, &list.index(index), http_path);
        }
    }
    let blocks = spec.field("tls");
    for (index, block) in ingress.tls.iter().enumerate() {
        let path = blocks.index(index);
        let hosts = path.field("hosts");
        for (index, name) in block.hosts.iter().enumerate() {
            findings.check(&hosts.index(index), name, host(name));
        }
        if !block.secret_name.is_empty() {
            findings.check(&path.field("secretName"), &block.secret_name, metadata::subdomain(&block.secret_name));
        }
    }
}

/// The class as annotation and as field.
fn class(object: &Object<Ingress>, findings: &mut Findings) {
    let annotation = object.meta.annotations.get(CLASS_ANNOTATION);
    let Some(name) = &object.spec.ingress_class_name else {
        if annotation.is_some() {
            let metadata = Path::Root.field("metadata");
            let annotations = metadata.field("annotations");
            findings
                .warn(&annotations.key(CLASS_ANNOTATION), "is deprecated, please use 'spec.ingressClassName' instead");
        }
        return;
    };
    let spec = Path::Root.field("spec");
    findings.check(&spec.field("ingressClassName"), name, metadata::subdomain(name));
    if let Some(annotation) = annotation.filter(|annotation| *annotation != name) {
        let annotations = Path::Root.field("annotations");
        let path = annotations.field(CLASS_ANNOTATION);
        findings.invalid(&path, annotation.as_str(), "must match `ingressClassName` when both are specified");
    }
}

/// A name, also with `*` as its first label.
fn host(name: &str) -> Result<(), String> {
    if !name.contains('*') {
        return metadata::subdomain(name);
    }
    match name.strip_prefix("*.") {
        Some(rest) if metadata::subdomain(rest).is_ok() => Ok(()),
        _ => Err(WILDCARD.to_owned()),
    }
}

fn http_path(findings: &mut Findings, path: &Path<'_>, rule: &HttpIngressPath) {
    let Some(type_) = rule.path_type else {
        return findings.required(&path.field("pathType"), "pathType must be specified");
    };
    let (text, field) = (rule.path.as_str(), path.field("path"));
    let may_be_empty = type_ == PathType::ImplementationSpecific;
    if !(text.starts_with('/') || may_be_empty && text.is_empty()) {
        findings.invalid(&field, text, "must be an absolute path");
    }
    if type_ != PathType::ImplementationSpecific {
        for sequence in ["//", "/./", "/../", "%2f", "%2F"] {
            if text.contains(sequence) {
                findings.invalid(&field, text, format!("must not contain '{sequence}'"));
            }
        }
        for suffix in ["/..", "/."] {
            if text.ends_with(suffix) {
                findings.invalid(&field, text, format!("cannot end with '{suffix}'"));
            }
        }
    }
    backend(findings, &path.field("backend"), &rule.backend);
}

fn backend(findings: &mut Findings, path: &Path<'_>, backend: &IngressBackend) {
    let service = match (&backend.resource, &backend.service) {
        (Some(_), Some(_)) => {
            return findings.invalid(path, "", "cannot set both resource and service backends");
        }
        (None, None) => return findings.invalid(path, "", "resource or service backend is required"),
        (Some(resource), None) => {
            let path = path.field("resource");
            for (field, value) in [("kind", &resource.kind), ("name", &resource.name)] {
                if value.is_empty() {
                    findings.required(&path.field(field), "");
                }
            }
            return;
        }
        (None, Some(service)) => service,
    };
    let service_path = path.field("service");
    if service.name.is_empty() {
        findings.required(&service_path.field("name"), "");
    } else {
        findings.check(&service_path.field("name"), &service.name, metadata::label_1035(&service.name));
    }
    let port = service_path.field("port");
    match (service.port.name.as_str(), service.port.number) {
        ("", 0) => findings.required(path, "port name or number is required"),
        ("", number) => port_number(findings, &port.field("number"), number),
        (name, 0) => port_name(findings, &port.field("name"), name),
        _ => findings.invalid(path, "", "cannot set both port name & port number"),
    }
}

pub(crate) fn ingress_class(object: &Object<IngressClass>, findings: &mut Findings) {
    let path = Path::Root.field("spec");
    let (path, controller) = (path.field("controller"), object.spec.controller.as_str());
    if controller.len() > LONGEST_CONTROLLER {
        findings.errors.push(FieldError::too_long(path, LONGEST_CONTROLLER));
    }
    match controller.split_once('/') {
        _ if controller.is_empty() => findings.required(&path, ""),
        Some((domain, name)) if !domain.is_empty() && !name.is_empty() => {
            findings.check(&path, domain, metadata::subdomain(domain));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%/".contains(&byte);
            if !name.bytes().all(plain) {
                let detail = "Invalid path (e.g. 'foo/bar', regex used for validation is \
                              '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                findings.invalid(&path, name, detail);
            }
        }
        _ => findings.invalid(&path, controller, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
}

#[cfg(test)]
mod tests;
