//! Access logs: a line for every request and connection, in Envoy's format language.
//!
//! A log is opened ([`WorkerLogs::open`]) when a configuration arrives: its format is compiled, and from then on prints
//! a [`crate::record::Record`] without allocating. A worker collects lines in its own buffers and hands them whole to
//! the one [`Writer`] thread, after 64 KiB or 100 ms, so that a slow disk never holds up a request. The way between the two is bounded:
//! when the writer cannot keep up, a worker holds back up to 1 MiB for each target; lines beyond that are dropped,
//! counted and reported.

mod attributes;
mod certificate;
mod duration;
mod json;
mod line;
mod operator;
mod request;
mod target;
mod time;
mod upstream;
mod value;
mod worker;
mod writer;

pub use line::header_value;
pub use time::rfc3339_seconds;
pub use worker::{LogHandle, WorkerLogs};
pub use writer::{LogCounters, Writer};
