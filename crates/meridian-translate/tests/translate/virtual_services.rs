//! VirtualServices: hosts, order, matches, actions.

use crate::lab::{Lab, http_gateway, virtual_service};
use meridian_ir::header_edit::AppendAction;
use meridian_ir::request::PlainRequest;
use meridian_ir::route::{Forward, PathRewrite, Redirect, RedirectPath};
use meridian_ir::{Action, HeaderEdits};
use std::time::Duration;

const HTTPBIN: &str = "outbound|8000||httpbin.default.svc.cluster.local";

fn lab(http: &str) -> Lab {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("vs", "[h.test]", http));
    lab
}

fn forward(lab: &Lab, path: &str) -> Forward {
    match &lab.route("http.8080", &PlainRequest::get("h.test", path)).expect("there is a route").action {
        Action::Forward(forward) => forward.clone(),
        other => panic!("{other:?}"),
    }
}

fn redirect(http: &str) -> Redirect {
    let lab = lab(http);
    lab.assert_well("VirtualService default/vs");
    match &lab.route("http.8080", &PlainRequest::get("h.test", "/")).expect("there is a route").action {
        Action::Redirect(redirect) => redirect.clone(),
        other => panic!("{other:?}"),
    }
}

/// A VirtualService created so many seconds after the first.
fn aged(name: &str, age: u32, http: &str) -> String {
    let created = format!("metadata: {{creationTimestamp: \"2026-01-01T00:00:{age:02}Z\", ");
    virtual_service(name, "[h.test]", http).replace("metadata: {", &created)
}

#[test]
fn defaults_are_istios() {
    let lab = lab("[{route: [{destination: {host: httpbin}}]}]");
    lab.assert_well("VirtualService default/vs");
    assert_eq!(lab.get("h.test:8080", "/any"), HTTPBIN);
    assert_eq!(lab.get("other", "/any"), "404");
    let forward = forward(&lab, "/");
    assert_eq!((forward.timeout, forward.host_rewrite, forward.path_rewrite), (None, None, None));
    assert_eq!(forward.retry.expect("Istio retries").attempts, 2);
    let host = &lab.config.routes["http.8080"].virtual_hosts[0];
    assert_eq!((&*host.name, &*host.routes[0].name), ("h.test:80", ""));
    assert_eq!(lab.endpoints(HTTPBIN), ["10.0.0.1:80", "10.0.0.2:80"]);
    let cluster = &lab.config.clusters[HTTPBIN];
    assert_eq!((cluster.connect_timeout, cluster.idle_timeout), (Duration::from_secs(10), Duration::from_secs(3600)));
}

#[test]
fn hosts_with_the_same_routes_share_a_virtual_host() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("two", "[b.example.com, a.example.com]", "[{route: [{destination: {host: httpbin}}]}]"));
    let hosts = &lab.config.routes["http.8080"].virtual_hosts;
    assert_eq!(hosts.len(), 1);
    assert_eq!(&*hosts[0].name, "a.example.com:80");
    assert_eq!(hosts[0].domains.iter().map(|d| &**d).collect::<Vec<_>>(), ["a.example.com", "b.example.com"]);
    // One more VirtualService for one of them takes it out.
    lab.apply(&virtual_service(
        "more",
        "[a.example.com]",
        "[{match: [{uri: {exact: /x}}], directResponse: {status: 200}}]",
    ));
    let names =
        |lab: &Lab| lab.config.routes["http.8080"].virtual_hosts.iter().map(|h| h.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&lab), ["a.example.com:80", "b.example.com:80"]);
    lab.delete("VirtualService default/more");
    assert_eq!(names(&lab), ["a.example.com:80"]);
    assert_eq!(lab.get("b.example.com", "/"), HTTPBIN);
}

#[test]
fn virtual_services_for_one_host_are_joined_by_age() {
    let response = |path: &str, body: &str| {
        format!("{{match: [{{uri: {{prefix: {path}}}}}], directResponse: {{status: 200, body: {{string: {body}}}}}}}")
    };
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&aged("a", 3, &format!("[{}, {}]", response("/x", "young"), response("/only", "young"))));
    lab.apply(&aged("b", 2, &format!("[{}, {}]", response("/x", "middle"), response("/", "catch-all"))));
    lab.apply(&aged("c", 1, &format!("[{}]", response("/x/y", "old"))));
    assert_eq!(lab.get("h.test", "/x/y"), "200 old");
    assert_eq!(lab.get("h.test", "/x"), "200 middle");
    // A rule for everything stands behind the rules of younger VirtualServices, too.
    assert_eq!(lab.get("h.test", "/only"), "200 young");
    assert_eq!(lab.get("h.test", "/other"), "200 catch-all");
    // Of the same age, by name.
    lab.apply(&aged("b", 3, &format!("[{}]", response("/x", "middle"))));
    assert_eq!(lab.get("h.test", "/x"), "200 young");
}

