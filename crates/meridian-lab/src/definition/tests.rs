//! What `lab.yaml` may say, and what is answered when it says something else.

use std::collections::BTreeMap;

use super::{Backend, Lab, LabelService, Origin, Workload, WorkloadService};

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn workload(name: &str) -> Workload {
    let (labels, annotations) = (BTreeMap::new(), BTreeMap::new());
    Workload { name: name.to_owned(), backend: None, sidecar: false, labels, annotations, service: None }
}

#[test]
fn everything_that_can_be_said_is_read() {
    let lab: Lab = r#"
# A lab with one of each.
workloads:
  client: {sidecar: true, annotations: {note: "x"}}
  echo: {httpbin: {port: 80}, labels: {app: shop, version: v1}, service: {name: echo, port: 8000, targetPort: 80, namespace: test}}
  page: {nginx: "Hello: there", port: 5000, service: {name: page, port: 5000, portName: http}}
services:
  shop: {port: 8000, targetPort: 80, selects: {app: shop}}
gateways: [ingressgateway, egressgateway: {}]
origins:
  far: {address: 198.51.100.41, port: 443, nginx: far, tls: ["*.far.test", far.test], redirectHttp: 80}
  near: {address: 192.168.0.71, port: 8080, httpbin: {}}
dns: {far.test: [198.51.100.41, 198.51.100.42], "*.wild.test": [192.0.2.1]}
namespaces: [test]
"#
    .parse()
    .unwrap();
    let service = |name: &str, namespace: &str, port, target_port, port_name: Option<&str>| {
        let port_name = port_name.map(str::to_owned);
        Some(WorkloadService { name: name.to_owned(), namespace: namespace.to_owned(), port, target_port, port_name })
    };
    let nginx = |page: &str, port, tls: &[&str], redirect_http| Backend::Nginx {
        page: page.to_owned(),
        port,
        tls: tls.iter().map(|name| (*name).to_owned()).collect(),
        redirect_http,
    };
    let expected = Lab {
        workloads: vec![
            Workload { sidecar: true, annotations: texts(&[("note", "x")]), ..workload("client") },
            Workload {
                backend: Some(Backend::Httpbin { port: 80 }),
                labels: texts(&[("app", "shop"), ("version", "v1")]),
                service: service("echo", "test", 8000, Some(80), None),
                ..workload("echo")
            },
            Workload {
                backend: Some(nginx("Hello: there", 5000, &[], None)),
                service: service("page", "default", 5000, None, Some("http")),
                ..workload("page")
            },
        ],
        gateways: vec!["ingressgateway".to_owned(), "egressgateway".to_owned()],
        origins: vec![
            Origin {
                name: "far".to_owned(),
                address: [198, 51, 100, 41].into(),
                backend: nginx("far", 443, &["*.far.test", "far.test"], Some(80)),
            },
            Origin {
                name: "near".to_owned(),
                address: [192, 168, 0, 71].into(),
                backend: Backend::Httpbin { port: 8080 },
            },
        ],
        services: vec![LabelService {
            name: "shop".to_owned(),
            port: 8000,
            target_port: 80,
            selects: texts(&[("app", "shop")]),
        }],
        dns: vec![
            ("far.test".to_owned(), vec![[198, 51, 100, 41].into(), [198, 51, 100, 42].into()]),
            ("*.wild.test".to_owned(), vec![[192, 0, 2, 1].into()]),
        ],
        namespaces: vec!["test".to_owned()],
    };
    assert_eq!(lab, expected);
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (text, message) in [
        ("", "lab.yaml:1: no document"),
        ("workloads: {}\n---\nworkloads: {}\n", "lab.yaml:2: a second document; only one is allowed"),
        ("workloads: [client]\n", "lab.yaml:1: workloads must be a mapping"),
        (
            "workloads: {}\nsidecars: {}\n",
            "lab.yaml:2: lab does not know \"sidecars\"; it knows workloads, gateways, origins, services, dns, namespaces",
        ),
        (
            "workloads:\n  client: {}\n  web: {nginx: hi, port: 80, tsl: [a.test]}\n",
            "lab.yaml:3: workload web does not know \"tsl\"; it knows port, tls, redirectHttp, nginx, httpbin, sidecar, labels, annotations, service",
        ),
        ("workloads:\n  client: {}\n  client: {}\n", "lab.yaml:3: \"client\" stands here a second time"),
        ("workloads:\n  web: {nginx: hi}\n", "lab.yaml:2: workload web needs \"port\""),
        (
            "workloads:\n  web: {nginx: hi, port: 99999}\n",
            "lab.yaml:2: \"99999\": number too large to fit in target type",
        ),
        ("workloads:\n  web: {nginx: hi, httpbin: {}, port: 80}\n", "lab.yaml:2: a host has either nginx or httpbin"),
        (
            "workloads:\n  web: {httpbin: {port: 80}, tls: [a.test]}\n",
            "lab.yaml:2: workload web: port, tls and redirectHttp belong to nginx",
        ),
        ("workloads:\n  web: {port: 80}\n", "lab.yaml:2: workload web: port, tls and redirectHttp belong to nginx"),
        (
            "workloads:\n  web: {service: {name: web, port: 80}}\n",
            "lab.yaml:2: workload web has a service but nothing that serves",
        ),
        (
            "workloads:\n  web: {sidecar: perhaps}\n",
            "lab.yaml:2: \"perhaps\": provided string was not `true` or `false`",
        ),
        ("origins:\n  far: {port: 80, nginx: far}\n", "lab.yaml:2: origin far needs \"address\""),
        ("origins:\n  far: {address: 1.2.3.4}\n", "lab.yaml:2: origin far needs \"nginx\" or \"httpbin\""),
        (
            "origins:\n  far: {address: far.test, port: 80, nginx: far}\n",
            "lab.yaml:2: \"far.test\": invalid IPv4 address syntax",
        ),
        (
            "services:\n  shop: {port: 80, targetPort: 80}\n",
            "lab.yaml:2: service shop needs \"selects\", the labels of its workloads",
        ),
        (
            "gateways:\n- ingressgateway: {port: 81}\n",
            "lab.yaml:2: a gateway is its name alone; ports of its own are not supported",
        ),
        ("workloads: &a {}\n", "lab.yaml:1: an anchor, an alias or a tag; write the value itself"),
        ("dns: {a.test: 1.2.3.4}\n", "lab.yaml:1: must be a sequence"),
    ] {
        match text.parse::<Lab>() {
            Ok(lab) => panic!("{text} was read as {lab:?}"),
            Err(e) => assert_eq!(e.to_string(), message, "{text}"),
        }
    }
    let broken = "workloads: {client: {}\n".parse::<Lab>().unwrap_err().to_string();
    assert!(broken.starts_with("lab.yaml:"), "{broken}");
}
