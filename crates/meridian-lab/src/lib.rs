//! The scenario runner and its lab: a small internet of network namespaces around a running Meridian, on one machine.
//!
//! A scenario is a folder with `lab.yaml` (the hosts), `config.yaml` (what the user applies) and `check.sh` (what the user
//! then does). [`definition`] reads the first, [`plan`] decides what the lab consists of, [`lab`] builds it out of
//! namespaces, nginx, dnsmasq and `meridian up`, and [`scenario`] runs the check in it.

pub mod definition;
pub mod error;
pub mod interrupt;
pub mod lab;
pub mod plan;
pub mod prerequisites;
pub mod scenario;

mod certificates;
mod program;
mod stale;
mod tool;
mod yaml;
