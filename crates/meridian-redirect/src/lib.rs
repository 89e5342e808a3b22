//! The kernel rules that lead a workload's TCP traffic to its sidecar: settings -> rules -> text for `nft` or `iptables-restore`.
//!
//! The decisions are those of Istio's `istio-iptables`: the same chains, the same order, the same options and pod
//! annotations. Nothing here touches the machine; whoever calls runs the program with the text.

#![forbid(unsafe_code)]

pub mod annotations;
pub mod iptables;
pub mod nftables;
pub mod rules;
pub mod settings;
pub mod values;

mod build;

pub use build::build;
pub use settings::Settings;