#[test]
fn nothing_works_behind_a_rule_for_everything() {
    let lab = lab("[{match: [{uri: {prefix: /a}}], directResponse: {status: 200}}, {directResponse: {status: 201}}, \
                    {match: [{uri: {prefix: /b}}], directResponse: {status: 202}}]");
    assert_eq!(lab.get("h.test", "/b"), "201");
    assert_eq!(lab.config.routes["http.8080"].virtual_hosts[0].routes.len(), 2);
}

#[test]
fn the_wildcard_that_is_narrower_has_the_host_alone() {
    let mut lab = Lab::with(&http_gateway("['*.example.com']"));
    let rule =
        |path: &str| format!("[{{match: [{{uri: {{prefix: {path}}}}}], route: [{{destination: {{host: httpbin}}}}]}}]");
    lab.apply(&virtual_service("wide", "['*']", &rule("/wide")));
    lab.apply(&virtual_service("narrow", "['*.b.example.com']", &rule("/narrow")));
    assert_eq!(lab.get("x.example.com", "/wide"), HTTPBIN);
    assert_eq!(lab.get("x.b.example.com", "/narrow"), HTTPBIN);
    assert_eq!(lab.get("x.b.example.com", "/wide"), "404");
    assert_eq!(lab.get("example.org", "/wide"), "404");
}

#[test]
fn matches_can_be_for_a_gateway_or_a_port() {
    let servers = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
  - {port: {number: 9000, name: other, protocol: HTTP}, hosts: ['*']}
";
    let mut lab = Lab::with(servers);
    let response =
        |condition: &str, status: u32| format!("{{match: [{{{condition}}}], directResponse: {{status: {status}}}}}");
    lab.apply(&virtual_service(
        "vs",
        "[h.test]",
        &format!(
            "[{}, {}, {}, {}]",
            response("gateways: [mesh]", 201),
            response("port: 9000", 202),
            response("gateways: [other/gateway]", 203),
            response("gateways: [default/gateway], uri: {prefix: /g}", 204)
        ),
    ));
    let on = |routes: &str, path: &str| lab.answer(routes, &PlainRequest::get("h.test", path));
    assert_eq!(on("http.9000", "/g"), "202");
    assert_eq!(on("http.8080", "/g"), "204");
    assert_eq!(on("http.8080", "/"), "404");
    assert_eq!(&*lab.config.routes["http.9000"].virtual_hosts[0].name, "h.test:9000");
}

#[test]
fn only_visible_virtual_services_are_served() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let yaml = virtual_service("vs", "[h.test]", "[{directResponse: {status: 200}}]");
    for (export_to, served) in [("['.']", false), ("[default]", false), ("['*']", true), ("[istio-system]", true)] {
        lab.apply(&yaml.replace("spec: {", &format!("spec: {{exportTo: {export_to}, ")));
        assert_eq!(lab.get("h.test", "/") == "200", served, "{export_to}");
    }
    lab.apply(&yaml.replace("spec: {", "spec: {exportTo: ['.'], "));
    lab.assert_false("VirtualService default/vs", "Programmed", "NotProgrammed", &["exportTo"]);
}

