//! What Istio's validation refuses in a PeerAuthentication, beyond the schema.

use super::PeerAuthentication;
use crate::object::Object;
use crate::rules::Findings;
use crate::schema::path::Path;

pub(super) fn check(object: &Object<PeerAuthentication>, findings: &mut Findings) {
    let path = Path::Root.field("spec");
    if object.spec.selector.as_ref().is_some_and(|selector| selector.match_labels.is_empty()) {
        findings.warn(&path.field("selector"), "workload selector specified without labels");
    }
}
