//! Captured traffic for real: network namespaces of the test's own, the kernel's rules, and who then connects where.
#![allow(clippy::unwrap_used)]

mod exec;
mod redirect;
mod support;
