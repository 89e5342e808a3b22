//! Kubernetes' own kinds that are only stored, with the real `kubectl`.

use serde_json::{Value, json};

use crate::support::{Lab, have_kubectl};

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin}
spec:
  selector: {matchLabels: {app: httpbin, version: v1}}
  template:
    metadata: {labels: {app: httpbin, version: v1}}
    spec:
      serviceAccountName: httpbin
      containers:
      - image: docker.io/mccutchen/go-httpbin:v2.15.0
        name: httpbin
        ports: [{containerPort: 8080}]
"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_stored_and_its_user_warned() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let created = lab.kubectl_with("apply -f -", DEPLOYMENT).await;
    assert_eq!(created.stdout, "deployment.apps/httpbin created\n", "{created:?}");
    assert!(created.stderr.starts_with("Warning: Deployment is stored, but nothing runs its pods here"), "{created:?}");
    let again = lab.kubectl_with("apply -f -", DEPLOYMENT).await;
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("deployment.apps/httpbin unchanged\n", ""));
    let table = lab.ok("get deploy").await;
    let (head, row) = table.split_once('\n').expect("two lines");
    assert_eq!(head, "NAME      READY   UP-TO-DATE   AVAILABLE   AGE");
    assert!(row.starts_with("httpbin   0/1     0            0           "), "{row}");
    let wide = lab.ok("get deploy -o wide").await;
    assert!(wide.contains("mccutchen/go-httpbin:v2.15.0   app=httpbin,version=v1"), "{wide}");
    let spec = json(&lab.ok("get deploy httpbin -o jsonpath={.spec}").await);
    assert_eq!(spec["strategy"]["type"], "RollingUpdate");
    assert_eq!((&spec["replicas"], &spec["revisionHistoryLimit"]), (&json!(1), &json!(10)));
    let pod = &spec["template"]["spec"];
    assert_eq!((&pod["restartPolicy"], &pod["terminationGracePeriodSeconds"]), (&json!("Always"), &json!(30)));
    assert_eq!(pod["containers"][0]["imagePullPolicy"], "IfNotPresent");
    let described = lab.ok("describe deploy httpbin").await;
    assert!(described.contains("Progressing   False   ProgressDeadlineExceeded"), "{described}");
    let mismatched = DEPLOYMENT.replace("metadata: {labels: {app", "metadata: {labels: {ap");
    let refused = lab.kubectl_with("apply -f -", &mismatched).await;
    assert!(refused.stderr.contains("`selector` does not match template `labels`"));
    let strict = lab
        .kubectl_with("apply -f -", &DEPLOYMENT.replace("name: httpbin\n        ports", "name: httpbin\n        port"))
        .await;
    assert!(strict.stderr.contains("unknown field \"spec.template.spec.containers[0].port\""), "{strict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_scales_restarts_and_edits_a_deployment() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(DEPLOYMENT).await;
    assert_eq!(lab.ok("scale deployment httpbin --replicas=3").await, "deployment.apps/httpbin scaled\n");
    assert_eq!(lab.ok("get deploy httpbin -o jsonpath={.spec.replicas},{.metadata.generation}").await, "3,2");
    let wrong = lab.fails("scale deployment httpbin --current-replicas=1 --replicas=2").await;
    assert!(wrong.contains("Expected replicas to be 1, was 3"), "{wrong}");
    let scale = json(&lab.ok("get --raw /apis/apps/v1/namespaces/default/deployments/httpbin/scale").await);
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(3)));
    assert_eq!(scale["status"]["selector"], "app=httpbin,version=v1");
    let patched = lab.ok(r#"patch deploy httpbin --subresource scale --type merge -p '{"spec":{"replicas":2}}'"#).await;
    assert!(patched.contains("patched"), "{patched}");
    assert_eq!(lab.ok("rollout restart deployment httpbin").await, "deployment.apps/httpbin restarted\n");
    let status = lab.fails("rollout status deployment httpbin --timeout=20s").await;
    assert_eq!(status, "error: deployment \"httpbin\" exceeded its progress deadline\n");
    assert!(lab.ok("rollout history deployment httpbin").await.starts_with("deployment.apps/httpbin"));
    lab.ok("set image deployment/httpbin httpbin=httpbin:2").await;
    lab.ok("set env deployment/httpbin A=b").await;
    // The containers were merged by name, not replaced.
    let container = json(&lab.ok("get deploy httpbin -o jsonpath={.spec.template.spec.containers[0]}").await);
    assert_eq!((&container["image"], &container["env"][0]["value"]), (&json!("httpbin:2"), &json!("b")));
    assert_eq!(container["ports"][0]["containerPort"], 8080);
    assert_eq!(lab.ok("expose deployment httpbin --port=8000 --target-port=8080").await, "service/httpbin exposed\n");
    assert_eq!(lab.ok("get svc httpbin -o jsonpath={.spec.selector.app}").await, "httpbin");
    let scaled = lab.kubectl("autoscale deployment httpbin --min=1 --max=4 --cpu-percent=80").await;
    assert_eq!(scaled.stdout, "horizontalpodautoscaler.autoscaling/httpbin autoscaled\n", "{scaled:?}");
    let table = lab.ok("get hpa").await;
    assert!(table.contains("Deployment/httpbin   cpu: <unknown>/80%   1         4         0"), "{table}");
    let old = json(&lab.ok("get horizontalpodautoscalers.v1.autoscaling httpbin -o json").await);
    assert_eq!(old["spec"]["targetCPUUtilizationPercentage"], 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_generator_of_kubectl_creates() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let created = [
        ("create deployment web --image=nginx --replicas=2 --port=80", "deployment.apps/web"),
        ("create job once --image=busybox -- date", "job.batch/once"),
        ("create cronjob often --image=busybox '--schedule=*/5 * * * *' -- date", "cronjob.batch/often"),
        ("create role reader --verb=get,list --resource=pods", "role.rbac.authorization.k8s.io/reader"),
        ("create clusterrole all --verb=* --resource=*", "clusterrole.rbac.authorization.k8s.io/all"),
        ("create rolebinding r --role=reader --user=ada", "rolebinding.rbac.authorization.k8s.io/r"),
        ("create clusterrolebinding c --clusterrole=all --group=g", "clusterrolebinding.rbac.authorization.k8s.io/c"),
        ("create quota q --hard=pods=2,cpu=1", "resourcequota/q"),
        ("create pdb b --selector=app=web --min-available=1", "poddisruptionbudget.policy/b"),
        ("create priorityclass high --value=1000", "priorityclass.scheduling.k8s.io/high"),
        ("create serviceaccount sa", "serviceaccount/sa"),
        ("create ingress i --rule=example.com/*=web:80", "ingress.networking.k8s.io/i"),
        ("create service nodeport n --tcp=80:80", "service/n"),
        ("run p --image=nginx --port=80", "pod/p"),
    ];
    for (line, name) in created {
        assert_eq!(lab.ok(line).await, format!("{name} created\n"), "{line}");
    }
    let rows = [
        ("get job once", "once   Running   0/1"),
        ("get cronjob often", "often   */5 * * * *   <none>     False     0        <none>"),
        ("get pdb b", "b      1               N/A               0"),
        ("get quota q", "q      cpu: 0/1, pods: 0/2"),
        ("get pc high", "high   1000    false"),
        ("get rolebinding r -o wide", "r      Role/reader   "),
        ("get pod p", "p      0/1     Pending   0"),
    ];
    for (line, row) in rows {
        let table = lab.ok(line).await;
        assert!(table.contains(row), "{line}: {table}");
    }
    assert!(lab.ok("get role reader").await.starts_with("NAME     CREATED AT\nreader   20"));
    assert_eq!(lab.ok("get role reader -o jsonpath={.metadata.generation}").await, "");
    assert!(lab.ok("get all").await.contains("deployment.apps/web"));
    assert_eq!(
        lab.ok("get pod p -o jsonpath={.spec.dnsPolicy},{.spec.containers[0].resources}").await,
        "ClusterFirst,{}"
    );
    let changed = lab.fails(r#"patch rolebinding r --type merge -p '{"roleRef":{"name":"other"}}'"#).await;
    assert!(changed.contains("cannot change roleRef"), "{changed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_tells_what_kubernetes_tells() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let explained = lab.ok("explain deployment.spec.template.spec.containers.imagePullPolicy").await;
    assert!(explained.starts_with("GROUP:      apps\nKIND:       Deployment\nVERSION:    v1\n"), "{explained}");
    assert!(explained.contains("FIELD: imagePullPolicy <string>"), "{explained}");
    assert!(explained.contains("Image pull policy. One of Always, Never, IfNotPresent."), "{explained}");
    let pod = lab.ok("explain pod.spec").await;
    assert!(pod.contains("  containers\t<[]Container> -required-\n"), "{pod}");
    assert!(lab.ok("explain cronjob --recursive").await.contains("    jobTemplate\t<JobTemplateSpec> -required-"));
    assert!(lab.ok("explain secret.stringData").await.contains("FIELD: stringData <map[string]string>"));
    let older = lab.ok("explain deployment.spec --output=plaintext-openapiv2").await;
    assert!(older.contains("replicas\t<integer>"), "{older}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_one_in_both_groups_and_are_selected() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let event = r#"
apiVersion: v1
kind: Event
metadata: {name: e1}
involvedObject: {kind: Pod, name: p, namespace: default, apiVersion: v1}
reason: Started
message: it has started
type: Normal
source: {component: test}
count: 3
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
"#;
    lab.apply(event).await;
    let table = lab.ok("get events").await;
    assert!(table.starts_with("LAST SEEN   TYPE     REASON    OBJECT   MESSAGE\n"), "{table}");
    assert!(table.contains("Normal   Started   pod/p    it has started"), "{table}");
    assert_eq!(lab.ok("get events --field-selector involvedObject.name=p -o name").await, "event/e1\n");
    assert_eq!(lab.ok("get events --field-selector involvedObject.name=q -o name").await, "");
    assert!(lab.ok("events").await.contains("it has started"));
    let newer = json(&lab.ok("get events.v1.events.k8s.io e1 -o json").await);
    assert_eq!((&newer["note"], &newer["regarding"]["name"]), (&json!("it has started"), &json!("p")));
    assert!(newer.get("message").is_none(), "{newer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_running_program_is_refused_with_a_reason() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.ok("run p --image=nginx").await;
    let cases = [
        ("logs p", "so there is no log; a program's log is where it was started"),
        ("exec p -- date", "so there is nothing to execute commands in"),
        ("attach p", "pods \"p\""),
        ("port-forward p 8080:80", "unable to forward port because pod is not running"),
        ("get --raw /api/v1/namespaces/default/pods/p/proxy/x", "reach the program at its own address"),
    ];
    for (line, reason) in cases {
        let refused = lab.kubectl(line).await;
        assert_eq!(refused.code, Some(1), "{line}: {refused:?}");
        assert!(refused.stderr.contains(reason), "{line}: {refused:?}");
    }
    assert!(lab.fails("logs nope").await.contains("pods \"nope\" not found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_are_stored_and_established() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let definition = |group: &str| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: virtualservices.{group}}}\n\
             spec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: virtualservices, kind: VirtualService}}\n\
             \x20 versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]\n"
        )
    };
    let known = lab.kubectl_with("apply -f -", &definition("networking.istio.io")).await;
    assert!(known.stderr.contains("VirtualService is served here without it"), "{known:?}");
    let waited = lab.ok("wait --for=condition=established crd/virtualservices.networking.istio.io --timeout=10s").await;
    assert!(waited.contains("condition met"), "{waited}");
    assert!(lab.ok("get crd").await.starts_with("NAME                                  CREATED AT\n"));
    let other = lab.kubectl_with("apply -f -", &definition("example.com")).await;
    assert!(other.stderr.contains("objects of the kind VirtualService are not served here"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway_means_istios_and_the_other_is_named() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let class = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: istio}\n\
                 spec: {controllerName: istio.io/gateway-controller}\n";
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: eg}\n\
                   spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    lab.apply(&format!("{class}---\n{gateway}")).await;
    let listed = lab.kubectl("get gateway --all-namespaces").await;
    assert_eq!(
        listed.stderr,
        "Warning: no Gateway of Istio here, but 1 of Gateway API: kubectl get gtw\nNo resources found\n"
    );
    let missing = lab.fails("get gateway eg").await;
    assert!(
        missing
            .contains("gateways.networking.istio.io \"eg\" not found; a Gateway of Gateway API has this name: gtw/eg")
    );
    assert_eq!(lab.ok("get gtw -o name").await, "gateway.gateway.networking.k8s.io/eg\n");
    lab.apply(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw}\n\
         spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n",
    )
    .await;
    let both = lab.kubectl("get gateway -o name").await;
    assert_eq!((both.stdout.as_str(), both.stderr.as_str()), ("gateway.networking.istio.io/gw\n", ""));
    assert!(lab.fails("get gtw gw").await.contains("a Gateway of Istio has this name: gw/gw"));
    assert_eq!(lab.ok("delete gateway gw").await, "gateway.networking.istio.io \"gw\" deleted\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_asks_who_and_what_it_may() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    assert_eq!(lab.ok("auth can-i delete deployments.apps").await, "yes\n");
    assert!(lab.ok("auth can-i --list").await.contains("*.*"));
    assert!(lab.ok("auth whoami").await.contains("Username"));
    let resources = lab.ok("api-resources -o name").await;
    for name in [
        "deployments.apps",
        "jobs.batch",
        "localsubjectaccessreviews.authorization.k8s.io",
        "leases.coordination.k8s.io",
    ] {
        assert!(resources.lines().any(|line| line == name), "{name}: {resources}");
    }
    let versions = lab.ok("api-versions").await;
    assert!(versions.contains("apps/v1\n") && versions.contains("autoscaling/v1\nautoscaling/v2\n"), "{versions}");
}
