//! Analyzers of Gateways.

use super::{INSTALLED, analyzed};

fn gateway(name: &str, server: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\nspec:\n  selector: {{istio: \
         ingressgateway}}\n  servers:\n  - {server}\n---\n"
    )
}

const HTTP: &str = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}";

fn https(secret: &str) -> String {
    format!(
        "{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [a.example.com], tls: {{mode: SIMPLE, \
         credentialName: {secret}}}}}"
    )
}

#[test]
fn a_selector_without_pods() {
    let found = analyzed("gateway.IngressGatewayPortAnalyzer", &gateway("g", HTTP));
    assert_eq!(
        found,
        ["Error [IST0101] (Gateway default/g a.yaml:5) Referenced selector not found: \"istio=ingressgateway\""]
    );
}

#[test]
fn a_port_that_the_service_does_not_have() {
    let other = "{port: {number: 8081, name: http, protocol: HTTP}, hosts: ['*']}";
    let text = format!("{INSTALLED}{}{}", gateway("g", HTTP), gateway("h", other));
    let found = analyzed("gateway.IngressGatewayPortAnalyzer", &text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("Warning [IST0162] (Gateway default/h a.yaml:"), "{found:?}");
    assert!(found[0].contains("(port 8081) that is not defined in the Service"), "{found:?}");
}

#[test]
fn a_credential_that_is_missing_or_half() {
    let half = "apiVersion: v1\nkind: Secret\nmetadata: {name: half, namespace: istio-system}\nstringData: {tls.crt: \
                nothing}\n---\n";
    let text = format!("{INSTALLED}{half}{}{}", gateway("g", &https("none")), gateway("h", &https("half")));
    let found = analyzed("gateway.SecretAnalyzer", &text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("Referenced credentialName not found: \"none\""), "{found:?}");
    assert!(found[1].starts_with("Error [IST0161] (Gateway default/h "), "{found:?}");
    assert!(found[1].contains("The credential referenced by the Gateway h in namespace istio-system is invalid"));
}

#[test]
fn two_gateways_for_one_host() {
    let text = format!("{INSTALLED}{}{}", gateway("g", HTTP), gateway("h", HTTP));
    let found = analyzed("gateway.ConflictingGatewayAnalyzer", &text);
    assert_eq!(found.len(), 2, "{found:?}");
    let end =
        "Conflict with gateways default/h (workload selector istio=ingressgateway, port 80, hosts a.example.com).";
    assert!(found[0].ends_with(end), "{found:?}");
    let other = HTTP.replace("a.example", "b.example");
    let text = format!("{INSTALLED}{}{}", gateway("g", HTTP), gateway("h", &other));
    assert_eq!(analyzed("gateway.ConflictingGatewayAnalyzer", &text), Vec::<String>::new());
}

#[test]
fn one_certificate_in_two_gateways() {
    let text = format!("{}{}", gateway("g", &https("same")), gateway("h", &https("same")));
    let found = analyzed("gateway.CertificateAnalyzer", &text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("Duplicate certificate in multiple gateways [default/g default/h] may cause 404s"));
    let text = format!("{}{}", gateway("g", &https("one")), gateway("h", &https("other")));
    assert_eq!(analyzed("gateway.CertificateAnalyzer", &text), Vec::<String>::new());
}
