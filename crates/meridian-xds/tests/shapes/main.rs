//! Holds our JSON against Istio's and against the real Envoy.

mod gateway_api;
mod istio;
mod mesh;
mod policies;
mod real_envoy;
mod round_trip;
mod sample;
mod secrets;
mod wire;
