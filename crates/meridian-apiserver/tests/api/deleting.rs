//! Owners, dependents, finalizers and namespaces at their end, with the real `kubectl`.

use std::time::{Duration, Instant};

use crate::support::{Lab, have_kubectl};

/// Waits until a command prints this.
async fn until(lab: &Lab, line: &str, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let printed = lab.kubectl(line).await;
        if printed.stdout == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{line}: expected {expected:?}, found {printed:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A ConfigMap that depends on others by their names.
async fn dependent(lab: &Lab, name: &str, owners: &[&str]) {
    let mut references = String::new();
    for owner in owners {
        let uid = lab.ok(&format!("get cm {owner} -o jsonpath={{.metadata.uid}}")).await;
        references.push_str(&format!(
            "  - {{apiVersion: v1, kind: ConfigMap, name: {owner}, uid: {uid}, blockOwnerDeletion: true}}\n"
        ));
    }
    let yaml = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  ownerReferences:\n{references}");
    lab.apply(&yaml).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dependents_go_with_their_last_owner() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.ok("create configmap a").await;
    lab.ok("create configmap b").await;
    dependent(&lab, "both", &["a", "b"]).await;
    dependent(&lab, "child", &["a"]).await;
    dependent(&lab, "grandchild", &["child"]).await;
    lab.ok("delete cm a").await;
    until(&lab, "get cm -o name", "configmap/b\nconfigmap/both\n").await;
    until(&lab, "get cm both -o jsonpath={.metadata.ownerReferences[*].name}", "b").await;
    lab.ok("delete cm b").await;
    until(&lab, "get cm -o name", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_may_go_last_or_leave_its_dependents() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.ok("create configmap a").await;
    dependent(&lab, "held", &["a"]).await;
    lab.ok(r#"patch cm held --type merge -p '{"metadata":{"finalizers":["example.com/hold"]}}'"#).await;
    lab.ok("delete cm a --cascade=foreground --wait=false").await;
    assert_eq!(lab.ok("get cm a -o jsonpath={.metadata.finalizers}").await, "[\"foregroundDeletion\"]");
    until(&lab, "get cm held -o jsonpath={.metadata.deletionGracePeriodSeconds}", "0").await;
    assert_eq!(lab.ok("get cm -o name").await, "configmap/a\nconfigmap/held\n");
    let refused =
        lab.fails(r#"patch cm held --type merge -p '{"metadata":{"finalizers":["example.com/hold","a.b/c"]}}'"#);
    assert!(refused.await.contains("no new finalizers can be added if the object is being deleted"));
    lab.ok(r#"patch cm held --type merge -p '{"metadata":{"finalizers":null}}'"#).await;
    until(&lab, "get cm -o name", "").await;

    lab.ok("create configmap a").await;
    dependent(&lab, "left", &["a"]).await;
    lab.ok("delete cm a --cascade=orphan").await;
    until(&lab, "get cm -o name", "configmap/left\n").await;
    assert_eq!(lab.ok("get cm left -o jsonpath={.metadata.ownerReferences}").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_say_what_keeps_them() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let refused = lab.fails("delete namespace default").await;
    assert!(refused.contains("namespaces \"default\" is forbidden: this namespace may not be deleted"), "{refused}");
    lab.ok("create namespace foo").await;
    lab.apply(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, namespace: foo, finalizers: [example.com/hold]}\n",
    )
    .await;
    lab.ok("create -n foo deployment web --image=nginx").await;
    lab.ok("delete namespace foo --wait=false").await;
    assert_eq!(lab.ok("get deploy -n foo -o name").await, "");
    let message = r#"get ns foo -o 'jsonpath={.status.conditions[?(@.type=="NamespaceFinalizersRemaining")].message}'"#;
    let held = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances";
    assert_eq!(lab.ok(message).await, held);
    assert!(lab.ok("get ns foo").await.contains("Terminating"));
    lab.ok(r#"patch cm -n foo held --type merge -p '{"metadata":{"finalizers":null}}'"#).await;
    until(&lab, "get ns foo --ignore-not-found -o name", "").await;

    lab.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: bar, finalizers: [example.com/hold]}\n").await;
    lab.ok("create -n bar configmap c").await;
    lab.ok("delete ns bar --wait=false").await;
    assert_eq!(lab.ok("get cm -n bar -o name").await, "");
    lab.ok(r#"patch ns bar --type merge -p '{"metadata":{"finalizers":null}}'"#).await;
    until(&lab, "get ns bar --ignore-not-found -o name", "").await;
}
