//! Who is let in, and to what: the real `kubectl`, `curl` and `openssl` against the TLS listener.

use std::process::Command;
use std::time::SystemTime;

use meridian_apiserver::Credentials;
use meridian_apiserver::pki::Pki;
use meridian_store::{GroupResource, Key};
use serde_json::{Value, json};

use crate::support::{Answer, Lab, have_kubectl, run};

/// What `curl` gets from a path: the code and the body.
async fn curl(lab: &Lab, path: &str, options: &[&str]) -> (u16, String) {
    lab.file("ca.crt", lab.pki.authority());
    let mut command = Command::new("curl");
    command.args(["-sS", "--cacert", "ca.crt", "-w", "\n%{http_code}"]).args(options);
    command.arg(format!("https://{}{path}", lab.secure)).current_dir(lab.home());
    let Answer { stdout, stderr, .. } = run(command, None).await;
    let (body, code) = stdout.rsplit_once('\n').unwrap_or_else(|| panic!("{stderr}"));
    let code = code.parse().unwrap_or_else(|_| panic!("{stdout} {stderr}"));
    assert_ne!(code, 0, "{stderr}");
    (code, body.to_owned())
}

fn message(body: &str) -> String {
    let status: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    status["message"].as_str().expect("a message").to_owned()
}

async fn as_user(lab: &Lab, kubeconfig: &str, line: &str) -> Answer {
    lab.kubectl(&format!("--kubeconfig {kubeconfig} {line}")).await
}

