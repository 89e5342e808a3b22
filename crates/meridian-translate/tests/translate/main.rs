//! Translation as a user sees it: objects in, routes, clusters and conditions out.

mod delegation;
mod destinations;
mod dynamic_forward;
mod gateways;
mod http_policies;
mod incremental;
mod ingresses;
mod lab;
mod localities;
mod mutual_tls;
mod names;
mod routing_decisions;
mod secrets;
mod shared;
mod sidecar_changes;
mod sidecar_conflicts;
mod sidecar_ingress;
mod sidecars;
mod simulation;
mod simulation_checks;
mod simulation_inbound;
mod simulation_outbound;
mod statuses;
mod telemetry;
mod traffic_policies;
mod virtual_services;
