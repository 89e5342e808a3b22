//! Holds our JSON against Istio's and against the real Envoy.

mod istio;
mod real_envoy;
mod sample;
mod secrets;
