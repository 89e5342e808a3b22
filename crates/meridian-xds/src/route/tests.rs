use super::*;
use meridian_ir::format::Format;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::route::{
    DirectResponse, Forward, HeaderMatch, PathRewrite, QueryMatch, Redirect, RedirectPath, RetryPolicy, WeightedCluster,
};
use meridian_ir::string_match::FullRegex;
use meridian_ir::{HeaderEdits, Origin, RouteMatch, StringMatch};
use std::time::Duration;

fn default_retries() -> RetryPolicy {
    RetryPolicy {
        attempts: 2,
        on_connect_failure: true,
        on_refused_stream: true,
        on_reset: false,
        on_reset_before_request: false,
        on_5xx: false,
        on_gateway_error: false,
        on_retriable_4xx: false,
        statuses: vec![],
        grpc_statuses: vec![14, 1],
        per_try_timeout: None,
        avoid_previous_hosts: true,
        avoid_previous_priorities: false,
        backoff_base: Duration::from_millis(25),
        backoff_max: Duration::from_millis(250),
    }
}

fn to(cluster: &str, weight: u32) -> WeightedCluster {
    WeightedCluster {
        cluster: cluster.into(),
        weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    }
}

fn forward() -> Forward {
    Forward {
        clusters: vec![to("outbound|80||a.default", 1)],
        timeout: None,
        retry: Some(default_retries().into()),
        path_rewrite: None,
        host_rewrite: None,
        ..Forward::default()
    }
}

fn with(path: PathMatch, action: Action) -> Route {
    Route {
        name: "".into(),
        matcher: RouteMatch { path, case_sensitive: true, headers: vec![], query: vec![] },
        action,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: Some(Origin { kind: "VirtualService", namespace: "default".into(), name: "a".into() }),
        fault: None,
        cors: None,
        ext_authz: None,
    }
}

fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(path.into())
}

/// The route that Istio generates for a VirtualService without a match.
#[test]
fn forwarding_is_what_istio_generates() {
    assert_eq!(
        route(&with(prefix("/"), Action::Forward(forward())), "a.example.com:80"),
        json!({
            "match": {"prefix": "/", "caseSensitive": true},
            "route": {
                "cluster": "outbound|80||a.default",
                "timeout": "0s",
                "retryPolicy": {
                    "retryOn": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
                    "numRetries": 2,
                    "retryHostPredicate": [{
                        "name": "envoy.retry_host_predicates.previous_hosts",
                        "typedConfig": {
                            "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                        }
                    }],
                    "hostSelectionRetryMaxAttempts": "5"
                },
                "maxGrpcTimeout": "0s"
            },
            "metadata": {"filterMetadata": {"istio": {
                "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/a"
            }}},
            "decorator": {"operation": "a.default:80/*"}
        })
    );
}

#[test]
fn matches() {
    let matcher = RouteMatch {
        path: PathMatch::Regex(FullRegex::new("/a.*").unwrap()),
        case_sensitive: false,
        headers: vec![
            HeaderMatch { name: "x-a".into(), value: None, invert: true },
            HeaderMatch { name: "x-b".into(), value: Some(StringMatch::Exact("b".into())), invert: true },
            HeaderMatch { name: ":method".into(), value: Some(StringMatch::Prefix("G".into())), invert: false },
        ],
        query: vec![QueryMatch {
            name: "q".into(),
            value: Some(StringMatch::Regex(FullRegex::new("[0-9]+").unwrap())),
        }],
    };
    assert_eq!(
        route_match(&matcher),
        json!({
            "safeRegex": {"regex": "/a.*"},
            "caseSensitive": false,
            "headers": [
                {"name": "x-a", "presentMatch": true, "invertMatch": true},
                {"name": "x-b", "stringMatch": {"exact": "b"}, "invertMatch": true, "treatMissingHeaderAsEmpty": true},
                {"name": ":method", "stringMatch": {"prefix": "G"}}
            ],
            "queryParameters": [{"name": "q", "stringMatch": {"safeRegex": {"regex": "[0-9]+"}}}]
        })
    );
}

#[test]
fn weights_rewrites_and_timeouts() {
    let mut edited = to("outbound|80|v2|a.default", 20);
    edited.request_headers.write.push(HeaderValue {
        name: "x-a".into(),
        value: Format::parse("%REQ(:PATH)%").unwrap(),
        action: AppendAction::Overwrite,
    });
    edited.host_rewrite = Some("b.example.com".into());
    let action = Forward {
        clusters: vec![to("outbound|80|v1|a.default", 80), edited],
        timeout: Some(Duration::from_millis(1_500)),
        retry: Some(Arc::new(RetryPolicy {
            on_connect_failure: false,
            on_refused_stream: false,
            on_reset: true,
            statuses: vec![503],
            grpc_statuses: vec![],
            avoid_previous_hosts: false,
            avoid_previous_priorities: false,
            per_try_timeout: Some(Duration::from_secs(1)),
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_secs(1),
            ..default_retries()
        })),
        path_rewrite: Some(Box::new(PathRewrite::Prefix("/b".into()))),
        ..Forward::default()
    };
    let shown = route(&with(prefix("/a"), Action::Forward(action)), "a.example.com:8080");
    assert_eq!(
        shown["route"],
        json!({
            "weightedClusters": {"clusters": [
                {"name": "outbound|80|v1|a.default", "weight": 80},
                {
                    "name": "outbound|80|v2|a.default",
                    "weight": 20,
                    "requestHeadersToAdd": [{
                        "header": {"key": "x-a", "value": "%REQ(:PATH)%"},
                        "appendAction": "OVERWRITE_IF_EXISTS_OR_ADD"
                    }],
                    "hostRewriteLiteral": "b.example.com"
                }
            ]},
            "prefixRewrite": "/b",
            "timeout": "1.500s",
            "retryPolicy": {
                "retryOn": "reset,retriable-status-codes",
                "numRetries": 2,
                "perTryTimeout": "1s",
                "retriableStatusCodes": [503],
                "retryBackOff": {"baseInterval": "0.100s"}
            },
            "maxGrpcTimeout": "1.500s"
        })
    );
    assert_eq!(shown["decorator"]["operation"], "a:8080/a*", "several hosts: the VirtualService's name");
}

#[test]
fn redirects_and_direct_responses() {
    let redirect = |status, path| Redirect {
        status,
        scheme: Some("https".into()),
        host: Some("b.example.com".into()),
        port: Some(8443),
        path,
    };
    let shown = |action| route(&with(prefix("/"), action), "a.example.com:80");
    assert_eq!(
        shown(Action::Redirect(redirect(301, Some(RedirectPath::Full("/x".into())))))["redirect"],
        json!({"schemeRedirect": "https", "hostRedirect": "b.example.com", "portRedirect": 8443, "pathRedirect": "/x"})
    );
    assert_eq!(
        shown(Action::Redirect(redirect(308, Some(RedirectPath::Prefix("/x".into())))))["redirect"]["responseCode"],
        "PERMANENT_REDIRECT"
    );
    let direct = |body: &[u8]| Action::Direct(DirectResponse { status: 418, body: body.to_vec() });
    assert_eq!(shown(direct(b"tea"))["directResponse"], json!({"status": 418, "body": {"inlineString": "tea"}}));
    assert_eq!(shown(direct(b""))["directResponse"], json!({"status": 418}));
    assert_eq!(shown(direct(b"\xff"))["directResponse"], json!({"status": 418, "body": {"inlineBytes": "/w=="}}));
}
