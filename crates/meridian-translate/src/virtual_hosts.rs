//! The virtual hosts of a gateway's route configuration: sorted by name, and never none.

use meridian_ir::{Name, RouteConfig, VirtualHost};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Virtual hosts that change, by name: another one, or none any more.
pub(crate) type Changes = BTreeMap<Name, Option<Arc<VirtualHost>>>;

/// The route configuration of a port without any virtual host of its own.
pub(crate) fn none(name: &Name, port: u16) -> RouteConfig {
    RouteConfig::new(name.clone(), vec![black_hole(port)])
}

/// What becomes of the configuration of a port; `None`: nothing is another one.
pub(crate) fn changed(config: &RouteConfig, port: u16, mut changes: Changes) -> Option<RouteConfig> {
    let black_hole = black_hole(port);
    let had_none = config.virtual_hosts.len() == 1 && config.virtual_hosts[0] == black_hole;
    if had_none {
        changes.entry(black_hole.name.clone()).or_insert(None);
    }
    let changed = config.with_changes(&changes);
    match changed.virtual_hosts.is_empty() {
        true if had_none => None,
        true => Some(config.with_virtual_hosts(&[black_hole])),
        false => (!changed.virtual_hosts.is_same(&config.virtual_hosts)).then_some(changed),
    }
}

/// The virtual host of listeners without any: every request is 404 `NR route_not_found`.
fn black_hole(port: u16) -> Arc<VirtualHost> {
    let name = format!("blackhole:{port}").into();
    Arc::new(VirtualHost { name, domains: vec!["*".into()], routes: Vec::new(), require_tls: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> (Name, Option<Arc<VirtualHost>>) {
        let host = VirtualHost {
            name: format!("{name}:80").into(),
            domains: vec![name.into()],
            routes: Vec::new(),
            require_tls: false,
        };
        (host.name.clone(), Some(Arc::new(host)))
    }

    fn gone(name: &str) -> (Name, Option<Arc<VirtualHost>>) {
        (host(name).0, None)
    }

    fn names(config: &RouteConfig) -> Vec<&str> {
        config.virtual_hosts.iter().map(|host| &*host.name).collect()
    }

    #[test]
    fn the_black_hole_is_there_when_nothing_else_is() {
        let empty = none(&"http.80".into(), 80);
        assert!(changed(&empty, 80, Changes::from([gone("a")])).is_none());
        let some = changed(&empty, 80, Changes::from([host("b"), host("a")])).unwrap();
        assert_eq!(names(&some), ["a:80", "b:80"]);
        assert!(changed(&some, 80, Changes::new()).is_none());
        let none_again = changed(&some, 80, Changes::from([gone("a"), gone("b")])).unwrap();
        assert_eq!(none_again, empty);
    }

    #[test]
    fn a_host_may_be_called_as_the_black_hole_is() {
        let empty = none(&"http.80".into(), 80);
        let some = changed(&empty, 80, Changes::from([host("blackhole")])).unwrap();
        assert!(some.virtual_host(b"blackhole").is_some() && some.virtual_host(b"other").is_none());
        let more = changed(&some, 80, Changes::from([host("other")])).unwrap();
        assert_eq!(names(&more), ["blackhole:80", "other:80"]);
        assert_eq!(names(&changed(&more, 80, Changes::from([gone("blackhole")])).unwrap()), ["other:80"]);
    }
}
