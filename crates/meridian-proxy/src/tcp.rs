//! TCP.
mod pipe;
pub mod relay;
