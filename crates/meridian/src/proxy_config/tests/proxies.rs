//! Finding proxies through the API, with an API and a proxy on loopback.

use super::{Cli, DUMP};
use crate::client::{self, kubeconfig};
use crate::proxy_config::args::{Command, SectionArgs};
use crate::proxy_config::cluster::ClusterView;
use crate::proxy_config::show;
use clap::Parser;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Serves one body for every path that begins with `path`, and 404 for the others; the address.
async fn serve(path: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a request"));
            }
            let found = head.starts_with(format!("GET {path}").as_bytes());
            let (status, body) = if found { ("200 OK", body.as_str()) } else { ("404 Not Found", "no") };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.expect("an answer is sent");
        }
    });
    address
}

fn kubeconfig_of(api: &str) -> String {
    meridian_apiserver::kubeconfig(&format!("http://{api}"), None, meridian_apiserver::Credentials::None)
}

fn pod(name: &str, namespace: &str, annotations: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace, "annotations": annotations}})
}

/// What `pc` with these arguments shows of clusters, or the whole error.
async fn clusters(line: &[&str]) -> Result<String, String> {
    let line = [&["pc", "cluster", "--fqdn", "www"], line].concat();
    let Command::Cluster(args) = Cli::try_parse_from(line).map_err(|error| error.to_string())?.args.command else {
        panic!("the command is cluster");
    };
    let args: SectionArgs<ClusterView> = args;
    show(&args).await.map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn a_proxy_is_found_by_the_annotation_of_its_pod() {
    let admin = serve("/config_dump?include_eds", DUMP.to_owned()).await;
    let address = json!({"meridian.dev/admin-address": admin});
    let pods = json!({"items": [
        pod("ingressgateway", "istio-system", address.clone()),
        pod("other", "default", address),
        pod("plain", "default", json!({})),
    ]});
    let api = serve("/api/v1/pods ", pods.to_string()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig_of(&api)).expect("a file is written");
    let file = file.to_str().expect("a path");
    let data = folder.path().to_str().expect("a path");

    for line in [
        &["ingressgateway", "--kubeconfig", file][..],
        &["pod/ingressgateway.istio-system", "--kubeconfig", file],
        &["other", "-n", "default", "--data", data],
        &["--admin", &admin],
    ] {
        let shown = clusters(line).await.expect("clusters");
        assert!(shown.contains("www.example.com     443"), "{line:?}: {shown}");
    }
    for (line, expected) in [
        (
            "missing",
            "no proxy missing in namespace istio-system; known proxies are ingressgateway.istio-system, other.default",
        ),
        ("plain.default", "Pod plain in namespace default has no annotation meridian.dev/admin-address"),
        ("deployment/istio-ingressgateway", "allowed: the name of a Pod"),
        (".default", "allowed: NAME or NAME.NAMESPACE"),
    ] {
        let error = clusters(&[line, "--kubeconfig", file]).await.expect_err(line);
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_reached_says_what_to_do() {
    // A port that was free a moment ago, and where nothing listens.
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig_of(&free)).expect("a file is written");
    let error = clusters(&["x", "--kubeconfig", file.to_str().expect("a path")]).await.expect_err("no API");
    assert!(error.contains(&free) && error.contains("is `meridian up` running?"), "{error}");
    let error = clusters(&["--admin", &free]).await.expect_err("no proxy");
    assert!(error.contains(&free) && error.contains("is the proxy running there?"), "{error}");
    let error = clusters(&["--admin", "127.0.0.1"]).await.expect_err("no port");
    assert!(error.contains("allowed: ADDR:PORT"), "{error}");
    let api = serve("/api/v1/pods", "{}".to_owned()).await;
    let error = clusters(&["--admin", &api]).await.expect_err("not an admin endpoint");
    assert!(error.contains("404 Not Found; is that the admin endpoint of a proxy?"), "{error}");
}

#[test]
fn kubeconfigs_are_looked_for_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, "").expect("a file is written");
    let find =
        |option: Option<&Path>, variable: Option<&OsStr>| kubeconfig::find(option, variable, Some(folder.path()), None);
    assert_eq!(find(Some(Path::new("/named")), Some(path.as_os_str())).expect("the option"), [Path::new("/named")]);
    let several = std::env::join_paths([Path::new("/missing"), &path]).expect("paths");
    assert_eq!(find(None, Some(&several)).expect("those that exist"), [path.as_path()]);
    assert_eq!(find(None, Some(OsStr::new(""))).expect("the data folder"), [path.as_path()]);
    let of_kubectl = kubeconfig::find(None, None, Some(Path::new("/missing")), Some(&path)).expect("that of kubectl");
    assert_eq!(of_kubectl, [path.as_path()]);
    let error = find(None, Some(OsStr::new("/missing"))).expect_err("no file").to_string();
    assert!(error.contains("KUBECONFIG is /missing, which is no file"), "{error}");
    let error = kubeconfig::find(None, None, Some(Path::new("/missing")), None).expect_err("no file").to_string();
    assert!(error.contains("at /missing/kubeconfig") && error.contains("--admin ADDR:PORT"), "{error}");
}

#[tokio::test]
async fn kubeconfigs_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let connect = async |text: &str, context: Option<&str>| {
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, text).expect("a file is written");
        client::connect(Some(&file), context, None).await.map_err(|error| format!("{error:#}"))
    };
    let own = kubeconfig_of("127.0.0.1:16443");
    let connection = connect(&own, None).await.expect("our own");
    assert_eq!((connection.server(), connection.namespace()), ("http://127.0.0.1:16443", "default"));
    let behind_a_path = connect(&own.replace(":16443", "/clusters/1/"), Some("meridian")).await.expect("a path");
    assert_eq!(behind_a_path.server(), "http://127.0.0.1/clusters/1");
    for (text, context, expected) in [
        (own.clone(), Some("other"), "other"),
        (own.replace("current-context: meridian", "current-context: gone"), None, "gone"),
        (own.replace("cluster: meridian", "cluster: missing"), None, "missing"),
        ("a: [".to_owned(), None, "kubeconfig"),
    ] {
        let error = connect(&text, context).await.expect_err(expected);
        assert!(error.contains(expected), "{error}");
    }
}
