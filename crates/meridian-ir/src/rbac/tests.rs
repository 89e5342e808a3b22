use super::*;
use crate::request::PlainRequest;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

/// A request or a connection of plain values.
#[derive(Debug, Clone)]
struct Seen {
    request: Option<PlainRequest>,
    peer: IpAddr,
    client: IpAddr,
    destination: SocketAddr,
    server_name: String,
    names: Vec<String>,
}

impl Seen {
    fn get(authority: &str, path: &str) -> Self {
        Self { request: Some(PlainRequest::get(authority, path)), ..Self::connection() }
    }

    fn connection() -> Self {
        Self {
            request: None,
            peer: "10.0.0.1".parse().unwrap(),
            client: "10.0.0.1".parse().unwrap(),
            destination: "10.0.0.9:8080".parse().unwrap(),
            server_name: String::new(),
            names: Vec::new(),
        }
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
        self.destination
    }
    fn server_name(&self) -> &str {
        &self.server_name
    }
    fn any_peer_name(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.names.iter().any(|name| test(name.as_bytes()))
    }
}

fn exact(text: &str) -> StringMatch {
    StringMatch::Exact(text.into())
}

fn header(name: &str, value: Option<StringMatch>) -> HeaderMatch {
    HeaderMatch { name: name.into(), value, invert: false }
}

fn policy(name: &str, permission: Permission, principal: Principal) -> Policy {
    Policy { name: name.into(), permissions: vec![permission], principals: vec![principal] }
}

fn met(permission: Permission, seen: &Seen) -> bool {
    policy("p", permission, Principal::Any).matches(seen)
}

fn is(principal: Principal, seen: &Seen) -> bool {
    policy("p", Permission::Any, principal).matches(seen)
}

#[test]
fn the_first_policy_by_name_decides_and_is_told() {
    let path = |path: &str| Permission::Path(PathMatch::Text(StringMatch::Prefix(path.into())));
    let policies = || vec![policy("b", path("/a"), Principal::Any), policy("a", path("/a/b"), Principal::Any)];
    let (long, short, other) = (Seen::get("h", "/a/b"), Seen::get("h", "/a"), Seen::get("h", "/"));
    let name = |decision: Decision<'_>| (decision.allowed, decision.policy.map(|name| name.to_string()));

    let deny = Rules::new(Effect::Deny, policies());
    assert_eq!(name(deny.decide(&long)), (false, Some("a".into())));
    assert_eq!(name(deny.decide(&short)), (false, Some("b".into())));
    assert_eq!(name(deny.decide(&other)), (true, None));

    let allow = Rules::new(Effect::Allow, policies());
    assert_eq!(name(allow.decide(&short)), (true, Some("b".into())));
    assert_eq!(name(allow.decide(&other)), (false, None));
    assert!(!Rules::new(Effect::Allow, Vec::new()).decide(&other).allowed, "nothing is allowed by no policy");

    let audit = Rules::new(Effect::Log, policies());
    assert_eq!(name(audit.decide(&short)), (true, Some("b".into())));
    assert_eq!(name(audit.decide(&other)), (true, None));
}

#[test]
fn a_denial_names_its_policy_without_spaces() {
    assert_eq!(DenialDetails(None).to_string(), "rbac_access_denied_matched_policy[none]");
    let name = "ns[default]-policy[a b]-rule[1]";
    assert_eq!(
        DenialDetails(Some(name)).to_string(),
        "rbac_access_denied_matched_policy[ns[default]-policy[a_b]-rule[1]]"
    );
}

#[test]
fn hosts_are_compared_as_sent_but_without_case() {
    for (condition, host, expected) in [
        (exact("a.example.com"), "A.Example.COM", true),
        (exact("a.example.com"), "a.example.com:80", false),
        (StringMatch::Suffix(".example.com".into()), "a.EXAMPLE.com", true),
        (StringMatch::Suffix(".example.com".into()), "com", false),
        (StringMatch::Prefix("a.".into()), "A.example.com:80", true),
        (StringMatch::Prefix("a.example.com".into()), "a.", false),
    ] {
        assert_eq!(met(Permission::Host(condition.clone()), &Seen::get(host, "/")), expected, "{condition:?} {host}");
    }
}

