//! The real program, run as a user runs it: kubectl and curl's view of `meridian up`.
#![allow(clippy::unwrap_used)]

mod authorization;
mod bad_input;
mod certificates;
mod churn;
mod clock;
mod commands;
mod crash;
mod first_light;
mod front_of_a_mesh;
mod managed;
mod mesh_identity;
mod policies;
mod processes;
mod routing_decisions;
mod security;
mod status;
mod store;
mod support;
mod surroundings;
