//! The API as its clients see it: the real `kubectl`, and requests that it does not make.

mod applied;
mod deleting;
mod gateway_api;
mod http;
mod ingress;
mod kinds;
mod kubectl;
mod refused;
mod security;
mod support;
mod tokens;
mod updates;
mod watch;
