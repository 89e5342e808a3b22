use super::*;
use crate::key::Key;
use meridian_ir::StringMatch;
use meridian_ir::http::PathNormalization;
use meridian_ir::rbac::{Decision, PathMatch, View};
use meridian_ir::request::PlainRequest;
use meridian_resources::{Resource, decode, yaml};
use std::net::{IpAddr, SocketAddr};

/// A request or connection to the workload `app: web` of namespace `default`.
#[derive(Clone)]
struct Seen {
    request: Option<PlainRequest>,
    peer: IpAddr,
    client: IpAddr,
    port: u16,
    server_name: String,
    identity: String,
}

impl Seen {
    fn get(authority: &str, path: &str) -> Self {
        Self { request: Some(PlainRequest::get(authority, path)), ..Self::tcp(80) }
    }

    fn tcp(port: u16) -> Self {
        let peer = IpAddr::from([10, 0, 0, 1]);
        Self { request: None, peer, client: peer, port, server_name: String::new(), identity: String::new() }
    }

    fn of(mut self, identity: &str) -> Self {
        self.identity = identity.into();
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.map(|request| request.header(name, value));
        self
    }
}

impl View for Seen {
    type Request = PlainRequest;
    fn request(&self) -> Option<&PlainRequest> {
        self.request.as_ref()
    }
    fn direct_remote_ip(&self) -> IpAddr {
        self.peer
    }
    fn remote_ip(&self) -> IpAddr {
        self.client
    }
    fn destination(&self) -> SocketAddr {
        SocketAddr::new([10, 0, 0, 9].into(), self.port)
    }
    fn server_name(&self) -> &str {
        &self.server_name
    }
    fn any_peer_name(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        !self.identity.is_empty() && test(self.identity.as_bytes())
    }
}

fn resources(text: &str) -> Resources {
    let mut resources = Resources::default();
    for document in yaml::values(text, "policies.yaml") {
        let document = document.expect("YAML");
        let kind = meridian_resources::by_group_kind("security.istio.io", "AuthorizationPolicy").expect("a kind");
        let mistakes = meridian_resources::validate(kind, &document);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let Ok(Resource::AuthorizationPolicy(object)) = decode(kind, &document) else { panic!("{document}") };
        resources.authorization_policies.insert(Key::of(&object.meta), object);
    }
    resources
}

fn node() -> ProxyNode {
    let labels = [("app".to_owned(), "web".to_owned())].into();
    ProxyNode::sidecar("web", "default", labels, vec![IpAddr::from([10, 0, 0, 9])])
}

/// A policy `p` of namespace `default`.
fn policy(action: &str, rules: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: default}}\n\
         spec: {{action: {action}, rules: {rules}}}\n"
    )
}

fn translated(text: &str, mesh: &MeshConfig) -> Authorization {
    Authorization::of_proxy(mesh, &resources(text), &node())
}

/// Whether the filters let something pass, and the policy that decided in the last one that was asked.
fn decide(filters: &[Arc<Rbac>], seen: &Seen) -> (bool, Option<String>) {
    let mut last = (true, None);
    for filter in filters {
        let Some(Decision { allowed, policy }) = filter.decide(seen).enforced else { continue };
        last = (allowed, policy.map(|name| name.to_string()));
        if !allowed {
            break;
        }
    }
    last
}

fn passes(text: &str, seen: &Seen) -> bool {
    let made = translated(text, &MeshConfig::default());
    let filters = if seen.request.is_some() { &made.http } else { &made.tcp };
    decide(filters, seen).0
}

const CLIENT: &str = "spiffe://cluster.local/ns/default/sa/client";

