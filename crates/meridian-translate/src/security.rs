//! Who may do what: policies of `security.istio.io`.

pub(crate) mod authorization;
