//! The proxy as a whole, over real sockets.

mod access;
mod allocations;
mod balancing;
mod captured;
mod edge_headers;
mod ext_authz;
mod failures;
mod filters;
mod forwarding;
mod http1_corpus;
mod http2;
mod mirrors;
mod proxy_protocol;
mod sessions;
mod support;
mod swaps;
