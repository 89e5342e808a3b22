//! `meridian control-plane` beside a real API server: what it reads, what it writes, and what it survives.
#![allow(clippy::unwrap_used)]

mod lab;
mod leaders;
mod life;