#[test]
fn paths_are_compared_without_their_query() {
    let path = |value: StringMatch| Permission::Path(PathMatch::Text(value));
    for (condition, target, expected) in [
        (exact("/admin"), "/admin?x=/", true),
        (exact("/admin"), "/admin#x", true),
        (exact("/admin"), "/Admin", false),
        (exact("/admin"), "/admin/", false),
        (StringMatch::Suffix("/secret".into()), "/x/secret?a", true),
        (StringMatch::Suffix("/secret".into()), "/x?/secret", false),
    ] {
        assert_eq!(met(path(condition.clone()), &Seen::get("h", target)), expected, "{condition:?} {target}");
    }
}

#[test]
fn templates_match_segments() {
    for (template, path, expected) in [
        ("/a/*/c", "/a/b/c", true),
        ("/a/*/c", "/a/b/c?q", true),
        ("/a/*/c", "/a//c", false),
        ("/a/*/c", "/a/b/b/c", false),
        ("/a/*", "/a/b", true),
        ("/a/*", "/a/", false),
        ("/a/*", "/a/b/", false),
        ("/a/**", "/a/", true),
        ("/a/**", "/a/b/c/", true),
        ("/a/**", "/a", false),
        ("/**/b", "/x/y/b", true),
        ("/**/b", "/b", false),
        ("/a.b", "/axb", false),
        ("/", "/", true),
        ("/a/*", "/a/%2fb", true),
        ("/a/*", "/a/*", false),
    ] {
        let permission = Permission::Path(PathMatch::Template(PathTemplate::new(template).unwrap()));
        assert_eq!(met(permission, &Seen::get("h", path)), expected, "{template} {path}");
    }
    for refused in ["a", "", "/a/{x}", "/a*", "/**/*", "/**/**", "/a b"] {
        assert!(PathTemplate::new(refused).is_err(), "{refused}");
    }
}

#[test]
fn addresses_are_the_same_in_both_families() {
    let range = |text: &str| text.parse::<IpNet>().unwrap();
    for (net, address, expected) in [
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("10.0.0.0/8", "::10.1.2.3", false),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ("::ffff:10.0.0.0/104", "::ffff:11.1.2.3", false),
        ("::/0", "10.1.2.3", false),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("2001:db8::/32", "2001:db8::1", true),
        ("10.1.2.3/32", "10.1.2.4", false),
    ] {
        let address: IpAddr = address.parse().unwrap();
        let peer = Seen { peer: address, ..Seen::connection() };
        let client = Seen { client: address, ..Seen::connection() };
        let to = Seen { destination: SocketAddr::new(address, 80), ..Seen::connection() };
        assert_eq!(is(Principal::DirectRemoteIp(range(net)), &peer), expected, "{net} {address}");
        assert_eq!(is(Principal::RemoteIp(range(net)), &client), expected, "{net} {address}");
        assert_eq!(met(Permission::DestinationIp(range(net)), &to), expected, "{net} {address}");
        assert!(!is(Principal::RemoteIp(range("192.0.2.0/24")), &peer));
    }
}

#[test]
fn names_of_the_peer_are_tried_one_by_one() {
    let uri = "spiffe://cluster.local/ns/default/sa/client";
    let known = Seen { names: vec!["CN=other".into(), uri.into()], ..Seen::connection() };
    let of_namespace = StringMatch::Regex(crate::string_match::FullRegex::new(".*/ns/default/.*").unwrap());
    let any = StringMatch::Regex(crate::string_match::FullRegex::new(".+").unwrap());
    assert!(is(Principal::Authenticated(exact(uri)), &known));
    assert!(is(Principal::Authenticated(of_namespace.clone()), &known));
    for condition in [exact(uri), of_namespace, any] {
        assert!(!is(Principal::Authenticated(condition.clone()), &Seen::connection()), "nobody is {condition:?}");
        assert!(is(Principal::Not(Box::new(Principal::Authenticated(condition))), &Seen::connection()));
    }
}

#[test]
fn a_connection_without_http_meets_nothing_that_is_about_requests() {
    let seen = Seen::connection();
    let present = || header("x", None);
    assert!(!met(Permission::Header(present()), &seen));
    assert!(!met(Permission::Host(StringMatch::Prefix("".into())), &seen));
    assert!(!met(Permission::Path(PathMatch::Text(StringMatch::Prefix("".into()))), &seen));
    assert!(!is(Principal::Header(present()), &seen));
    assert!(met(Permission::Not(Box::new(Permission::Header(present()))), &seen));
    assert!(met(Permission::DestinationPort(PortMatch::Range { start: 8080, end: 8081 }), &seen));
    assert!(!met(Permission::DestinationPort(PortMatch::Range { start: 80, end: 8080 }), &seen));
}

