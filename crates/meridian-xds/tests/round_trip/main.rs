//! Whatever the model can hold is written and read back as it was, and nothing of it is called unsupported.
//!
//! The strategies make models in their normal form: what two models share as Envoy's messages (a single cluster's
//! weight, conditions that never differ) is there in the form that the reader gives it.

mod access;
mod clusters;
mod listeners;
mod routes;
mod text;

use meridian_ir::cluster::Discovery;
use meridian_xds::field_names::{to_json_names, to_proto_names};
use meridian_xds::{cluster, listener, load_assignment, route_configuration, type_url, wire};
use proptest::prelude::*;
use serde_json::Value;

/// The message as it comes out of Envoy's wire format: fields that say what they say by default are not in it.
fn over_the_wire(type_url: &str, message: Value) -> Result<Value, TestCaseError> {
    let fail = |error: wire::WireError| TestCaseError::fail(error.to_string());
    let bytes = wire::encode_as(type_url, &message).map_err(fail)?;
    let mut decoded = wire::decode(type_url, &bytes).map_err(fail)?;
    prop_assert_eq!(wire::encode(&decoded).map_err(fail)?, bytes);
    decoded.as_object_mut().expect("a message").remove("@type");
    Ok(decoded)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn listeners_are_read_back(model in listeners::listener()) {
        let written = over_the_wire(type_url::LISTENER, listener::listener(&model))?;
        let read = listener::read(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(&read.value, &model);
        prop_assert_eq!(to_json_names(to_proto_names(written.clone())), written, "the names of its fields");
    }

    #[test]
    fn routes_are_read_back(model in routes::route_config()) {
        let written = over_the_wire(type_url::ROUTE_CONFIGURATION, route_configuration::route_configuration(&model))?;
        let read = route_configuration::read(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(&read.value, &model);
        prop_assert_eq!(to_json_names(to_proto_names(written.clone())), written, "the names of its fields");
    }

    #[test]
    fn clusters_are_read_back((model, endpoints) in clusters::cluster()) {
        let carried = (!matches!(model.discovery, Discovery::Eds | Discovery::OriginalDst | Discovery::DynamicForward)).then_some(&endpoints);
        let written = over_the_wire(type_url::CLUSTER, cluster::cluster(&model, carried))?;
        let read = cluster::read(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(&read.value.0, &model);
        prop_assert_eq!(read.value.1.as_ref(), carried);
        prop_assert_eq!(to_json_names(to_proto_names(written.clone())), written, "the names of its fields");

        let written = load_assignment::load_assignment(&model.name, &endpoints);
        let written = over_the_wire(type_url::CLUSTER_LOAD_ASSIGNMENT, written)?;
        let read = load_assignment::read(&written, model.locality_weighted)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(read.value, (model.name.clone(), endpoints));
    }
}
