//! Judging a request by templates, hosts and text never fails, and says the same in both ways of asking.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meridian_ir::rbac::{Effect, PathMatch, PathTemplate, Permission, Policy, Principal, Rules, View};
use meridian_ir::request::PlainRequest;
use meridian_ir::StringMatch;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

struct Seen(PlainRequest);

impl View for Seen {
    type Request = PlainRequest;
    fn request(&self) -> Option<&PlainRequest> {
        Some(&self.0)
    }
    fn direct_remote_ip(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
    fn remote_ip(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
    fn destination(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 80).into()
    }
    fn server_name(&self) -> &str {
        &self.0.authority
    }
    fn any_peer_name(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        test(self.0.authority.as_bytes())
    }
}

fuzz_target!(|parts: (&str, &str, &str, &str)| {
    let (template, path, condition, host) = parts;
    let seen = Seen(PlainRequest::get(host, path));
    let text = |matcher: fn(meridian_ir::Name) -> StringMatch| matcher(condition.into());
    let mut permissions = vec![
        Permission::Host(text(StringMatch::Exact)),
        Permission::Host(text(StringMatch::Prefix)),
        Permission::Host(text(StringMatch::Suffix)),
        Permission::ServerName(text(StringMatch::Suffix)),
        Permission::Path(PathMatch::Text(text(StringMatch::Prefix))),
    ];
    if let Ok(template) = PathTemplate::new(template) {
        assert!(template.template().contains('*') || template.is_match(template.template().as_bytes()));
        permissions.push(Permission::Path(PathMatch::Template(template)));
    }
    for permission in permissions {
        let policy = |permission| Policy { name: "p".into(), permissions: vec![permission], principals: vec![Principal::Any] };
        let decide = |effect, permission| Rules::new(effect, vec![policy(permission)]).decide(&seen).allowed;
        let allowed = decide(Effect::Allow, permission.clone());
        assert_ne!(allowed, decide(Effect::Deny, permission.clone()));
        assert_ne!(allowed, decide(Effect::Allow, Permission::Not(Box::new(permission))));
    }
});
