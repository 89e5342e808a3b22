//! A pod's annotations as settings: `traffic.sidecar.istio.io/*`, as Istio's injection reads them.

use crate::settings::{SIDECAR_PORTS, Settings};
use crate::values::{PortRange, ValueError, list, ranges};

const PREFIX: &str = "traffic.sidecar.istio.io/";

/// An annotation that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// Its value is wrong.
    #[error("annotation {name}: {error}")]
    Value {
        /// The annotation.
        name: String,
        /// What is wrong with its value.
        error: ValueError,
    },
    /// It looks like one of ours, but is none.
    #[error(
        "annotation {name} does not exist; traffic.sidecar.istio.io/ has includeInboundPorts, excludeInboundPorts, \
         includeOutboundIPRanges, excludeOutboundIPRanges, includeOutboundPorts, excludeOutboundPorts, excludeInterfaces \
         and kubevirtInterfaces"
    )]
    Unknown {
        /// The annotation.
        name: String,
    },
    /// It asks for a way of capturing that there is not.
    #[error(
        "annotation {name}: {found:?} is not supported; connections are captured by REDIRECT, and a workload whose \
         traffic is not to be captured (NONE) needs no rules"
    )]
    Mode {
        /// The annotation.
        name: String,
        /// Its value.
        found: String,
    },
}

/// Reads the annotations of a pod into `settings`; those of others are not ours to judge.
///
/// `excludeInboundPorts` adds to the sidecar's own ports, as with Istio; everything else replaces what was there.
///
/// # Errors
/// The first that is wrong.
pub fn read<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    settings: &mut Settings,
) -> Result<(), AnnotationError> {
    annotations.into_iter().try_for_each(|(name, value)| {
        let wrong = |error| AnnotationError::Value { name: name.to_owned(), error };
        match name.strip_prefix(PREFIX) {
            Some(short) => match traffic(short, value, settings) {
                Some(result) => result.map_err(wrong),
                None => Err(AnnotationError::Unknown { name: name.to_owned() }),
            },
            None => other(name, value, settings),
        }
    })
}

/// One annotation of the prefix; nothing when there is none with this name.
fn traffic(short: &str, value: &str, settings: &mut Settings) -> Option<Result<(), ValueError>> {
    Some(match short {
        "includeInboundPorts" => value.parse().map(|ports| settings.inbound_ports = ports),
        "excludeInboundPorts" => list(value).map(|ports: Vec<PortRange>| {
            settings.exclude_inbound_ports = SIDECAR_PORTS.map(PortRange::from).into_iter().chain(ports).collect();
        }),
        "includeOutboundIPRanges" => value.parse().map(|ranges| settings.outbound_ranges = ranges),
        "excludeOutboundIPRanges" => ranges(value).map(|ranges| settings.exclude_outbound_ranges = ranges),
        "includeOutboundPorts" => list(value).map(|ports| settings.outbound_ports = ports),
        "excludeOutboundPorts" => list(value).map(|ports| settings.exclude_outbound_ports = ports),
        "excludeInterfaces" => list(value).map(|names| settings.exclude_interfaces = names),
        "kubevirtInterfaces" => list(value).map(|names| settings.virtual_interfaces = names),
        _ => return None,
    })
}

/// The annotations outside the prefix that change what is captured.
fn other(name: &str, value: &str, settings: &mut Settings) -> Result<(), AnnotationError> {
    let wrong = |error| AnnotationError::Value { name: name.to_owned(), error };
    match name {
        "istio.io/reroute-virtual-interfaces" => {
            settings.virtual_interfaces = list(value).map_err(wrong)?;
        }
        "sidecar.istio.io/interceptionMode" if value != "REDIRECT" => {
            return Err(AnnotationError::Mode { name: name.to_owned(), found: value.to_owned() });
        }
        _ => {}
    }
    Ok(())
}