#[test]
fn every_field_of_a_rule_is_a_condition() {
    let get = || Seen::get("a.example.com", "/x");
    let from = |field: &str| format!("[{{from: [{{source: {{{field}}}}}]}}]");
    let to = |field: &str| format!("[{{to: [{{operation: {{{field}}}}}]}}]");
    let when = |key: &str, values: &str| format!("[{{when: [{{key: '{key}', {values}}}]}}]");
    let peer = Seen { peer: IpAddr::from([192, 0, 2, 7]), ..get() };
    let client = Seen { client: IpAddr::from([192, 0, 2, 7]), ..get() };
    let named = Seen { server_name: "api.example.com".into(), ..get() };
    for (rules, seen, expected) in [
        ("[{}]".to_owned(), get(), true),
        ("[]".to_owned(), get(), false),
        (from("principals: [cluster.local/ns/default/sa/client]"), get().of(CLIENT), true),
        (from("principals: [cluster.local/ns/default/sa/client]"), get(), false),
        (from("principals: ['*/sa/client']"), get().of(CLIENT), true),
        (from("principals: ['cluster.local/ns/def*']"), get().of(CLIENT), true),
        (from("principals: ['*']"), get().of(CLIENT), true),
        (from("principals: ['*']"), get(), false),
        (from("notPrincipals: ['*/sa/client']"), get().of(CLIENT), false),
        (from("notPrincipals: ['*/sa/client']"), get(), true),
        (from("namespaces: [default]"), get().of(CLIENT), true),
        (from("namespaces: [defaul]"), get().of(CLIENT), false),
        (from("namespaces: ['def*']"), get().of(CLIENT), true),
        (from("namespaces: ['d.fault']"), get().of(CLIENT), false),
        (from("notNamespaces: [default]"), get().of(CLIENT), false),
        (from("serviceAccounts: [client]"), get().of(CLIENT), true),
        (from("serviceAccounts: [default/client]"), get().of(CLIENT), true),
        (from("serviceAccounts: [other/client]"), get().of(CLIENT), false),
        (from("serviceAccounts: [clien]"), get().of(CLIENT), false),
        (from("notServiceAccounts: [client]"), get().of(CLIENT), false),
        (from("trustDomains: [cluster.local]"), get().of(CLIENT), true),
        (from("trustDomains: ['*']"), get().of(CLIENT), true),
        (from("trustDomains: ['cluster.*']"), get().of(CLIENT), true),
        (from("trustDomains: ['cluster.*']"), get().of("spiffe://cluster.local.evil/ns/x/sa/y"), true),
        (from("trustDomains: [cluster.local]"), get().of("spiffe://cluster.local.evil/ns/x/sa/y"), false),
        (from("notTrustDomains: [cluster.local]"), get().of(CLIENT), false),
        (from("ipBlocks: [192.0.2.0/24]"), peer.clone(), true),
        (from("ipBlocks: [192.0.2.0/24]"), client.clone(), false),
        (from("notIpBlocks: [192.0.2.7]"), peer.clone(), false),
        (from("remoteIpBlocks: [192.0.2.0/24]"), client.clone(), true),
        (from("remoteIpBlocks: [192.0.2.0/24]"), peer.clone(), false),
        (from("notRemoteIpBlocks: [192.0.2.7]"), client.clone(), false),
        (from("requestPrincipals: ['*']"), get(), false),
        (from("notRequestPrincipals: ['*']"), get(), true),
        (to("hosts: [a.example.com]"), get(), true),
        (to("hosts: [A.EXAMPLE.com]"), get(), true),
        (to("hosts: ['*.example.com']"), get(), true),
        (to("hosts: ['a.*']"), get(), true),
        (to("hosts: ['*']"), get(), true),
        (to("hosts: [a.example.com]"), Seen::get("a.example.com:80", "/x"), false),
        (to("notHosts: [a.example.com]"), get(), false),
        (to("notHosts: [a.example.com]"), Seen::get("a.example.com.:80", "/x"), false),
        (to("methods: [GET]"), get(), true),
        (to("methods: ['G*']"), get(), true),
        (to("methods: [POST]"), get(), false),
        (to("notMethods: [GET]"), get(), false),
        (to("ports: ['80']"), get(), true),
        (to("ports: ['81']"), get(), false),
        (to("notPorts: ['80']"), get(), false),
        (to("paths: [/x]"), get(), true),
        (to("paths: ['/*']"), get(), true),
        (to("paths: ['*/x']"), get(), true),
        (to("paths: ['/{*}']"), get(), true),
        (to("paths: ['/x/{**}']"), Seen::get("h", "/x/y/z?q"), true),
        (to("paths: ['/x/{*}']"), Seen::get("h", "/x/y/z?q"), false),
        (to("notPaths: [/x]"), get(), false),
        (to("notPaths: [/x]"), Seen::get("h", "//x"), false),
        (when("request.headers[X-Role]", "values: [admin]"), get().header("x-role", "admin"), true),
        (when("request.headers[X-Role]", "values: ['*']"), get(), false),
        (when("request.headers[X-Role]", "notValues: [admin]"), get().header("x-role", "admin"), false),
        (when("source.ip", "values: [192.0.2.7]"), peer.clone(), true),
        (when("remote.ip", "values: [192.0.2.7]"), client.clone(), true),
        (when("source.namespace", "values: [default]"), get().of(CLIENT), true),
        (when("source.principal", "values: [cluster.local/ns/default/sa/client]"), get().of(CLIENT), true),
        (when("source.serviceAccount", "values: [client]"), get().of(CLIENT), true),
        (when("source.trustDomain", "values: [cluster.local]"), get().of(CLIENT), true),
        (when("destination.ip", "values: [10.0.0.0/24]"), get(), true),
        (when("destination.ip", "notValues: [10.0.0.9]"), get(), false),
        (when("destination.port", "values: ['80', '81']"), get(), true),
        (when("connection.sni", "values: ['*.example.com']"), named.clone(), true),
        (when("connection.sni", "values: ['*']"), get(), false),
        (when("connection.sni", "notValues: [api.example.com]"), named.clone(), false),
        (when("request.auth.claims[iss]", "values: ['*']"), get(), false),
        (when("request.auth.audiences", "notValues: [a]"), get(), true),
        (when("experimental.envoy.filters.a.b[c]", "values: [d]"), get(), false),
    ] {
        assert_eq!(passes(&policy("ALLOW", &rules), &seen), expected, "ALLOW {rules}");
    }
}