/// Puts a role or a binding into the store.
async fn put(lab: &Lab, plural: &'static str, namespace: &str, object: Value) {
    let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
    let key = Key::new(GroupResource::new("rbac.authorization.k8s.io", plural), namespace, &name);
    lab.api.store().create(key, object).await.expect("it is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_may_look_at_the_health_and_the_version_only() {
    let lab = Lab::new().await;
    for path in ["/healthz", "/livez", "/readyz", "/version"] {
        assert_eq!(curl(&lab, path, &[]).await.0, 200, "{path}");
    }
    let routes = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";
    let (code, body) = curl(&lab, routes, &[]).await;
    assert_eq!(code, 403);
    assert_eq!(
        serde_json::from_str::<Value>(&body).expect("JSON"),
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "virtualservices.networking.istio.io is forbidden: User \"system:anonymous\" cannot list resource \
                        \"virtualservices\" in API group \"networking.istio.io\" in the namespace \"default\"",
            "reason": "Forbidden",
            "details": {"group": "networking.istio.io", "kind": "virtualservices"},
            "code": 403,
        })
    );
    for (path, expected) in [
        ("/", "forbidden: User \"system:anonymous\" cannot get path \"/\""),
        ("/apis", "forbidden: User \"system:anonymous\" cannot get path \"/apis\""),
        (
            "/apis/no.such/v1/things/x",
            "things.no.such \"x\" is forbidden: User \"system:anonymous\" cannot get resource \"things\" in API group \
             \"no.such\" at the cluster scope",
        ),
    ] {
        let (code, body) = curl(&lab, path, &[]).await;
        assert_eq!((code, message(&body).as_str()), (403, expected));
    }
    let json = ["-H", "Content-Type: application/json", "-d", "{}"];
    for (method, path) in [("POST", routes), ("DELETE", "/api/v1/namespaces/default"), ("PUT", "/healthz")] {
        let (code, body) = curl(&lab, path, &[&["-X", method][..], &json].concat()).await;
        assert_eq!(code, 403, "{method} {path}: {body}");
    }
    // Other schemes of the header are nobody's credentials.
    assert_eq!(curl(&lab, routes, &["-u", "root:token-of-root"]).await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_do_not_count_are_refused() {
    let lab = Lab::new().await;
    let namespaces = "/api/v1/namespaces";
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    for token in ["wrong", "token-of-roo", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."] {
        for path in [namespaces, "/healthz"] {
            let (code, body) = curl(&lab, path, &["-H", &bearer(token)]).await;
            assert_eq!((code, message(&body).as_str()), (401, "Unauthorized"), "{token} {path}");
        }
    }
    assert_eq!(curl(&lab, namespaces, &["-H", &bearer("token-of-root")]).await.0, 200);
    let (code, body) = curl(&lab, namespaces, &["-H", &bearer("token-of-ann")]).await;
    assert!(code == 403 && message(&body).contains("User \"ann\" cannot list resource \"namespaces\""), "{body}");

    // The same names, by another authority; and one that has ended.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = Pki::open(elsewhere.path(), &[], SystemTime::now()).expect("certificates");
    let foreign = other.issue_client("meridian-admin", Some("system:masters"), SystemTime::now()).expect("one");
    let past = SystemTime::now() - 2 * meridian_apiserver::pki::LIFETIME;
    let ended = lab.pki.issue_client("meridian-admin", Some("system:masters"), past).expect("one");
    let good = lab.pki.issue_client("meridian-admin", Some("system:masters"), SystemTime::now()).expect("one");
    for (pair, expected) in [(foreign, 401), (ended, 401), (good, 200)] {
        lab.file("client.crt", &pair.certificate);
        lab.file("client.key", &pair.key);
        let (code, body) = curl(&lab, namespaces, &["--cert", "client.crt", "--key", "client.key"]).await;
        assert_eq!(code, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_speaks_tls_and_http_2() {
    let lab = Lab::new().await;
    let mut plain = Command::new("curl");
    plain.args(["-sS", "--http1.0", "-w", "%{http_code}", &format!("http://{}/api/v1/secrets", lab.secure)]);
    assert_eq!(run(plain, None).await.stdout, "Client sent an HTTP request to an HTTPS server.\n400");
    for (option, expected) in [("--http2", "HTTP/2 200"), ("--http1.1", "HTTP/1.1 200 OK")] {
        let (code, answer) = curl(&lab, "/healthz", &[option, "-i"]).await;
        assert!(code == 200 && answer.starts_with(expected) && answer.ends_with("ok"), "{answer}");
    }
    // Whose certificates count is told, and nothing older than TLS 1.2 is spoken.
    let mut session = Command::new("openssl");
    session.args(["s_client", "-connect", &lab.secure.to_string(), "-CAfile", "ca.crt"]).current_dir(lab.home());
    let told = run(session, Some(String::new())).await.stdout;
    assert!(told.replace(" = ", "=").contains("Acceptable client certificate CA names\nCN=meridian-api"), "{told}");
    assert!(told.contains("Verify return code: 0 (ok)"), "{told}");
    let mut old = Command::new("openssl");
    old.args(["s_client", "-tls1_1", "-connect", &lab.secure.to_string()]);
    assert!(!run(old, Some(String::new())).await.stdout.contains("BEGIN CERTIFICATE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_auth_tells_who_i_am_and_what_i_may() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let whoami = lab.ok("auth whoami -o 'jsonpath={.status.userInfo.username} {.status.userInfo.groups}'").await;
    assert_eq!(whoami, "meridian-admin [\"system:masters\",\"system:authenticated\"]");
    assert_eq!(lab.ok("auth can-i delete namespaces").await.trim(), "yes");
    assert_eq!(lab.ok("auth can-i '*' '*' -A").await.trim(), "yes");
    assert!(lab.ok("auth can-i --list").await.contains("*.*"), "everything");

    lab.user("dev", "dev", None);
    let no = as_user(&lab, "dev", "auth can-i list virtualservices").await;
    assert_eq!((no.stdout.trim(), no.code), ("no", Some(1)), "{no:?}");
    let refused = as_user(&lab, "dev", "get virtualservices").await;
    assert_eq!(
        refused.stderr,
        "Error from server (Forbidden): virtualservices.networking.istio.io is forbidden: User \"dev\" cannot list \
         resource \"virtualservices\" in API group \"networking.istio.io\" in the namespace \"default\"\n"
    );
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "dev-edits", "namespace": "default"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
    });
    put(&lab, "rolebindings", "default", binding).await;
    let yes = as_user(&lab, "dev", "auth can-i list virtualservices").await;
    assert_eq!(yes.stdout.trim(), "yes", "{yes:?}");
    let file = lab.file("example.yaml", crate::support::EXAMPLE);
    let applied = as_user(&lab, "dev", &format!("apply -f {}", file.display())).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let elsewhere = as_user(&lab, "dev", "get vs -n istio-system").await;
    assert!(elsewhere.stderr.contains("in the namespace \"istio-system\""), "{elsewhere:?}");
    let listed = as_user(&lab, "dev", "auth can-i --list").await;
    assert!(listed.stdout.contains("*.networking.istio.io"), "{listed:?}");

    // In somebody else's name.
    assert_eq!(lab.ok("auth whoami --as dev -o jsonpath={.status.userInfo.username}").await, "dev");
    assert!(lab.fails("get secrets -n kube-system --as dev").await.contains("User \"dev\" cannot list"));
    let not_allowed = as_user(&lab, "dev", "get vs --as root").await;
    assert!(not_allowed.stderr.contains("User \"dev\" cannot impersonate resource \"users\""), "{not_allowed:?}");
    let account = "system:serviceaccount:default:default";
    let may =
        as_user(&lab, "dev", &format!("auth whoami --as {account} -o jsonpath={{.status.userInfo.username}}")).await;
    assert_eq!(may.stdout, account, "{may:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_for_those_who_may_read_everything() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.ok("create secret generic hidden --from-literal=password=swordfish").await;
    let whole = lab.ok("get --raw /meridian/v1/export").await;
    assert!(whole.starts_with("# meridian store export, revision ") && whole.contains("c3dvcmRmaXNo"), "{whole}");
    assert!(
        whole.lines().next_back().is_some_and(|line| line.starts_with("# end of the export, objects: ")),
        "{whole}"
    );
    let plain = lab.ok("get --raw /meridian/v1/export?withoutSecrets=true&plain=true").await;
    assert!(
        !plain.contains("kind: Secret") && !plain.contains("creationTimestamp") && plain.contains("---"),
        "{plain}"
    );
    lab.user("dev", "dev", None);
    let refused = as_user(&lab, "dev", "get --raw /meridian/v1/export").await;
    let expected = "Error from server (Forbidden): forbidden: User \"dev\" cannot get path \"/meridian/v1/export\"\n";
    assert_eq!(refused.stderr, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_service_account_is_a_user() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.ok("create sa ci").await;
    let token = lab.ok("create token ci").await;
    lab.kubeconfig("ci", Credentials::Token(token.trim()));
    let whoami = as_user(&lab, "ci", "auth whoami -o jsonpath={.status.userInfo.username}").await;
    assert_eq!(whoami.stdout, "system:serviceaccount:default:ci", "{whoami:?}");
    let refused = as_user(&lab, "ci", "get secrets").await;
    assert!(refused.stderr.contains("User \"system:serviceaccount:default:ci\" cannot list"), "{refused:?}");
    // One for somebody else's audience is none of ours.
    let other = lab.ok("create token ci --audience istio-ca").await;
    lab.kubeconfig("other", Credentials::Token(other.trim()));
    let unknown = as_user(&lab, "other", "get secrets").await;
    assert_eq!(unknown.stderr, "error: You must be logged in to the server (Unauthorized)\n");
    lab.ok("delete sa ci").await;
    let gone = as_user(&lab, "ci", "get secrets").await;
    assert_eq!(gone.stderr, "error: You must be logged in to the server (Unauthorized)\n");
}
