//! Envoy's response flags.

use std::fmt;

/// One response flag: Envoy's long name, printed as its short form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// `UH`
    NoHealthyUpstream,
    /// `UF`
    UpstreamConnectionFailure,
    /// `UO`
    UpstreamOverflow,
    /// `NR`
    NoRouteFound,
    /// `URX`
    UpstreamRetryLimitExceeded,
    /// `NC`
    NoClusterFound,
    /// `UT`
    UpstreamRequestTimeout,
    /// `UC`
    UpstreamConnectionTermination,
    /// `UR`
    UpstreamRemoteReset,
    /// `LR`
    LocalReset,
    /// `DC`
    DownstreamConnectionTermination,
    /// `DPE`
    DownstreamProtocolError,
    /// `UPE`
    UpstreamProtocolError,
    /// `SI`
    StreamIdleTimeout,
    /// `DI`
    DelayInjected,
    /// `FI`
    FaultInjected,
    /// `DT`
    DurationTimeout,
    /// `DF`
    DnsResolutionFailed,
    /// `UAEX`
    UnauthorizedExternalService,
}

impl Flag {
    /// As `%RESPONSE_FLAGS%` prints it.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::NoHealthyUpstream => "UH",
            Self::UpstreamConnectionFailure => "UF",
            Self::UpstreamOverflow => "UO",
            Self::NoRouteFound => "NR",
            Self::UpstreamRetryLimitExceeded => "URX",
            Self::NoClusterFound => "NC",
            Self::UpstreamRequestTimeout => "UT",
            Self::UpstreamConnectionTermination => "UC",
            Self::UpstreamRemoteReset => "UR",
            Self::LocalReset => "LR",
            Self::DownstreamConnectionTermination => "DC",
            Self::DownstreamProtocolError => "DPE",
            Self::UpstreamProtocolError => "UPE",
            Self::StreamIdleTimeout => "SI",
            Self::DelayInjected => "DI",
            Self::FaultInjected => "FI",
            Self::DurationTimeout => "DT",
            Self::DnsResolutionFailed => "DF",
            Self::UnauthorizedExternalService => "UAEX",
        }
    }

    /// As `%RESPONSE_FLAGS_LONG%` prints it.
    #[must_use]
    pub const fn long(self) -> &'static str {
        match self {
            Self::NoHealthyUpstream => "NoHealthyUpstream",
            Self::UpstreamConnectionFailure => "UpstreamConnectionFailure",
            Self::UpstreamOverflow => "UpstreamOverflow",
            Self::NoRouteFound => "NoRouteFound",
            Self::UpstreamRetryLimitExceeded => "UpstreamRetryLimitExceeded",
            Self::NoClusterFound => "NoClusterFound",
            Self::UpstreamRequestTimeout => "UpstreamRequestTimeout",
            Self::UpstreamConnectionTermination => "UpstreamConnectionTermination",
            Self::UpstreamRemoteReset => "UpstreamRemoteReset",
            Self::LocalReset => "LocalReset",
            Self::DownstreamConnectionTermination => "DownstreamConnectionTermination",
            Self::DownstreamProtocolError => "DownstreamProtocolError",
            Self::UpstreamProtocolError => "UpstreamProtocolError",
            Self::StreamIdleTimeout => "StreamIdleTimeout",
            Self::DelayInjected => "DelayInjected",
            Self::FaultInjected => "FaultInjected",
            Self::DurationTimeout => "DurationTimeout",
            Self::DnsResolutionFailed => "DnsResolutionFailed",
            Self::UnauthorizedExternalService => "UnauthorizedExternalService",
        }
    }
}

/// The flags of one request or connection, in the order in which they were set, which is how Envoy prints them.
/// Prints as `%RESPONSE_FLAGS%`: short forms with commas, or `-`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    list: [Option<Flag>; 4],
}

impl Flags {
    /// Sets a flag; setting it again changes nothing. More than four never happen to one request.
    pub fn add(&mut self, flag: Flag) {
        for place in &mut self.list {
            match place {
                Some(set) if *set == flag => return,
                Some(_) => {}
                None => {
                    *place = Some(flag);
                    return;
                }
            }
        }
    }

    /// In the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = Flag> {
        self.list.iter().map_while(|flag| *flag)
    }

    /// Whether none is set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list[0].is_none()
    }

    /// Whether this one is set.
    #[must_use]
    pub fn has(&self, flag: Flag) -> bool {
        self.iter().any(|set| set == flag)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        for (position, flag) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            f.write_str(flag.short())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_in_the_order_of_setting() {
        let mut flags = Flags::default();
        assert_eq!(flags.to_string(), "-");
        flags.add(Flag::UpstreamRetryLimitExceeded);
        flags.add(Flag::UpstreamConnectionFailure);
        flags.add(Flag::UpstreamRetryLimitExceeded);
        assert_eq!(flags.to_string(), "URX,UF");
        assert!(flags.has(Flag::UpstreamConnectionFailure) && !flags.has(Flag::NoRouteFound));
    }
}
