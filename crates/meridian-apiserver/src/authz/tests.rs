//! Who may do what, as a table.

#![allow(clippy::unwrap_used)]

use hyper::{HeaderMap, Method};
use meridian_store::{GroupResource, Key, Store};
use serde_json::{Value, json};

use super::rbac::GROUP;
use super::*;
use crate::query::Query;

fn attributes(request: &str) -> Attributes {
    let (method, uri) = request.split_once(' ').unwrap();
    let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
    Attributes::of_request(&Method::try_from(method).unwrap(), path, &Query::parse(query).unwrap())
}

#[test]
fn requests_are_understood_by_their_paths() {
    for (request, expected) in [
        ("GET /", "get path \"/\""),
        ("GET /healthz", "get path \"/healthz\""),
        ("GET /apis", "get path \"/apis\""),
        ("GET /api/v1", "get path \"/api/v1\""),
        ("GET /apis/apps/v1", "get path \"/apis/apps/v1\""),
        ("POST /metrics", "post path \"/metrics\""),
        ("GET /api/v1/pods", "list resource \"pods\" in API group \"\" at the cluster scope"),
        ("GET /api/v1/namespaces/a/pods?watch=1", "watch resource \"pods\" in API group \"\" in the namespace \"a\""),
        ("GET /api/v1/namespaces/a", "get resource \"namespaces\" in API group \"\" in the namespace \"a\""),
        (
            "PUT /api/v1/namespaces/a/status",
            "update resource \"namespaces/status\" in API group \"\" in the namespace \"a\"",
        ),
        ("GET /api/v1/namespaces/a/pods/p/log", "get resource \"pods/log\" in API group \"\" in the namespace \"a\""),
        (
            "DELETE /apis/networking.istio.io/v1/namespaces/a/virtualservices",
            "deletecollection resource \"virtualservices\" in API group \"networking.istio.io\" in the namespace \"a\"",
        ),
        (
            "PATCH /apis/no.such.group/v1/namespaces/a/things/x",
            "patch resource \"things\" in API group \"no.such.group\" in the namespace \"a\"",
        ),
    ] {
        assert_eq!(attributes(request).to_string(), expected, "{request}");
    }
    let named = attributes("GET /api/v1/secrets?fieldSelector=metadata.name%3Dx");
    assert_eq!(named, Attributes::of_resource("list", "", "secrets", "", "x"));
}

/// A store with these objects of the group of roles.
async fn store(objects: &[Value]) -> Store {
    let store = Store::memory().unwrap();
    for name in ["a", "b", "c"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        store.create(Key::namespace(name), namespace).await.unwrap();
    }
    for object in objects {
        let plural = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let key = Key::new(GroupResource::new(GROUP, &plural), text("namespace"), text("name"));
        store.create(key, object.clone()).await.unwrap();
    }
    store
}

fn role(kind: &str, namespace: &str, name: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "rules": rules,
    })
}

fn binding(kind: &str, namespace: &str, role: (&str, &str), subject: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": format!("{}-{kind}", role.1).to_lowercase(), "namespace": namespace},
        "roleRef": {"apiGroup": GROUP, "kind": role.0, "name": role.1}, "subjects": [subject],
    })
}

