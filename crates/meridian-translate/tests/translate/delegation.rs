//! VirtualServices that leave rules to others.

use crate::lab::{Lab, http_gateway, virtual_service};
use meridian_ir::Action;
use meridian_ir::request::PlainRequest;
use std::time::Duration;

const HTTPBIN: &str = "outbound|8000||httpbin.default.svc.cluster.local";
const ROOT: &str = "VirtualService default/root";
const LEAF: &str = "VirtualService shop/leaf";

fn leaf(http: &str) -> String {
    leaf_with("", http)
}

fn leaf_with(fields: &str, http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: leaf, namespace: shop}}\n\
         spec: {{{fields}http: {http}}}\n"
    )
}

/// A root that delegates `/shop` and serves the rest itself.
fn lab(leaf: &str) -> Lab {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service(
        "root",
        "[h.test]",
        "[{name: shop, match: [{uri: {prefix: /shop}, headers: {x-env: {exact: prod}}}, {uri: {prefix: /store}}], \
          timeout: 3s, headers: {request: {set: {x-root: '1'}}}, delegate: {name: leaf, namespace: shop}}, \
          {match: [{uri: {prefix: /own}}], route: [{destination: {host: httpbin}}]}]",
    ));
    lab.apply(leaf);
    lab
}

fn answer(lab: &Lab, path: &str, header: Option<&str>) -> String {
    let mut request = PlainRequest::get("h.test", path);
    request.headers.extend(header.map(|value| ("x-env".to_owned(), value.to_owned())));
    lab.answer("http.8080", &request)
}

#[test]
fn the_rules_of_a_leaf_stand_in_the_place_of_the_delegation() {
    let lab = lab(&leaf(
        "[{name: v1, match: [{uri: {prefix: /shop/cart}, name: cart}, {uri: {exact: /store/x}}], \
          route: [{destination: {host: cart, port: {number: 80}}}]}, \
         {directResponse: {status: 200, body: {string: rest}}}]",
    ));
    let cart = "outbound|80||cart.shop.svc.cluster.local";
    assert_eq!(answer(&lab, "/shop/cart/1", Some("prod")), cart);
    assert_eq!(answer(&lab, "/shop/cart/1", None), "404");
    assert_eq!(answer(&lab, "/store/x", None), cart);
    assert_eq!(answer(&lab, "/store/y", None), "200 rest");
    assert_eq!(answer(&lab, "/own", None), HTTPBIN);
    let routes = &lab.config.routes["http.8080"].virtual_hosts[0].routes;
    let names: Vec<&str> = routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["shop-v1.cart", "shop-v1", "shop", "shop", ""]);
    // What the leaf does not say, the root does.
    let Action::Forward(forward) = &routes[0].action else { panic!("it forwards") };
    assert_eq!(forward.timeout, Some(Duration::from_secs(3)));
    assert_eq!(&*routes[0].request_headers.write[0].name, "x-root");
    assert_eq!(routes[0].origin.as_ref().map(|origin| origin.to_string()).as_deref(), Some(ROOT));
    // What is missing is said of the object that names it.
    let expected = &["spec.http[0].route[0].destination.host: \"cart\" is no known service"];
    lab.assert_false(LEAF, "ResolvedRefs", "BackendNotFound", expected);
    assert!(lab.condition(LEAF, "Programmed").status);
    lab.assert_well(ROOT);
}

#[test]
fn a_leaf_s_own_headers_replace_those_of_the_root() {
    let lab = lab(&leaf("[{headers: {request: {set: {x-leaf: '1'}}}, directResponse: {status: 200}}]"));
    let route = &lab.config.routes["http.8080"].virtual_hosts[0].routes[0];
    let names: Vec<&str> = route.request_headers.write.iter().map(|edit| &*edit.name).collect();
    assert_eq!(names, ["x-leaf"]);
    lab.assert_well(LEAF);
}

