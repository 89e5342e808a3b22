//! SPIFFE identities of workloads as Istio writes them.

use std::fmt;
use std::str::FromStr;

/// Who a workload is: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    /// The mesh that vouches for it.
    pub trust_domain: String,
    /// The namespace of its service account.
    pub namespace: String,
    /// The name of its service account.
    pub service_account: String,
}

/// The text is no identity of a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?}, allowed: spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT")]
pub struct SpiffeIdError(String);

impl SpiffeId {
    /// The identity of a service account.
    pub fn new(
        trust_domain: impl Into<String>,
        namespace: impl Into<String>,
        service_account: impl Into<String>,
    ) -> Self {
        Self { trust_domain: trust_domain.into(), namespace: namespace.into(), service_account: service_account.into() }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/ns/{}/sa/{}", self.trust_domain, self.namespace, self.service_account)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.strip_prefix("spiffe://").unwrap_or_default().split('/').collect();
        // SPIFFE-ID section 2: what a trust domain and a segment may hold. No percent-encoding, no query, no fragment.
        let legal = |part: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !part.is_empty() && part.bytes().all(allowed) && part != "." && part != ".."
        };
        match parts[..] {
            [domain, "ns", namespace, "sa", account] if [domain, namespace, account].into_iter().all(legal) => {
                Ok(Self::new(domain, namespace, account))
            }
            _ => Err(SpiffeIdError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_identity_is_refused() {
        for text in [
            "",
            "spiffe://",
            "https://cluster.local/ns/default/sa/default",
            "spiffe://cluster.local/ns/default/sa/",
            "spiffe:///ns/default/sa/default",
            "spiffe://cluster.local/ns/default/sa/default/",
            "spiffe://cluster.local/ns/a%2fb/sa/default",
            "spiffe://cluster.local/ns/../sa/default",
            "spiffe://cluster.local/sa/default/ns/default",
            "spiffe://cluster.local:443/ns/default/sa/default",
            "spiffe://cluster.local/ns/default/sa/default?x",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(domain in "[a-z0-9.-]{1,20}", namespace in "[a-z0-9]{1,9}", account in "[a-z0-9.]{3,9}") {
            prop_assume!(domain != "." && domain != ".." && account.bytes().any(|byte| byte != b'.'));
            let id = SpiffeId::new(domain, namespace, account);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_taken(text in ".{0,60}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