#[tokio::test]
async fn roles_give_what_they_say_to_whom_bindings_name() {
    let user = |name: &str| json!({"kind": "User", "apiGroup": GROUP, "name": name});
    let store = store(&[
        role(
            "Role",
            "a",
            "reader",
            json!([
                {"apiGroups": [""], "resources": ["pods", "*/log"], "verbs": ["get", "list"]},
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"]},
            ]),
        ),
        binding("RoleBinding", "a", ("Role", "reader"), user("ann")),
        binding("RoleBinding", "b", ("ClusterRole", "edit"), json!({"kind": "ServiceAccount", "name": "ci"})),
        binding("ClusterRoleBinding", "", ("ClusterRole", "view"), json!({"kind": "Group", "name": "devs"})),
        binding("RoleBinding", "c", ("Role", "gone"), user("ann")),
        role("ClusterRole", "", "paths", json!([{"nonResourceURLs": ["/metrics", "/logs/*"], "verbs": ["get"]}])),
        binding("ClusterRoleBinding", "", ("ClusterRole", "paths"), user("ann")),
    ])
    .await;
    let authorizer = Authorizer::new(&store);
    let ann = Caller::named("ann", &["system:authenticated"]);
    let dev = Caller::named("dev", &["devs", "system:authenticated"]);
    let ci = Caller::named("system:serviceaccount:b:ci", &["system:authenticated"]);
    let routes = "/apis/networking.istio.io/v1/namespaces";
    for (caller, request, allowed) in [
        (&Caller::meridian(), "DELETE /api/v1/namespaces/x".to_owned(), true),
        (&Caller::anonymous(), "GET /healthz".to_owned(), true),
        (&Caller::anonymous(), "GET /version".to_owned(), true),
        (&Caller::anonymous(), "GET /apis".to_owned(), false),
        (&Caller::anonymous(), "GET /api/v1/pods".to_owned(), false),
        (&ann, "GET /openapi/v3/apis/apps/v1".to_owned(), true),
        (&ann, "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(), true),
        (&ann, "POST /apis/authorization.k8s.io/v1/subjectaccessreviews".to_owned(), false),
        (&ann, "GET /api/v1/namespaces/a/pods".to_owned(), true),
        (&ann, "GET /api/v1/namespaces/a/pods?watch=true".to_owned(), false),
        (&ann, "GET /api/v1/namespaces/b/pods".to_owned(), false),
        (&ann, "GET /api/v1/pods".to_owned(), false),
        (&ann, "GET /api/v1/namespaces/a/pods/p/log".to_owned(), true),
        (&ann, "GET /api/v1/namespaces/a/pods/p/status".to_owned(), false),
        (&ann, "GET /api/v1/namespaces/a/secrets/one".to_owned(), true),
        (&ann, "GET /api/v1/namespaces/a/secrets/two".to_owned(), false),
        (&ann, "GET /api/v1/namespaces/a/secrets".to_owned(), false),
        (&ann, "GET /metrics".to_owned(), true),
        (&ann, "GET /logs/x".to_owned(), true),
        (&ann, "POST /metrics".to_owned(), false),
        (&dev, format!("GET {routes}/x/virtualservices"), true),
        (&dev, format!("POST {routes}/x/virtualservices"), false),
        (&dev, "GET /api/v1/namespaces/x/secrets".to_owned(), false),
        (&ci, format!("POST {routes}/b/virtualservices"), true),
        (&ci, format!("POST {routes}/a/virtualservices"), false),
        (&ci, "GET /api/v1/namespaces/b/secrets".to_owned(), true),
        (&ci, "POST /apis/rbac.authorization.k8s.io/v1/namespaces/b/roles".to_owned(), false),
    ] {
        let found = authorizer.decide(caller, &attributes(&request));
        assert_eq!(found.is_ok(), allowed, "{} {request}: {found:?}", caller.user);
    }
    let reason = authorizer.decide(&ann, &attributes("GET /api/v1/namespaces/a/pods")).unwrap();
    assert_eq!(reason, "RBAC: allowed by RoleBinding \"reader-rolebinding/a\" of Role \"reader\" to User \"ann\"");
    let refused = check(&authorizer, &ann, &attributes("GET /api/v1/namespaces/c/pods")).unwrap_err().to_string();
    assert_eq!(
        refused,
        "pods is forbidden: User \"ann\" cannot list resource \"pods\" in API group \"\" in the namespace \"c\": RBAC: \
         role.rbac.authorization.k8s.io \"gone\" not found"
    );
    let refused = check(&authorizer, &Caller::anonymous(), &attributes("GET /")).unwrap_err().to_string();
    assert_eq!(refused, "forbidden: User \"system:anonymous\" cannot get path \"/\"");
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_have() {
    let lead = json!({"kind": "User", "apiGroup": GROUP, "name": "lead"});
    let binder = json!([{"apiGroups": [GROUP], "resources": ["clusterroles"], "resourceNames": ["cluster-admin"], "verbs": ["bind"]}]);
    let store = store(&[
        binding("RoleBinding", "a", ("ClusterRole", "admin"), lead.clone()),
        role("Role", "b", "binder", binder),
        binding("RoleBinding", "b", ("Role", "binder"), lead),
    ])
    .await;
    let authorizer = Authorizer::new(&store);
    let lead = Caller::named("lead", &["system:authenticated"]);
    let rules = |verb: &str, group: &str, resource: &str| json!([{"apiGroups": [group], "resources": [resource], "verbs": [verb]}]);
    let give = |namespace: &str, object: &Value| {
        let plural = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
        check_grant(&authorizer, &lead, &plural, namespace, object).map_err(|error| error.to_string())
    };
    assert_eq!(give("a", &role("Role", "a", "r", rules("get", "", "secrets"))), Ok(()));
    assert_eq!(give("a", &role("Role", "a", "r", rules("get", "apps", "deployments"))), Ok(()), "by a star");
    let refused = give("a", &role("Role", "a", "r", rules("get", "", "nodes"))).unwrap_err();
    assert_eq!(
        refused,
        "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"lead\" (groups=[\"system:authenticated\"]) is \
         attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\"]}"
    );
    let user = json!({"kind": "User", "name": "other"});
    assert_eq!(give("a", &binding("RoleBinding", "a", ("ClusterRole", "edit"), user.clone())), Ok(()));
    assert!(give("a", &binding("RoleBinding", "a", ("ClusterRole", "cluster-admin"), user.clone())).is_err());
    assert_eq!(
        give("b", &binding("RoleBinding", "b", ("ClusterRole", "cluster-admin"), user.clone())),
        Ok(()),
        "by bind"
    );
    let missing = give("a", &binding("RoleBinding", "a", ("Role", "nothing"), user)).unwrap_err();
    assert_eq!(missing, "rolebindings.rbac.authorization.k8s.io \"nothing\" not found");
}

#[tokio::test]
async fn somebody_else_can_be_asked_for_by_those_who_may() {
    let store = store(&[
        role(
            "ClusterRole",
            "",
            "helper",
            json!([
                {"apiGroups": [""], "resources": ["users"], "resourceNames": ["ann"], "verbs": ["impersonate"]},
            ]),
        ),
        binding("ClusterRoleBinding", "", ("ClusterRole", "helper"), json!({"kind": "User", "name": "help"})),
    ])
    .await;
    let authorizer = Authorizer::new(&store);
    let headers = |pairs: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    };
    let by = |caller: &Caller, pairs: &[(&'static str, &str)]| {
        impersonate(&authorizer, caller.clone(), &headers(pairs)).map_err(|error| error.to_string())
    };
    let (root, help) = (Caller::meridian(), Caller::named("help", &["system:authenticated"]));
    assert_eq!(by(&help, &[]).unwrap(), help);
    let ann = by(&help, &[("impersonate-user", "ann")]).unwrap();
    assert_eq!((ann.user.as_str(), &ann.groups[..]), ("ann", &["system:authenticated".to_owned()][..]));
    assert_eq!(
        by(&help, &[("impersonate-user", "bob")]).unwrap_err(),
        "users \"bob\" is forbidden: User \"help\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
    );
    assert!(by(&help, &[("impersonate-user", "ann"), ("impersonate-group", "system:masters")]).is_err());
    let ci = by(&root, &[("impersonate-user", "system:serviceaccount:b:ci")]).unwrap();
    assert_eq!(ci.groups, ["system:serviceaccounts", "system:serviceaccounts:b", "system:authenticated"]);
    let full = by(
        &root,
        &[
            ("impersonate-user", "x"),
            ("impersonate-group", "g"),
            ("impersonate-uid", "7"),
            ("impersonate-extra-a%2fb", "c"),
        ],
    )
    .unwrap();
    assert_eq!((full.groups, full.uid), (vec!["g".to_owned(), "system:authenticated".to_owned()], "7".to_owned()));
    assert_eq!(full.extra["a/b"], ["c"]);
    assert_eq!(by(&root, &[("impersonate-user", "system:anonymous")]).unwrap().groups, ["system:unauthenticated"]);
    assert!(by(&root, &[("impersonate-group", "g")]).unwrap_err().contains("without impersonating a user"));
}
