//! Analyzers of Services and annotations.

use super::analyzed;

fn service(metadata: &str, ports: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s, {metadata}}}\nspec: {{ports: {ports}}}\n")
}

#[test]
fn port_names_that_tell_no_protocol() {
    let found = |port: &str| analyzed("service.PortNameAnalyzer", &service("", &format!("[{{{port}}}]")));
    assert_eq!(found("name: http-web, port: 80"), Vec::<String>::new());
    assert_eq!(found("name: web, port: 80, appProtocol: grpc"), Vec::<String>::new());
    let text = "Port name web (port: 80, targetPort: 8080) doesn't follow the naming convention of Istio port.";
    assert!(found("name: web, port: 80, targetPort: 8080")[0].ends_with(text));
}

#[test]
fn annotations_that_do_not_exist() {
    let text = service("annotations: {networking.istio.io/exportTo: '.', networking.istio.io/exportto: '.'}", "[]");
    let found = analyzed("annotations.K8sAnalyzer", &text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("Unknown annotation: networking.istio.io/exportto"), "{found:?}");
}