#[test]
fn all_parts_of_a_rule_must_match_and_one_of_each_list() {
    let rules = "[{from: [{source: {namespaces: [a]}}, {source: {namespaces: [b], ipBlocks: [10.0.0.1]}}], \
                 to: [{operation: {methods: [GET], paths: [/x]}}, {operation: {paths: [/y]}}], \
                 when: [{key: 'request.headers[k]', values: [v, w]}]}]";
    let seen = |namespace: &str, path: &str| {
        Seen::get("h", path).header("k", "w").of(&format!("spiffe://td/ns/{namespace}/sa/s"))
    };
    let allow = policy("ALLOW", rules);
    assert!(passes(&allow, &seen("a", "/x")) && passes(&allow, &seen("b", "/y")));
    assert!(!passes(&allow, &seen("c", "/x")), "no source matches");
    assert!(!passes(&allow, &seen("a", "/z")), "no operation matches");
    assert!(!passes(&allow, &Seen::get("h", "/x").of("spiffe://td/ns/a/sa/s")), "the condition does not hold");
    let elsewhere = Seen { peer: IpAddr::from([10, 0, 0, 2]), ..seen("b", "/x") };
    assert!(!passes(&allow, &elsewhere), "both parts of a source must match");
}

#[test]
fn deny_comes_before_allow_and_names_its_rule() {
    let both = format!(
        "{}---\n{}",
        policy("ALLOW", "[{to: [{operation: {methods: [GET]}}]}]"),
        policy("DENY", "[{to: [{operation: {paths: [/never]}}]}, {to: [{operation: {paths: ['/admin*']}}]}]")
            .replace("name: p", "name: deny")
    );
    let made = translated(&both, &MeshConfig::default());
    let told = |path: &str| decide(&made.http, &Seen::get("h", path));
    assert_eq!(told("/admin/x"), (false, Some("ns[default]-policy[deny]-rule[1]".into())));
    assert_eq!(told("/"), (true, Some("ns[default]-policy[p]-rule[0]".into())));
    let mut post = Seen::get("h", "/");
    post.request.as_mut().unwrap().method = "POST".into();
    assert_eq!(decide(&made.http, &post), (false, None), "no policy allows it");
}

