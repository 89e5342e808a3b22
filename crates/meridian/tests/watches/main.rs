//! Watches that hold: the watchers of the `kube` crate and client-go's reflector follow thousands of changes, through a
//! `kill -9` and a restart of the server.
#![allow(clippy::unwrap_used)]

mod holds;
mod observers;
mod server;
mod story;
mod writers;
