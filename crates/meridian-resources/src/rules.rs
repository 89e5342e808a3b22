//! Rules that many kinds share: names, labels, hosts, ports.

pub(crate) mod metadata;
