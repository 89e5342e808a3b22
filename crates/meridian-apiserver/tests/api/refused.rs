//! What kubectl prints when an object is refused: by the API server, by Istio's webhook, or only here.

use crate::support::{Lab, have_kubectl};

const SCHEMA: &str = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: web}\n\
                      spec: {ports: [{number: 80, name: http, protocol: HTTP}]}\n";
const WEBHOOK: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: web}\n\
                       spec: {servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com]}]}\n";
const FILTER: &str = "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: web}\n\
                      spec: {accessLogging: [{filter: {expression: 'response.cod >= 400'}}]}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_refuses_first_and_webhooks_then() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let schema = lab.kubectl_with("apply -f -", SCHEMA).await;
    let expected = "The ServiceEntry \"web\" is invalid: \n* spec.hosts: Required value\n* <nil>: Invalid value: null: some \
                    validation rules were not checked because the object was invalid; correct the existing errors to \
                    complete validation\n";
    assert_eq!((schema.code, schema.stderr.as_str()), (Some(1), expected));
    let webhook = lab.kubectl_with("apply -f -", WEBHOOK).await;
    let denied = "admission webhook \"validation.istio.io\" denied the request: configuration is invalid: ";
    let expected = format!(
        "Error from server: error when creating \"STDIN\": {denied}server must have TLS settings for HTTPS/TLS protocols\n"
    );
    assert_eq!((webhook.code, webhook.stderr), (Some(1), expected));
    // Several mistakes are a list.
    let several = lab.kubectl_with("create -f -", &WEBHOOK.replace("[a.example.com]", "[]")).await;
    let expected = format!(
        "Error from server: error when creating \"STDIN\": {denied}2 errors occurred:\n\t* server config must contain at \
         least one host\n\t* server must have TLS settings for HTTPS/TLS protocols\n\n"
    );
    assert_eq!((several.code, several.stderr), (Some(1), expected));
    assert_eq!(lab.ok("get gw,se -o name").await, "", "nothing was stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_refused_too_and_what_istio_accepts_in_our_name() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(&WEBHOOK.replace("443, name: https, protocol: HTTPS", "80, name: http, protocol: HTTP")).await;
    let patched = lab.kubectl("patch gw web --type merge -p {\"spec\":{\"servers\":[]}}").await;
    let expected = "Error from server: admission webhook \"validation.istio.io\" denied the request: configuration is \
                    invalid: gateway must have at least one server\n";
    assert_eq!((patched.code, patched.stderr.as_str()), (Some(1), expected));
    let ours = lab.kubectl_with("apply -f -", FILTER).await;
    let start = "Error from server: error when creating \"STDIN\": admission webhook \"validation.meridian.dev\" denied the \
                 request: not supported: spec.accessLogging[0].filter.expression: ";
    assert!(ours.stderr.starts_with(start), "{ours:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_istio_remarks_is_a_warning() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let peers =
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: all}\nspec: {selector: {}}\n";
    let applied = lab.kubectl_with("apply -f -", peers).await;
    let expected =
        ("Warning: workload selector specified without labels\n", "peerauthentication.security.istio.io/all created\n");
    assert_eq!((applied.stderr.as_str(), applied.stdout.as_str()), expected);
}