#[test]
fn rules_that_do_not_fit_are_left_out_and_say_so() {
    let lab = lab(&leaf(
        "[{match: [{uri: {prefix: /other}}], directResponse: {status: 201}}, \
          {match: [{uri: {prefix: /sho}}], directResponse: {status: 202}}, \
          {match: [{uri: {prefix: /shop}, headers: {x-env: {exact: test}}}], directResponse: {status: 203}}, \
          {match: [{uri: {regex: '/shop/.*'}}], directResponse: {status: 204}}, \
          {match: [{uri: {prefix: /shop/ok}}], directResponse: {status: 205}}]",
    ));
    assert_eq!(answer(&lab, "/shop/ok", Some("prod")), "205");
    assert_eq!(answer(&lab, "/shop/no", Some("prod")), "404");
    assert_eq!(answer(&lab, "/other", None), "404");
    assert_eq!(lab.config.routes["http.8080"].virtual_hosts[0].routes.len(), 2);
    let expected = &[
        "spec.http[0].match[0].uri: is not covered by the match of spec.http[0] of VirtualService default/root",
        "spec.http[1].match[0].uri: ",
        "spec.http[2].match[0].uri: ",
        "spec.http[3].match[0].uri: ",
    ];
    lab.assert_false(LEAF, "Accepted", "Conflicted", expected);
    lab.assert_well(ROOT);
}

#[test]
fn a_leaf_that_is_missing_or_hidden_has_no_routes() {
    let response = "[{directResponse: {status: 200}}]";
    let mut lab = lab(&leaf(response));
    assert_eq!(answer(&lab, "/store", None), "200");
    lab.assert_well(ROOT);
    lab.assert_well(LEAF);

    lab.apply(&leaf_with("exportTo: ['.'], ", response));
    assert_eq!(answer(&lab, "/store", None), "404");
    let expected = &["spec.http[0].delegate: VirtualService shop/leaf is not visible in namespace default"];
    lab.assert_false(ROOT, "ResolvedRefs", "DelegateNotFound", expected);
    lab.assert_false(LEAF, "Programmed", "NotProgrammed", &["default/root, which delegates to it, has no effect"]);

    lab.apply(&leaf_with("exportTo: [default], ", response));
    assert_eq!(answer(&lab, "/store", None), "200");
    lab.assert_well(LEAF);

    lab.apply(&leaf_with("hosts: [other.test], ", response));
    lab.assert_false(ROOT, "ResolvedRefs", "DelegateNotFound", &["shop/leaf has hosts of its own"]);

    lab.delete(LEAF);
    assert_eq!(answer(&lab, "/store", None), "404");
    assert_eq!(answer(&lab, "/own", None), HTTPBIN);
    lab.assert_false(ROOT, "ResolvedRefs", "DelegateNotFound", &["VirtualService shop/leaf does not exist"]);
}

#[test]
fn a_leaf_that_changes_changes_its_root() {
    let mut lab = lab(&leaf("[{directResponse: {status: 200}}]"));
    lab.apply(&leaf("[{directResponse: {status: 201}}]"));
    assert_eq!(answer(&lab, "/store", None), "201");
    lab.delete(ROOT);
    lab.assert_false(LEAF, "Programmed", "NotProgrammed", &["no VirtualService delegates to it"]);
}

#[test]
fn what_a_root_mirrors_to_is_in_its_own_namespace() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let http = "[{mirror: {host: httpbin}, delegate: {name: leaf, namespace: shop}}]";
    lab.apply(&virtual_service("root", "[h.test]", http));
    lab.apply(&leaf("[{route: [{destination: {host: httpbin.default.svc.cluster.local}}]}]"));
    let route = &lab.config.routes["http.8080"].virtual_hosts[0].routes[0];
    let Action::Forward(forward) = &route.action else { panic!("it forwards") };
    assert_eq!((&*forward.clusters[0].cluster, &*forward.mirrors[0].cluster), (HTTPBIN, HTTPBIN));
    lab.assert_well(LEAF);
}
