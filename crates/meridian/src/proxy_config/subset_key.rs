//! Names of clusters: `direction|port|subset|host`.

/// The parts of a cluster's name, in the order in which `istioctl` sorts clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubsetKey<'n> {
    /// The host; the whole name of a cluster that is named otherwise.
    pub(super) host: &'n str,
    /// The subset, empty for all endpoints.
    pub(super) subset: &'n str,
    /// The service's port; `None` for a cluster that is named otherwise.
    pub(super) port: Option<u16>,
    /// `outbound`, `inbound`
    pub(super) direction: &'n str,
}

impl<'n> SubsetKey<'n> {
    /// Takes the name of a cluster apart.
    pub(super) fn new(name: &'n str) -> Self {
        match name.splitn(4, '|').collect::<Vec<_>>()[..] {
            [direction, port, subset, host] => {
                Self { host, subset, port: Some(port.parse().unwrap_or_default()), direction }
            }
            _ => Self { host: name, subset: "", port: None, direction: "" },
        }
    }
}
