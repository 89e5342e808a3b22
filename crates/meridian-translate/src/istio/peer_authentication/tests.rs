use super::*;
use meridian_resources::istio::destination_rule::WorkloadSelector;
use meridian_resources::{Meta, Spec};

fn labels(pairs: &[(&str, &str)]) -> StringMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// `NAMESPACE/NAME`, created so many seconds after the epoch.
fn object(
    name: &str,
    created: i64,
    selector: &[(&str, &str)],
    mode: MutualTlsMode,
    ports: &[(u16, MutualTlsMode)],
) -> Arc<Object<PeerAuthentication>> {
    let (namespace, name) = name.split_once('/').expect("a namespace and a name");
    let meta = Meta { namespace: namespace.into(), name: name.into(), creation_seconds: created, ..Meta::default() };
    let selector = (!selector.is_empty()).then(|| WorkloadSelector { match_labels: labels(selector) });
    let port_level_mtls = ports.iter().map(|(port, mode)| (*port, MutualTls { mode: *mode })).collect();
    let spec = PeerAuthentication { mtls: Some(MutualTls { mode }), port_level_mtls, selector };
    Arc::new(Object { meta, spec, status: <PeerAuthentication as Spec>::Status::default(), source: None })
}

fn all(objects: Vec<Arc<Object<PeerAuthentication>>>) -> PeerAuthentications {
    let mut all = PeerAuthentications::default();
    for object in objects {
        assert!(all.put(object.clone()));
        assert!(!all.put(object), "nothing is different");
    }
    all
}

#[test]
fn narrower_scopes_win_and_inherit_what_they_leave_unset() {
    use MutualTlsMode as M;
    let foo: &[(&str, &str)] = &[("app", "foo")];
    let none: &[(&str, &str)] = &[];
    let mesh = |mode| object("istio-system/default", 9, none, mode, &[]);
    let namespace = |mode| object("a/default", 8, none, mode, &[]);
    let workload = |mode, ports: &[(u16, M)]| object("a/foo", 7, foo, mode, ports);
    type Case = (&'static str, Vec<Arc<Object<PeerAuthentication>>>, Mode, Vec<(u16, Mode)>);
    let cases: Vec<Case> = vec![
        ("nothing", vec![], Mode::Permissive, vec![]),
        ("the mesh", vec![mesh(M::Strict)], Mode::Strict, vec![]),
        ("the mesh, unset", vec![mesh(M::Unset)], Mode::Permissive, vec![]),
        ("the namespace", vec![mesh(M::Strict), namespace(M::Disable)], Mode::Disable, vec![]),
        ("the namespace, unset", vec![mesh(M::Strict), namespace(M::Unset)], Mode::Strict, vec![]),
        ("the workload", vec![namespace(M::Strict), workload(M::Permissive, &[])], Mode::Permissive, vec![]),
        ("the workload, unset", vec![namespace(M::Strict), workload(M::Unset, &[])], Mode::Strict, vec![]),
        (
            "ports",
            vec![mesh(M::Strict), workload(M::Unset, &[(80, M::Disable), (81, M::Unset)])],
            Mode::Strict,
            vec![(80, Mode::Disable), (81, Mode::Strict)],
        ),
        ("another workload", vec![object("a/x", 1, &[("app", "x")], M::Strict, &[])], Mode::Permissive, vec![]),
        ("another namespace", vec![object("b/x", 1, none, M::Strict, &[])], Mode::Permissive, vec![]),
        ("a selector in the root", vec![object("istio-system/x", 1, foo, M::Strict, &[])], Mode::Permissive, vec![]),
        (
            "the oldest",
            vec![object("a/younger", 5, none, M::Strict, &[]), object("a/older", 4, none, M::Disable, &[])],
            Mode::Disable,
            vec![],
        ),
        (
            "of one age, the first by name",
            vec![object("a/z", 4, foo, M::Strict, &[]), object("a/b", 4, foo, M::Disable, &[])],
            Mode::Disable,
            vec![],
        ),
    ];
    for (what, objects, general, ports) in cases {
        let modes = all(objects).modes("istio-system", "a", &labels(&[("app", "foo"), ("x", "y")]));
        assert_eq!(modes, Modes { general, ports: ports.into_iter().collect() }, "{what}");
    }
    let modes = all(vec![mesh(MutualTlsMode::Strict)]).modes("istio-system", "istio-system", &labels(foo));
    assert_eq!(modes.of_port(80), Mode::Strict, "the root namespace itself");
}

#[test]
fn those_that_lose_say_so() {
    use MutualTlsMode as M;
    let foo: &[(&str, &str)] = &[("app", "foo")];
    let objects = all(vec![
        object("a/older", 4, &[], M::Disable, &[]),
        object("a/younger", 5, &[], M::Strict, &[]),
        object("a/foo", 6, foo, M::Strict, &[]),
        object("a/foo-again", 7, foo, M::Strict, &[]),
        object("a/foo-v1", 8, &[("app", "foo"), ("version", "v1")], M::Strict, &[]),
        object("a/v1", 9, &[("version", "v1")], M::Strict, &[]),
        object("istio-system/mesh", 1, &[], M::Strict, &[]),
        object("istio-system/other", 2, &[], M::Strict, &[]),
        object("istio-system/foo", 3, foo, M::Strict, &[]),
    ]);
    for (name, expected) in [
        ("a/older", None),
        ("a/younger", Some("a/older is older and about the namespace too")),
        ("a/foo", None),
        ("a/foo-again", Some("a/foo is older and about all of these workloads too")),
        ("a/foo-v1", Some("a/foo is older and about all of these workloads too")),
        ("a/v1", None),
        ("istio-system/mesh", None),
        ("istio-system/other", Some("istio-system/mesh is older and about the mesh too")),
        ("istio-system/foo", Some("has no effect in the root namespace istio-system")),
        ("a/gone", None),
    ] {
        let (namespace, own) = name.split_once('/').expect("a namespace");
        let findings = objects.findings(&Key { namespace: namespace.into(), name: own.into() }, "istio-system");
        let found = findings.first().map(|finding| finding.message.as_str());
        match expected {
            Some(expected) => assert!(found.is_some_and(|found| found.contains(expected)), "{name}: {found:?}"),
            None => assert_eq!(found, None, "{name}"),
        }
    }
}

#[test]
fn objects_go() {
    let mut objects = all(vec![object("a/x", 1, &[], MutualTlsMode::Strict, &[])]);
    let key = Key { namespace: "a".into(), name: "x".into() };
    assert!(objects.remove(&key) && !objects.remove(&key));
}
