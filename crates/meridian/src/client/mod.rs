//! What the commands share that ask a running Meridian, and print.

pub(crate) mod http;
pub(crate) mod kubeconfig;
pub(crate) mod output;

pub(crate) use kubeconfig::connect;
