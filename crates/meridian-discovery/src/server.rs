//! The control plane's end.

mod delta;
mod event;
mod outcome;
mod service;
mod state;

pub use delta::DeltaSession;
pub use event::{Arrival, Event, Refusal, Subscription};
pub use outcome::{Outcome, Progress, Rejected};
pub use service::Service;
pub use state::StateSession;
