//! What is wrong with a set of objects taken together: references that lead nowhere, hosts that two objects claim,
//! rules that no request reaches.
//!
//! Each analyzer is a function of all [`Objects`]. Names, codes and texts are those of `istioctl analyze`
//! (<https://istio.io/latest/docs/reference/config/analysis/>), so that its documentation applies.
#![forbid(unsafe_code)]

mod analyzer;
mod annotations;
mod destination_rule;
mod gateway;
mod hosts;
pub mod message;
mod objects;
mod report;
mod schema;
mod selector;
mod service;
mod service_entry;
mod virtual_service;

pub use analyzer::{ALL, Analyzer, analyze};
pub use message::{Level, Message, MessageType};
pub use objects::Objects;