#[test]
fn what_is_written_in_another_way_is_denied_all_the_same() {
    let deny = |operation: &str| policy("DENY", &format!("[{{to: [{{operation: {{{operation}}}}}]}}]"));
    let denied = |policy: &str, host: &str, path: &str| {
        assert!(!passes(policy, &Seen::get(host, path)), "{host}{path} passes {policy}");
    };
    let hosts = deny("hosts: [a.example.com, '*.internal']");
    for host in [
        "a.example.com",
        "A.EXAMPLE.COM",
        "a.example.com.",
        "a.example.com:80",
        "a.example.com:",
        "a.example.com.:443",
        "x.internal",
        "X.Internal:80",
        "x.internal.",
        "x.y.internal.:8080",
    ] {
        denied(&hosts, host, "/");
    }
    for host in ["b.example.com", "a.example.com.evil", "xinternal", "a.example.comx:80", "a.example.co"] {
        assert!(passes(&hosts, &Seen::get(host, "/")), "{host}");
    }
    let paths = deny("paths: [/admin/panel, '/secret/*', '*.key', '/t/{*}/x']");
    for path in [
        "/admin/panel",
        "//admin/panel",
        "/admin//panel",
        "/admin%2fpanel",
        "/admin%2Fpanel",
        "/admin%5cpanel",
        "/admin;a=b/panel",
        "/admin/panel;a=b",
        "/admin/panel?x",
        "/secret/",
        "/secret//x",
        "//secret/x",
        "/secret;v=1/x",
        "/secret%2Fx",
        "/x/y.key",
        "/x.key;z",
        "/t/1/x",
        "//t//1//x",
        "/t/1/x;y",
    ] {
        denied(&paths, "h", path);
    }
    for path in ["/", "/admin", "/admin/panels", "/Admin/panel", "/secret", "/x.keys", "/t/x", "/x/admin/panel"] {
        assert!(passes(&paths, &Seen::get("h", path)), "{path}");
    }
    let reserved = deny("paths: ['/a@b']");
    denied(&reserved, "h", "/a@b");
    denied(&reserved, "h", "/a%40b");
    let header = policy("DENY", "[{when: [{key: 'request.headers[user-agent]', values: [bad, 'worse*']}]}]");
    for value in ["bad", "good,bad", "bad, good", "worse-1", "good, worse-2"] {
        assert!(!passes(&header, &Seen::get("h", "/").header("user-agent", value)), "{value}");
    }
    assert!(passes(&header, &Seen::get("h", "/").header("user-agent", "badger")));
    let role = policy("DENY", "[{when: [{key: 'request.headers[x-role]', values: [intruder]}]}]");
    assert!(!passes(&role, &Seen::get("h", "/").header("x-role", "guest").header("x-role", "intruder")));
    assert!(!passes(&role, &Seen::get("h", "/").header("x-role", "guest, intruder")));
    let sni = policy("DENY", "[{when: [{key: connection.sni, values: [a.example.com]}]}]");
    for name in ["a.example.com", "A.example.com", "a.example.com."] {
        assert!(!passes(&sni, &Seen { server_name: name.into(), ..Seen::tcp(443) }), "{name}");
    }
}

#[test]
fn paths_that_are_decoded_before_are_compared_as_they_are_then() {
    let mesh = MeshConfig { path_normalization: PathNormalization::DecodeAndMergeSlashes, ..MeshConfig::default() };
    let made = translated(&policy("DENY", "[{to: [{operation: {paths: [/a/b]}}]}]"), &mesh);
    let rules = made.http[0].rules.as_ref().unwrap();
    let rbac::Permission::And(all) = &rules.policies[0].permissions[0] else { panic!("{rules:?}") };
    let rbac::Permission::Or(some) = &all[0] else { panic!("{rules:?}") };
    let rbac::Permission::Path(PathMatch::Text(StringMatch::Regex(regex))) = &some[0] else { panic!("{rules:?}") };
    assert_eq!(&**regex.pattern(), "/a(?:;[^/]*)?/b(?:;[^/]*)?");
}

#[test]
fn rules_about_requests_deny_other_connections_and_do_not_allow_them() {
    let tcp = Seen::tcp(9000);
    let of_http = "[{to: [{operation: {methods: [GET]}}]}]";
    let of_port = "[{to: [{operation: {methods: [GET], ports: ['80']}}]}]";
    assert!(!passes(&policy("DENY", of_http), &tcp), "the method is left out, and the rule matches everything");
    assert!(passes(&policy("DENY", of_port), &tcp), "the port is another");
    assert!(!passes(&policy("DENY", of_port), &Seen::tcp(80)));
    assert!(!passes(&policy("ALLOW", of_http), &tcp), "no rule is left, and nothing is allowed");
    assert!(!passes(&policy("ALLOW", of_port), &Seen::tcp(80)));
    assert!(passes(&policy("ALLOW", "[{to: [{operation: {ports: ['9000']}}]}]"), &tcp));
    assert!(!passes(&policy("ALLOW", "[]"), &tcp), "a policy without rules allows nothing");
    let header = "[{when: [{key: 'request.headers[x]', values: [v]}], from: [{source: {namespaces: [ns]}}]}]";
    assert!(passes(&policy("DENY", header), &tcp), "the peer has no identity");
    assert!(!passes(&policy("DENY", header), &Seen::tcp(9000).of("spiffe://td/ns/ns/sa/s")));
}

