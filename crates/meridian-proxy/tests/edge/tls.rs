//! TLS through a running proxy, with curl, openssl and nginx at the other end.

mod client_cert;
mod double;
mod downstream;
mod files;
mod lab;
mod many;
mod mesh;
mod mesh_envoy;
mod pki;
mod sessions;
mod upstream;
