//! The store behind the Kubernetes HTTP API, so that `kubectl` works without Kubernetes.
//!
//! [`Server`] answers what `kubectl` and `client-go` ask: discovery, OpenAPI, objects with patches, tables, selectors
//! and pages, and watches. [`Api`] is the same without HTTP, for programs that hold the store. Every kind comes from the
//! registry of `meridian-resources`: its schema is what is validated, published and explained.

#![forbid(unsafe_code)]

mod admission;
mod api;
mod authn;
mod authz;
pub mod backup;
mod body;
mod caller;
mod connection;
mod decode;
mod discovery;
mod duration;
mod error;
mod http;
mod in_process;
mod kinds;
mod kubeconfig;
mod managed;
mod media;
mod openapi;
mod patch;
pub mod pki;
mod protobuf;
mod query;
mod render;
mod resource;
mod reviews;
mod selector;
mod server;
mod shape;
mod stop;
mod table;
mod target;
mod time;
mod tls;
mod token;
mod values;
mod version;
mod watch;

pub use api::Api;
pub use authn::{TokenFile, TokenFileError};
pub use caller::Caller;
pub use error::{ApiError, Reason};
pub use in_process::{AnswerBody, InProcess};
pub use kubeconfig::{Credentials, kubeconfig};
pub use server::{Options, Security, Server};
pub use token::review::Tokens;