#[test]
fn policies_apply_by_namespace_labels_and_target() {
    let with = |namespace: &str, more: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
             metadata: {{name: p, namespace: {namespace}}}\nspec: {{{more}}}\n"
        )
    };
    let is_any = |text: &str, node: &ProxyNode| {
        !Authorization::of_proxy(&MeshConfig::default(), &resources(text), node).http.is_empty()
    };
    let target = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]";
    for (namespace, more, expected) in [
        ("default", "", true),
        ("istio-system", "", true),
        ("other", "", false),
        ("default", "selector: {matchLabels: {app: web}}", true),
        ("istio-system", "selector: {matchLabels: {app: web}}", true),
        ("default", "selector: {matchLabels: {app: api}}", false),
        ("default", target, false),
    ] {
        assert_eq!(is_any(&with(namespace, more), &node()), expected, "{namespace} {more}");
    }
    let labels = [(GATEWAY_NAME.to_owned(), "gw".to_owned())].into();
    let gateway = ProxyNode::gateway("gw", "default", labels);
    assert!(is_any(&with("default", target), &gateway));
    assert!(is_any(&with("default", &target.replace("targetRefs: [", "targetRef: ").replace("}]", "}")), &gateway));
    assert!(!is_any(&with("istio-system", target), &gateway), "another namespace cannot name it");
    assert!(!is_any(&with("default", &target.replace("name: gw", "name: other")), &gateway));
}

#[test]
fn policies_that_are_tried_only_are_apart() {
    let text = policy("DENY", "[{}]").replace("name: p,", "name: p, annotations: {istio.io/dry-run: 'true'},");
    let made = translated(&text, &MeshConfig::default());
    let [filter] = &made.http[..] else { panic!("{made:?}") };
    assert!(filter.rules.is_none());
    assert_eq!(&*filter.shadow_rules_stat_prefix, "istio_dry_run_deny_");
    let verdicts = filter.decide(&Seen::get("h", "/"));
    assert_eq!((verdicts.enforced, verdicts.shadow.map(|decision| decision.allowed)), (None, Some(false)));
    assert_eq!(&*made.tcp[0].stat_prefix, "tcp.");
}

#[test]
fn what_nobody_can_be_asked_about_is_denied_and_said() {
    let text = policy("CUSTOM, provider: {name: ext}", "[{to: [{operation: {paths: ['/admin*']}}]}]");
    let made = translated(&text, &MeshConfig::default());
    let (allowed, who) = decide(&made.http, &Seen::get("h", "/admin"));
    assert!(!allowed);
    let name = "istio-ext-authz-ext-ns[default]-policy[p]-rule[0]-deny-due-to-bad-CUSTOM-action";
    assert_eq!(who.as_deref(), Some(name));
    assert!(decide(&made.http, &Seen::get("h", "/")).0);
    let resources = resources(&text);
    let object = resources.authorization_policies.values().next().unwrap();
    let said = findings(object, &MeshConfig::default(), [node()].iter());
    assert_eq!(said.len(), 1);
    assert!(said[0].message.starts_with("spec.action: external authorization is not supported"), "{said:?}");
}

#[test]
fn what_is_not_supported_and_who_is_not_there_is_said() {
    let rules = "[{from: [{source: {requestPrincipals: ['*']}}], when: [{key: 'request.auth.claims[a]', values: [b]}, \
                 {key: 'experimental.envoy.filters.x[y]', values: [z]}]}]";
    let text = policy("ALLOW", rules).replace("spec: {", "spec: {selector: {matchLabels: {app: other}}, ");
    let resources = resources(&text);
    let object = resources.authorization_policies.values().next().unwrap();
    let said: Vec<String> =
        findings(object, &MeshConfig::default(), [node()].iter()).into_iter().map(|said| said.message).collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].starts_with("spec.rules[0].from[0].source.requestPrincipals: is about the tokens"), "{said:?}");
    assert!(said[1].starts_with("spec.rules[0].when[0]: is about the tokens"), "{said:?}");
    assert!(said[2].starts_with("spec.rules[0].when[1]: is about what an EnvoyFilter notes"), "{said:?}");
    assert_eq!(said[3], "spec.selector: {app: other} are the labels of no proxy of namespace default");
    let none = findings(object, &MeshConfig::default(), std::iter::empty());
    assert!(none.last().unwrap().message.contains("there is no proxy"));
}
