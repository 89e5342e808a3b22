//! Conditions on the port that a connection was going to.

/// Which ports (Envoy's `ListenerFilterChainMatchPredicate`, as far as it is about ports).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PortMatch {
    /// No port.
    #[default]
    None,
    /// Every port.
    Any,
    /// From `start` to before `end`; `end` may be 65536.
    Range {
        /// The first port.
        start: u32,
        /// The port after the last.
        end: u32,
    },
    /// Those that the condition does not take.
    Not(Box<PortMatch>),
    /// Those that one of the conditions takes.
    Or(Vec<PortMatch>),
    /// Those that all conditions take.
    And(Vec<PortMatch>),
}

impl PortMatch {
    /// Whether `port` is one of them.
    pub fn contains(&self, port: u16) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::Range { start, end } => (*start..*end).contains(&u32::from(port)),
            Self::Not(condition) => !condition.contains(port),
            Self::Or(conditions) => conditions.iter().any(|condition| condition.contains(port)),
            Self::And(conditions) => conditions.iter().all(|condition| condition.contains(port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PortMatch;

    #[test]
    fn ranges_are_half_open_and_conditions_combine() {
        let range = |start, end| PortMatch::Range { start, end };
        let some = PortMatch::Or(vec![range(80, 81), range(15006, 15007)]);
        let others = PortMatch::Not(Box::new(some.clone()));
        let both = PortMatch::And(vec![range(0, 65536), others.clone()]);
        for (port, expected) in [(79, false), (80, true), (81, false), (15006, true), (65535, false)] {
            assert_eq!(some.contains(port), expected, "{port}");
            assert_eq!(others.contains(port), !expected, "{port}");
            assert_eq!(both.contains(port), !expected, "{port}");
        }
        assert!(PortMatch::Any.contains(0) && !PortMatch::None.contains(0));
    }
}
