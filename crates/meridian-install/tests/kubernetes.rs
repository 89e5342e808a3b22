//! Installations on a real API server: what is there after an apply, after another one, and after an uninstall.
#![allow(clippy::unwrap_used)]

use meridian_install::{Change, Client, Error, Profile, Values, apply, manifests, uninstall};
use meridian_kubernetes::Kubernetes;
use serde_json::Value;

async fn client(kubernetes: &Kubernetes) -> Client {
    meridian_kube::connect(&[kubernetes.kubeconfig()], None).await.unwrap().client().clone()
}

fn objects(profile: Profile) -> Vec<Value> {
    manifests(&Values::new(profile, "istio-system", &[], &[]).unwrap())
}

async fn applied(client: &Client, objects: &[Value]) -> Vec<Change> {
    let mut changes = Vec::new();
    apply(client, "istio-system", objects, false, &mut |change| changes.push(change)).await.unwrap();
    changes
}

async fn uninstalled(client: &Client, purge: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    uninstall(client, "istio-system", purge, &mut |change| changes.push(change)).await.unwrap();
    changes
}

fn deleted(changes: &[Change]) -> Vec<&str> {
    let names = changes.iter().filter_map(|change| match change {
        Change::Deleted(object) => Some(object.as_str()),
        _ => None,
    });
    names.collect()
}

#[tokio::test]
async fn an_installation_comes_changes_and_goes() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let client = client(&kubernetes).await;

    // Without the kinds of Gateway API everything but the GatewayClass is there, and why is said.
    let changes = applied(&client, &objects(Profile::Default)).await;
    let left: Vec<_> = changes.iter().filter(|change| !matches!(change, Change::Created(_))).collect();
    assert!(matches!(left[..], [Change::Left { object, .. }] if object == "GatewayClass meridian"), "{left:?}");
    kubernetes.gateway_api(&[]);
    let changes = applied(&client, &objects(Profile::Default)).await;
    let class = Change::Created("GatewayClass meridian".into());
    assert!(changes.contains(&class), "{changes:?}");

    // The API server notes once more who owns the fields of an object that was applied while its kind was new.
    applied(&client, &objects(Profile::Default)).await;
    // The same again changes nothing, and what is printed is what the API server takes.
    let changes = applied(&client, &objects(Profile::Default)).await;
    assert!(changes.iter().all(|change| matches!(change, Change::Unchanged(_))), "{changes:?}");
    let documents: Vec<_> = objects(Profile::Default).iter().map(meridian_resources::yaml::emit).collect();
    kubernetes.kubectl(&["apply", "--dry-run=server", "-f", "-"], &documents.join("---\n"));

    // What another profile does not have goes, and nothing else.
    let changes = applied(&client, &objects(Profile::Minimal)).await;
    let gone = deleted(&changes);
    assert!(gone.contains(&"Deployment istio-system/istio-ingressgateway"), "{gone:?}");
    assert!(
        gone.iter().all(|object| object.contains("istio-ingressgateway") || object.contains("injector")),
        "{gone:?}"
    );

    assert!(!gone.iter().any(|object| object.starts_with("CustomResourceDefinition")), "{gone:?}");

    // What users have made stays when the installation goes, and so does the namespace.
    kubernetes.kubectl(&["create", "configmap", "mine", "-n", "istio-system"], "");
    uninstalled(&client, false).await;
    let kinds = "deployments,services,serviceaccounts,configmaps,roles,rolebindings,poddisruptionbudgets,clusterroles,\
                 clusterrolebindings,gatewayclasses";
    let ours = kubernetes.kubectl(&["get", kinds, "-A", "-l", meridian_install::OWNER, "-o", "name"], "");
    assert_eq!(ours, "");
    kubernetes.kubectl(&["get", "configmap", "mine", "-n", "istio-system"], "");
    let changes = uninstalled(&client, true).await;
    let (last, definitions) = deleted(&changes).split_last().map(|(last, rest)| (*last, rest.to_vec())).unwrap();
    assert_eq!(last, "Namespace istio-system");
    assert!(definitions.iter().all(|object| object.starts_with("CustomResourceDefinition ")), "{definitions:?}");
    assert!(definitions.contains(&"CustomResourceDefinition virtualservices.networking.istio.io"), "{definitions:?}");
    assert!(!definitions.iter().any(|object| object.contains("gateway.networking.k8s.io")), "{definitions:?}");
    assert_eq!(uninstalled(&client, true).await, []);
}

#[tokio::test]
async fn what_is_somebody_elses_is_neither_changed_nor_deleted() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let client = client(&kubernetes).await;
    kubernetes.kubectl(&["create", "namespace", "istio-system"], "");
    kubernetes.kubectl(&["create", "configmap", "istio", "-n", "istio-system", "--from-literal=mesh=mine"], "");

    let minimal = objects(Profile::Minimal);
    let refused = apply(&client, "istio-system", &minimal, false, &mut |change| panic!("{change}")).await;
    let Err(Error::Taken(names)) = refused else { panic!("{refused:?}") };
    assert_eq!(names, ["ConfigMap istio-system/istio"]);

    // Taken over it is ours, but a namespace that was there is not.
    let mut changes = Vec::new();
    apply(&client, "istio-system", &minimal, true, &mut |change| changes.push(change)).await.unwrap();
    assert!(changes.contains(&Change::Configured("ConfigMap istio-system/istio".into())), "{changes:?}");
    uninstalled(&client, true).await;
    assert_eq!(kubernetes.kubectl(&["get", "namespace", "istio-system", "-o", "name"], ""), "namespace/istio-system\n");
}