#[test]
fn rewrites_and_weights_and_headers() {
    let http = "[{name: split, match: [{name: m, uri: {regex: '/r.*'}}], rewrite: {uri: /new, authority: up.example.com}, \
                 timeout: 3s, retries: {attempts: 0}, \
                 headers: {request: {set: {X-Set: a}, add: {x-add: '%REQ(x)%'}, remove: [X-Gone]}}, \
                 route: [{destination: {host: httpbin, port: {number: 8000}}, weight: 75, \
                          headers: {request: {set: {':authority': w.example.com, x-one: '1'}}}}, \
                         {destination: {host: httpbin, port: {number: 8000}, subset: v2}, weight: 25}, \
                         {destination: {host: never}, weight: 0}]}, \
                {match: [{uri: {prefix: /p}}], rewrite: {uri: /}, headers: {request: {set: {Host: set.example.com}}}, \
                 route: [{destination: {host: httpbin}, headers: {request: {add: {x-add: b}}, response: {remove: [x-r]}}}]}, \
                {match: [{uri: {prefix: /q}}], rewrite: {uriRegexRewrite: {match: '^/q/(.*)', rewrite: '/\\1'}}, \
                 route: [{destination: {host: httpbin}}]}]";
    let lab = lab(http);
    let split = forward(&lab, "/r1");
    assert_eq!(split.timeout, Some(Duration::from_secs(3)));
    assert_eq!((split.retry, split.host_rewrite.as_deref()), (None, Some("up.example.com")));
    assert_eq!(split.path_rewrite.as_deref(), Some(&PathRewrite::Full("/new".into())));
    assert_eq!(split.clusters.iter().map(|c| c.weight).collect::<Vec<_>>(), [75, 25]);
    assert_eq!(&*split.clusters[1].cluster, "outbound|8000|v2|httpbin.default.svc.cluster.local");
    // The authority of the rule goes before that of a destination.
    assert_eq!(split.clusters[0].host_rewrite, None);
    assert_eq!(&*split.clusters[0].request_headers.write[0].name, "x-one");
    let route = lab.route("http.8080", &PlainRequest::get("h.test", "/r1")).expect("there is one");
    assert_eq!(&*route.name, "split.m");
    let written =
        |edits: &HeaderEdits| edits.write.iter().map(|edit| (edit.name.to_string(), edit.action)).collect::<Vec<_>>();
    assert_eq!(
        written(&route.request_headers),
        [("x-set".into(), AppendAction::Overwrite), ("x-add".into(), AppendAction::Append)]
    );
    assert_eq!(&*route.request_headers.remove[0], "x-gone");

    // Edits for a single destination are those of the route, after its own.
    let single = lab.route("http.8080", &PlainRequest::get("h.test", "/p")).expect("there is one");
    assert_eq!(written(&single.request_headers), [("x-add".to_owned(), AppendAction::Append)]);
    assert_eq!(single.response_headers.remove.len(), 1);
    let Action::Forward(forwarded) = &single.action else { panic!("it forwards") };
    assert_eq!(forwarded.host_rewrite.as_deref(), Some("set.example.com"));
    assert_eq!(forwarded.path_rewrite.as_deref(), Some(&PathRewrite::Prefix("/".into())));
    assert!(forwarded.clusters[0].request_headers.is_empty());
    assert!(matches!(forward(&lab, "/q/1").path_rewrite.as_deref(), Some(PathRewrite::Regex(_))));
}

#[test]
fn redirects_leave_out_default_ports() {
    let plain = redirect("[{redirect: {uri: /new}}]");
    assert_eq!((plain.status, plain.path), (301, Some(RedirectPath::Full("/new".into()))));
    let of = |fields: &str| {
        let redirect = redirect(&format!("[{{redirect: {{{fields}}}}}]"));
        (redirect.scheme.map(|scheme| scheme.to_string()), redirect.port)
    };
    let https = || Some("https".to_owned());
    assert_eq!(of("scheme: https, port: 443"), (https(), None));
    assert_eq!(of("scheme: https, port: 8443"), (https(), Some(8443)));
    assert_eq!(of("scheme: https, port: 80"), (https(), Some(80)));
    assert_eq!(of("port: 80"), (None, None));
    assert_eq!(of("scheme: https, derivePort: FROM_PROTOCOL_DEFAULT"), (https(), None));
    // The port of the Gateway's server, not the one behind its Service.
    assert_eq!(of("scheme: https, derivePort: FROM_REQUEST_PORT"), (https(), Some(80)));
    assert_eq!(of("derivePort: FROM_REQUEST_PORT"), (None, None));
    let other = redirect("[{redirect: {authority: other.example.com, redirectCode: 308}}]");
    assert_eq!((other.status, other.host.as_deref()), (308, Some("other.example.com")));
}

#[test]
fn direct_responses_have_text_or_bytes() {
    let lab = lab("[{match: [{uri: {prefix: /t}}], directResponse: {status: 503, body: {string: text}}}, \
                    {directResponse: {status: 200, body: {bytes: aGVsbG8=}}}]");
    assert_eq!(lab.get("h.test", "/t"), "503 text");
    assert_eq!(lab.get("h.test", "/"), "200 hello");
}

#[test]
fn a_rule_that_is_not_supported_answers_501_and_the_others_serve() {
    for (field, path) in [
        ("fault: {abort: {httpStatus: 600}}", "spec.http[0].fault.abort.httpStatus"),
        ("retries: {attempts: 1, retryOn: envoy-ratelimited}", "spec.http[0].retries.retryOn"),
        ("headers: {response: {set: {x: '%NONSENSE%'}}}", "spec.http[0].headers.response.set[x]"),
    ] {
        let http = format!(
            "[{{match: [{{uri: {{prefix: /a}}}}], {field}, route: [{{destination: {{host: httpbin}}}}]}}, \
             {{route: [{{destination: {{host: httpbin}}}}]}}]"
        );
        let lab = lab(&http);
        assert!(
            lab.get("h.test", "/a").starts_with("501 ") && lab.get("h.test", "/a").contains(path),
            "{}",
            lab.get("h.test", "/a")
        );
        assert_eq!(lab.get("h.test", "/b"), HTTPBIN);
        lab.assert_false("VirtualService default/vs", "Accepted", "PartiallyInvalid", &[path]);
    }
}
