//! Conditions of objects, and that they are told once.

use crate::lab::{Lab, http_gateway, virtual_service};
use meridian_resources::Resource;
use std::sync::Arc;

const ROUTE: &str = "[{route: [{destination: {host: httpbin}}]}]";

#[test]
fn only_what_is_new_is_told() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let told = |output: meridian_translate::Output| {
        output.statuses.iter().map(|(object, _)| object.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(lab.apply(&virtual_service("a", "[a.test]", ROUTE))), ["VirtualService default/a"]);
    // Its routes changed, what is said of it did not.
    assert!(told(lab.apply(&virtual_service("a", "[a.test, b.test]", ROUTE))).is_empty());
    assert!(told(lab.apply(&virtual_service("a", "[a.test, b.test]", ROUTE))).is_empty());
    assert_eq!(told(lab.apply(&virtual_service("b", "[b.test]", ROUTE))), ["VirtualService default/b"]);
    assert!(told(lab.delete("VirtualService default/a")).is_empty());
    assert_eq!(told(lab.apply(&virtual_service("a", "[a.test]", ROUTE))), ["VirtualService default/a"]);
}

#[test]
fn a_status_of_an_object_is_no_change() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("a", "[a.test]", ROUTE));
    let version = lab.config.version;
    let mut again = crate::lab::parse(&virtual_service("a", "[a.test]", ROUTE)).remove(0);
    if let Resource::VirtualService(object) = &mut again {
        let object = Arc::make_mut(object);
        object.meta.resource_version = "17".into();
        object.status.conditions.push(Default::default());
    }
    lab.put(again);
    let output = lab.translate();
    assert!(output.proxies.is_empty() && output.statuses.is_empty());
    assert_eq!(lab.config.version, version);
}

#[test]
fn a_virtual_service_without_effect_says_why() {
    let mut lab = Lab::with(&http_gateway("[a.example.com]"));
    let vs = |gateways: &str| {
        virtual_service("vs", "[b.example.com]", ROUTE).replace("gateways: [gateway]", &format!("gateways: {gateways}"))
    };
    let name = "VirtualService default/vs";
    lab.apply(&vs("[gateway]"));
    let expected = &["Gateway default/gateway, whose hosts are a.example.com"];
    lab.assert_false(name, "Programmed", "NotProgrammed", expected);
    lab.apply(&vs("[gatway]"));
    let expected = &["spec.gateways[0]: \"gatway\" is no Gateway of namespace default; did you mean \"gateway\"?"];
    lab.assert_false(name, "ResolvedRefs", "GatewayNotFound", expected);
    lab.apply(&vs("[other/gateway]"));
    lab.assert_false(name, "ResolvedRefs", "GatewayNotFound", &["did you mean \"default/gateway\"?"]);
    lab.apply(&vs("[mesh]"));
    lab.assert_false(name, "Programmed", "NotProgrammed", &["mesh"]);
    assert!(lab.condition(name, "ResolvedRefs").status);
    // It is served as soon as the Gateway comes.
    lab.apply(&vs("[later]"));
    lab.apply(&http_gateway("[b.example.com]").replace("name: gateway", "name: later"));
    lab.assert_well(name);
    lab.delete("Gateway default/later");
    lab.assert_false(name, "ResolvedRefs", "GatewayNotFound", &["later"]);
    lab.assert_false(name, "Programmed", "NotProgrammed", &["none of them exists"]);
}

#[test]
fn proxies_come_and_go() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("vs", "[h.test]", ROUTE));
    lab.assert_well("VirtualService default/vs");
    lab.translator.remove_proxy("ingressgateway");
    let output = lab.translate();
    assert!(output.proxies.is_empty());
    lab.assert_false("Gateway default/gateway", "Programmed", "NotProgrammed", &["there is none"]);
    lab.assert_false("VirtualService default/vs", "Programmed", "NotProgrammed", &["none of them selects a proxy"]);
    let labels = [("istio".to_owned(), "ingressgateway".to_owned())].into();
    lab.translator.add_proxy(meridian_translate::ProxyNode::gateway("again", "istio-system", labels));
    let output = lab.translate();
    assert_eq!(&*output.proxies[0].0, "again");
    lab.assert_well("Gateway default/gateway");
    lab.assert_well("VirtualService default/vs");
}
