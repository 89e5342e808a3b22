//! The running proxy beyond HTTP/1.1: TCP, TLS, DNS, and its own endpoints.

mod admin;
mod config;
mod dns;
mod dns_proxy;
mod dynamic_forward;
mod tcp;
mod tls;
mod udp;
