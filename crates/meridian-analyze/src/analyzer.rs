//! The analyzers and how they are run.

use crate::message::Message;
use crate::objects::Objects;
use crate::report::Report;
use crate::{annotations, destination_rule, gateway, schema, service, service_entry, virtual_service};

/// One analyzer.
pub struct Analyzer {
    /// Istio's name for it.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    run: fn(&Objects, &mut Report<'_>),
}

/// All analyzers, by name.
pub const ALL: &[Analyzer] = &[
    Analyzer {
        name: "annotations.K8sAnalyzer",
        description: "Checks for misplaced and invalid Istio annotations in Kubernetes resources",
        run: annotations::analyze,
    },
    Analyzer {
        name: "destinationrule.CaCertificateAnalyzer",
        description: "Checks if caCertificates is set when TLS mode is SIMPLE/MUTUAL",
        run: destination_rule::ca_certificates::analyze,
    },
    Analyzer {
        name: "destinationrule.DoubleTlsAnalyzer",
        description: "Checks that TLS is not originated for clients that speak TLS themselves",
        run: destination_rule::double_tls::analyze,
    },
    Analyzer {
        name: "destinationrule.PodNotSelectedAnalyzer",
        description: "Checks if subsets select pods, and hosts are known",
        run: destination_rule::subsets::analyze,
    },
    Analyzer {
        name: "gateway.CertificateAnalyzer",
        description: "Checks a gateway certificate",
        run: gateway::certificate::analyze,
    },
    Analyzer {
        name: "gateway.ConflictingGatewayAnalyzer",
        description: "Checks a gateway's selector, port number and hosts",
        run: gateway::conflicts::analyze,
    },
    Analyzer {
        name: "gateway.IngressGatewayPortAnalyzer",
        description: "Checks a gateway's ports against the gateway's Kubernetes service ports",
        run: gateway::ports::analyze,
    },
    Analyzer {
        name: "gateway.SecretAnalyzer",
        description: "Checks a gateway's referenced secrets for correctness",
        run: gateway::secrets::analyze,
    },
    Analyzer {
        name: "schema.ValidationAnalyzer",
        description: "Runs schema validation as an analyzer on all resources",
        run: schema::analyze,
    },
    Analyzer {
        name: "service.PortNameAnalyzer",
        description: "Checks the port names associated with each service",
        run: service::analyze,
    },
    Analyzer {
        name: "serviceentry.Analyzer",
        description: "Checks the validity of ServiceEntry",
        run: service_entry::addresses::analyze,
    },
    Analyzer {
        name: "serviceentry.ConflictingServiceEntryProtocolAnalyzer",
        description: "Checks for ServiceEntries that define one host and port with different protocols",
        run: service_entry::conflicts::analyze,
    },
    Analyzer {
        name: "virtualservice.ConflictingMeshGatewayHostsAnalyzer",
        description: "Checks if multiple virtual services associated with the mesh gateway have conflicting hosts",
        run: virtual_service::mesh_hosts::analyze,
    },
    Analyzer {
        name: "virtualservice.DestinationHostAnalyzer",
        description: "Checks the destination hosts associated with each virtual service",
        run: virtual_service::destination_hosts::analyze,
    },
    Analyzer {
        name: "virtualservice.DestinationRuleAnalyzer",
        description: "Checks the destination rules associated with each virtual service",
        run: virtual_service::destination_rules::analyze,
    },
    Analyzer {
        name: "virtualservice.GatewayAnalyzer",
        description: "Checks the gateways associated with each virtual service",
        run: virtual_service::gateways::analyze,
    },
];

/// Runs the analyzers that `selected` takes. Messages are sorted, errors first, and each is told once.
pub fn analyze(objects: &Objects, selected: impl Fn(&Analyzer) -> bool) -> Vec<Message> {
    let mut report = Report::new(objects);
    for analyzer in ALL.iter().filter(|analyzer| selected(analyzer)) {
        (analyzer.run)(objects, &mut report);
    }
    let mut messages = report.messages;
    let line = |message: &Message| message.source.as_ref().map(|source| (source.file.clone(), source.line));
    let key = |message: &Message| {
        (std::cmp::Reverse(message.kind.level), message.kind.code, message.object.clone(), line(message))
    };
    messages.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.text.cmp(&b.text)));
    messages.dedup();
    messages
}
