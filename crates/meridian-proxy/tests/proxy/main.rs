//! The proxy as a whole, over real sockets.

mod allocations;
mod balancing;
mod failures;
mod filters;
mod forwarding;
mod http1_corpus;
mod http2;
mod support;
mod swaps;