#[test]
fn each_value_of_a_repeated_header_counts() {
    let seen = Seen::get("h", "/").header("X-Role", "guest").header("x-role", "admin");
    for value in ["admin", "guest"] {
        assert!(is(Principal::Header(header("x-role", Some(exact(value)))), &seen), "{value}");
    }
    assert!(!is(Principal::Header(header("x-role", Some(exact("guest,admin")))), &seen));
    let method = header(":method", Some(exact("GET")));
    assert!(met(Permission::Header(method), &seen));
}

#[test]
fn server_names_are_compared_without_case() {
    let seen = Seen { server_name: "API.Example.com".into(), ..Seen::connection() };
    assert!(met(Permission::ServerName(exact("api.example.com")), &seen));
    assert!(met(Permission::ServerName(StringMatch::Suffix(".example.COM".into())), &seen));
    assert!(!met(Permission::ServerName(exact("api.example.com")), &Seen::connection()));
}

#[test]
fn metadata_is_never_met() {
    let metadata = || MetadataMatch {
        filter: "envoy.filters.http.jwt_authn".into(),
        path: vec!["payload".into(), "iss".into()],
        value: ValueMatch::Text(StringMatch::Prefix("".into())),
    };
    assert!(!is(Principal::Metadata(metadata()), &Seen::get("h", "/")));
    assert!(!met(Permission::Metadata(metadata()), &Seen::get("h", "/")));
    assert!(is(Principal::Not(Box::new(Principal::Metadata(metadata()))), &Seen::get("h", "/")));
}

/// Conditions on ports, which are true and false enough to try the logic with.
fn permission() -> impl Strategy<Value = Permission> {
    let leaf = prop_oneof![
        Just(Permission::Any),
        (0u32..4).prop_map(|port| Permission::DestinationPort(PortMatch::Range { start: port, end: port + 2 })),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Permission::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Permission::Or),
            inner.prop_map(|permission| Permission::Not(Box::new(permission))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_allowed_by_policies_is_what_is_denied_by_them(
        permissions in prop::collection::vec(permission(), 0..4),
        port in 0u16..6,
    ) {
        let seen = Seen { destination: SocketAddr::new([10, 0, 0, 9].into(), port), ..Seen::connection() };
        let policies = |permissions: Vec<Permission>| {
            let named = permissions.into_iter().enumerate();
            named.map(|(index, permission)| policy(&format!("p{index}"), permission, Principal::Any)).collect()
        };
        let allow = Rules::new(Effect::Allow, policies(permissions.clone()));
        let deny = Rules::new(Effect::Deny, policies(permissions.clone()));
        prop_assert_eq!(allow.decide(&seen).policy, deny.decide(&seen).policy);
        prop_assert_ne!(allow.decide(&seen).allowed, deny.decide(&seen).allowed);
    }

    #[test]
    fn not_turns_every_permission(permission in permission(), port in 0u16..6) {
        let seen = Seen { destination: SocketAddr::new([10, 0, 0, 9].into(), port), ..Seen::connection() };
        prop_assert_ne!(met(permission.clone(), &seen), met(Permission::Not(Box::new(permission)), &seen));
    }

    #[test]
    fn hosts_are_without_case(host in "[a-zA-Z0-9.-]{0,20}", part in 0usize..20) {
        let part = part.min(host.len());
        for condition in [
            exact(&host.to_uppercase()),
            StringMatch::Prefix(host[..part].to_lowercase().into()),
            StringMatch::Suffix(host[part..].to_uppercase().into()),
        ] {
            prop_assert!(met(Permission::Host(condition), &Seen::get(&host, "/")));
        }
    }

    #[test]
    fn any_template_of_literals_is_itself(path in "(/[a-zA-Z0-9._~%!$&'()+,;:@=-]{1,8}){1,5}") {
        let template = PathTemplate::new(&path).unwrap();
        prop_assert!(template.is_match(path.as_bytes()));
        let longer = format!("{path}/x");
        prop_assert!(!template.is_match(longer.as_bytes()));
    }
}
