//! Analyzers of DestinationRules and ServiceEntries.

use super::analyzed;

fn rule(spec: &str) -> String {
    format!("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d}}\nspec: {spec}\n---\n")
}

fn entry(name: &str, ports: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}}}\nspec: {{hosts: \
         [db.example.com], ports: {ports}, endpoints: [{{address: 10.0.0.1, labels: {{version: v1}}}}], resolution: \
         STATIC}}\n---\n"
    )
}

#[test]
fn tls_without_authorities() {
    let found =
        analyzed("destinationrule.CaCertificateAnalyzer", &rule("{host: a, trafficPolicy: {tls: {mode: SIMPLE}}}"));
    let end = "DestinationRule default/d in namespace default has TLS mode set to SIMPLE but no caCertificates are set \
               to validate server identity for host: a";
    assert!(found[0].ends_with(end), "{found:?}");
}

#[test]
fn hosts_and_subsets_that_do_not_exist() {
    let found = |spec: &str| {
        let text = format!("{}{}", entry("e", "[{number: 80, name: http, protocol: HTTP}]"), rule(spec));
        analyzed("destinationrule.PodNotSelectedAnalyzer", &text)
    };
    let subset =
        |version: &str| format!("{{host: db.example.com, subsets: [{{name: s, labels: {{version: {version}}}}}]}}");
    assert_eq!(found(&subset("v1")), Vec::<String>::new());
    assert!(found(&subset("v2"))[0].contains("[IST0173]"));
    assert!(found("{host: none.example.com}")[0].contains("[IST0174]"));
}

#[test]
fn entries_that_claim_a_port() {
    let tcp = entry("e", "[{number: 3306, name: tcp, protocol: TCP}]");
    let found = analyzed("serviceentry.Analyzer", &tcp);
    assert!(found[0].ends_with("ServiceEntry addresses are required for this protocol."), "{found:?}");
    let http = entry("f", "[{number: 3306, name: http, protocol: HTTP}]");
    let found = analyzed("serviceentry.ConflictingServiceEntryProtocolAnalyzer", &format!("{tcp}{http}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("port 3306 with conflicting protocols (HTTP, TCP)"), "{found:?}");
}

#[test]
fn tls_inside_of_tls() {
    let ports = "[{number: 80, name: http, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS}]";
    let found = |spec: &str, more: &str| {
        let text = format!("{}{}{more}", entry("e", ports), rule(&format!("{{host: db.example.com, {spec}}}")));
        analyzed("destinationrule.DoubleTlsAnalyzer", &text)
    };
    let everywhere = found("trafficPolicy: {tls: {mode: SIMPLE}}", "");
    assert!(everywhere[0].starts_with("Warning [MER0001] (DestinationRule default/d a.yaml:"), "{everywhere:?}");
    assert!(
        everywhere[0].contains("originates TLS (SIMPLE) towards port 443 of host \"db.example.com\""),
        "{everywhere:?}"
    );
    let at = |port: u32| {
        format!("trafficPolicy: {{portLevelSettings: [{{port: {{number: {port}}}, tls: {{mode: SIMPLE}}}}]}}")
    };
    assert_eq!(found(&at(443), "").len(), 1);
    assert_eq!(found(&at(80), ""), Vec::<String>::new(), "HTTP becomes HTTPS");
    assert_eq!(found("trafficPolicy: {tls: {mode: DISABLE}}", ""), Vec::<String>::new());
    let http = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec: {hosts: \
                [db.example.com], http: [{route: [{destination: {host: db.example.com, port: {number: 443}}}]}]}\n";
    assert_eq!(found(&at(443), http), Vec::<String>::new(), "an egress gateway originates TLS for plain HTTP");
}
