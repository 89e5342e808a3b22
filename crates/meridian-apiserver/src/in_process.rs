//! The API for clients in the same process: requests and answers as over HTTP, but without a connection.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Request, Response};
use tower_service::Service;

use crate::api::Api;
use crate::body::Answer;
use crate::caller::Caller;
use crate::http;
use crate::server::Options;
use crate::stop::{self, Stop};
use crate::watch::WatchSettings;

/// Answers requests of this process, as [`Server`](crate::Server) answers those that come over connections. What it
/// does for a request is done by the task that asks; only watches have tasks of their own, on the runtime of whoever
/// asked for them.
///
/// Cheap to clone. Watches end when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct InProcess {
    api: Api,
    caller: Caller,
    settings: WatchSettings,
    _open: Arc<Stop>,
}

impl InProcess {
    pub(crate) fn new(api: Api, caller: Caller, options: &Options) -> InProcess {
        let (open, stopping) = stop::channel();
        let settings = WatchSettings { bookmark_interval: options.bookmark_interval, stopping };
        InProcess { api, caller, settings, _open: Arc::new(open) }
    }
}

/// The body of an answer.
pub struct AnswerBody(Answer);

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.get_mut().0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.0.size_hint()
    }
}

impl<B> Service<Request<B>> for InProcess
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Display,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let answer = http::answer(&this.api, &this.settings, this.caller.clone(), request).await;
            Ok(answer.map(AnswerBody))
        })
    }
}
