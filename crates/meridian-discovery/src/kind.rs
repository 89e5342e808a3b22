//! The types of resources that a proxy is configured with.

use meridian_xds::type_url;

/// A type of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// CDS
    Cluster,
    /// EDS
    Endpoints,
    /// LDS
    Listener,
    /// VHDS: the virtual hosts of route configurations, under names `ROUTES/HOST`, for clients that ask for all of them
    /// (`*`). Such clients get route configurations without virtual hosts, so that a change to one service of a
    /// thousand does not send the routes of all.
    VirtualHost,
    /// RDS
    Route,
    /// SDS
    Secret,
    /// NDS of Istio: what the DNS proxy answers for.
    Names,
}

impl Kind {
    /// All, in the order in which they are sent: nothing refers to what comes after it, but for secrets and routes,
    /// which a proxy waits for.
    pub const ALL: [Kind; 7] =
        [Kind::Cluster, Kind::Endpoints, Kind::Listener, Kind::VirtualHost, Kind::Route, Kind::Secret, Kind::Names];

    /// The name of the type.
    #[must_use]
    pub fn type_url(self) -> &'static str {
        match self {
            Kind::Cluster => type_url::CLUSTER,
            Kind::Endpoints => type_url::CLUSTER_LOAD_ASSIGNMENT,
            Kind::Listener => type_url::LISTENER,
            Kind::VirtualHost => type_url::VIRTUAL_HOST,
            Kind::Route => type_url::ROUTE_CONFIGURATION,
            Kind::Secret => type_url::SECRET,
            Kind::Names => type_url::NAME_TABLE,
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn of_type_url(url: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// As logs and statuses call it, such as `CDS`.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Kind::Cluster => "CDS",
            Kind::Endpoints => "EDS",
            Kind::Listener => "LDS",
            Kind::VirtualHost => "VHDS",
            Kind::Route => "RDS",
            Kind::Secret => "SDS",
            Kind::Names => "NDS",
        }
    }

    /// Whether a request without names asks for all resources; of other types it asks for none.
    #[must_use]
    pub fn is_wildcard(self) -> bool {
        matches!(self, Kind::Cluster | Kind::Listener | Kind::Names)
    }

    /// Whether our own proxies ask for all resources of the type.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.is_wildcard() || self == Kind::VirtualHost
    }
}

/// One value for each type.
#[derive(Debug, Clone, Default)]
pub struct PerKind<T>([T; 7]);

impl<T> std::ops::Index<Kind> for PerKind<T> {
    type Output = T;

    fn index(&self, kind: Kind) -> &T {
        &self.0[kind as usize]
    }
}

impl<T> std::ops::IndexMut<Kind> for PerKind<T> {
    fn index_mut(&mut self, kind: Kind) -> &mut T {
        &mut self.0[kind as usize]
    }
}
