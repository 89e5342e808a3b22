//! Sans-IO HTTP/1.1: heads, framing, bodies, canonical paths, hop-by-hop rules.
//!
//! The crate turns bytes into decisions and heads into bytes; it reads and writes no socket and knows no time.
//!
//! - [`RequestHead`] and [`ResponseHead`] parse a head in place, however its bytes arrive, with all of RFC 9110 and
//!   RFC 9112 that guards against two readers finding two different messages in the same bytes. Facts about framing
//!   and connection are gathered in the same pass, and fields that are not sent on are marked.
//! - [`body::BodyDecoder`] finds the data and the end of a body; [`body`] has the encoding of chunks, too.
//! - [`path::canonicalize`] gives the one form of a path that is matched, judged by policies and sent on.
//! - [`write`] serialises heads; unchanged lines are copied in one piece.
//!
//! Names of fields, limits, answers and details are those of Envoy as Istio configures its gateways.
#![forbid(unsafe_code)]

pub mod body;
mod bytes;
mod error;
mod field;
mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod known;
mod line;
mod message;
mod method;
pub mod path;
mod reason;
mod request;
mod response;
mod span;
mod target;
pub mod write;

pub use error::{BodyError, HeadError};
pub use field::{Field, Fields};
pub use framing::{Framing, ResponseTo, Version};
pub use known::{FieldName, KnownHeader};
pub use line::{HeadLimits, Progress};
pub use method::Method;
pub use reason::reason_phrase;
pub use request::{RequestHead, RequestOptions};
pub use response::{ResponseHead, ResponseKind};
pub use span::Span;
pub use target::{Scheme, TargetForm};
