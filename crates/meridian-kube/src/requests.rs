//! Counts what is asked of the API server, so that everybody can see that nothing is asked in vain.

use http::{Method, Response, Uri};
use kube::client::Body;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// A way in which the API server was asked, and how it answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`, as Kubernetes' own metrics name it.
    pub verb: &'static str,
    /// The resource, with its subresource: `httproutes`, `httproutes/status`.
    pub resource: String,
    /// The status code; 0 without an answer.
    pub code: u16,
}

/// How often which request was made since the start. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<Request, u64>>>);

impl Requests {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<(Request, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(request, count)| (request.clone(), *count)).collect()
    }

    fn count(&self, request: Request) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(request).or_default() += 1;
    }
}

/// The verb and the resource of a request.
fn read(method: &Method, uri: &Uri) -> (&'static str, String) {
    let mut parts = uri.path().split('/').filter(|part| !part.is_empty());
    // `api/v1` or `apis/GROUP/VERSION`.
    let prefix = if parts.next() == Some("apis") { 2 } else { 1 };
    let mut parts: Vec<&str> = parts.skip(prefix).collect();
    if parts.first() == Some(&"namespaces") && parts.len() > 2 {
        parts.drain(..2);
    }
    let resource = match parts[..] {
        [] => "discovery".to_owned(),
        [resource] | [resource, _] => resource.to_owned(),
        [resource, _, subresource, ..] => format!("{resource}/{subresource}"),
    };
    let watches = || uri.query().is_some_and(|query| query.split('&').any(|one| one == "watch=true"));
    let verb = match *method {
        Method::GET if watches() => "watch",
        Method::GET if parts.len() == 1 => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    };
    (verb, resource)
}

/// Counts the requests that pass.
#[derive(Debug, Clone)]
pub(crate) struct Counting(pub(crate) Requests);

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: self.0.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Debug, Clone)]
pub(crate) struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl<S, B> Service<http::Request<Body>> for Counted<S>
where
    S: Service<http::Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (verb, resource) = read(request.method(), request.uri());
        let requests = self.requests.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            requests.count(Request { verb, resource, code });
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_known_by_verb_and_resource() {
        let cases = [
            (Method::GET, "/api/v1/pods?limit=500", "list", "pods"),
            (Method::GET, "/api/v1/pods?watch=true&x=y", "watch", "pods"),
            (Method::GET, "/api/v1/namespaces/default", "get", "namespaces"),
            (Method::GET, "/api/v1/namespaces", "list", "namespaces"),
            (
                Method::PATCH,
                "/apis/gateway.networking.k8s.io/v1/namespaces/a/httproutes/b/status?",
                "patch",
                "httproutes/status",
            ),
            (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", "update", "leases"),
            (Method::GET, "/apis/gateway.networking.k8s.io/v1/gatewayclasses/a", "get", "gatewayclasses"),
            (Method::GET, "/apis/gateway.networking.k8s.io/v1", "get", "discovery"),
        ];
        for (method, uri, verb, resource) in cases {
            assert_eq!(read(&method, &uri.parse().unwrap()), (verb, resource.to_owned()), "{uri}");
        }
    }
}
