//! What a newcomer does first.

use crate::support::{Backend, Meridian, eventually};

#[test]
fn the_example_serves_its_routes_and_nothing_else() {
    let meridian = Meridian::start(&[]);
    let backend = Backend::start();
    let example = include_str!("../../../../examples/httpbin.yaml");
    meridian.applied(&example.replace("127.0.0.1\n", &format!("{}\n", backend.ip())));
    let teapot = meridian.eventually_status("httpbin.example.com", "/status/418", 418);
    assert!(teapot.text().contains("teapot"), "{}", teapot.text());
    assert!(teapot.head.contains("server: istio-envoy\r\n"), "{}", teapot.head);
    assert!(teapot.head.contains("x-envoy-upstream-service-time: "), "{}", teapot.head);
    meridian.eventually_status("httpbin.example.com", "/nowhere", 404);
    meridian.eventually_status("other.example.com", "/status/418", 404);

    let output = meridian.kubectl(["delete", "virtualservice", "httpbin"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    meridian.eventually_status("httpbin.example.com", "/status/418", 404);
}

#[test]
fn the_banner_tells_what_to_export_and_what_to_try() {
    let meridian = Meridian::start(&[]);
    let log = meridian.log();
    let kubeconfig = meridian.data.join("kubeconfig");
    let banner = || {
        let log = meridian.log();
        (log.contains(&format!("export KUBECONFIG={}", kubeconfig.display()))
            && log.contains(&format!("curl -HHost:httpbin.example.com http://{}/status/418", meridian.gateway())))
        .then_some(())
    };
    eventually("the banner", banner, || log.clone());
}

#[test]
fn a_stop_ends_with_success_and_the_objects_are_there_at_the_next_start() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let address = crate::support::loopback();
    let mut meridian = Meridian::start_in(&data, address, &[]);
    let output = meridian.kubectl(["create", "configmap", "kept", "--from-literal=key=value"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(meridian.stop(), Some(0), "{}", meridian.log());
    let meridian = Meridian::start_in(&data, address, &[]);
    let (status, object) = meridian.call("GET", "/api/v1/namespaces/default/configmaps/kept", None);
    assert_eq!((status, object["data"]["key"].as_str()), (200, Some("value")));
}

#[test]
fn a_second_process_on_the_same_folder_is_told_so() {
    let first = Meridian::start(&[]);
    let second = Meridian::spawn_in(&first.data, crate::support::loopback(), &[]);
    let line = second.wait_for_log("is in use by process");
    assert!(line.contains(&first.data.display().to_string()), "{line}");
}

#[test]
fn the_gateway_is_an_object_that_tutorials_can_ask_for() {
    let meridian = Meridian::start(&[]);
    let ask = |arguments: &[&str]| {
        let output = meridian.kubectl(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let path = "jsonpath={.items[0].status.hostIP}";
    let host = ask(&["get", "pod", "-n", "istio-system", "-l", "istio=ingressgateway", "-o", path]);
    assert_eq!(host, meridian.address.to_string());
    let path = "jsonpath={.spec.ports[?(@.name==\"http2\")].targetPort}";
    assert_eq!(ask(&["get", "service", "-n", "istio-system", "istio-ingressgateway", "-o", path]), "8080");
}
