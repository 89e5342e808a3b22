//! `envoy.extensions.transport_sockets.tls.v3`: transport sockets. Certificates and authorities are named, and come by
//! SDS.

mod downstream;
mod parameters;
mod sds;
mod upstream;
mod validation;

pub(crate) use downstream::read as read_downstream;
pub use downstream::{REFUSED_CERTIFICATE, downstream};
pub use sds::sds_secret_config;
pub(crate) use upstream::read as read_upstream;
pub use upstream::upstream;

use crate::message::Message;
use crate::read::{Fields, ReadError};
use meridian_ir::Name;
use serde_json::{Value, json};

/// Name of the transport socket.
const NAME: &str = "envoy.transport_sockets.tls";

/// A transport socket with this context.
fn socket(context: Message) -> Value {
    Message::new().with("name", NAME).with("typedConfig", context).into()
}

/// Protocols for ALPN.
fn alpn(protocols: &[Name]) -> impl Iterator<Item = Value> {
    protocols.iter().map(|protocol| Value::from(&**protocol))
}

fn read_alpn(common: &Fields<'_>) -> Result<Vec<Name>, ReadError> {
    common.each("alpnProtocols", |protocol| protocol.name())
}

/// Notes a transport socket that is not called as Istio calls it.
fn known_name(socket: &Fields<'_>) {
    socket.known("name", &json!(NAME));
}
