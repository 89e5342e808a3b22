//! Whatever the model can hold is written and read back as it was, and nothing of it is called unsupported.
//!
//! The strategies make models in their normal form: what two models share as Envoy's messages (a single cluster's
//! weight, conditions that never differ) is there in the form that the reader gives it.

mod clusters;
mod listeners;
mod routes;
mod text;

use meridian_ir::cluster::Discovery;
use meridian_xds::field_names::{to_json_names, to_proto_names};
use meridian_xds::{cluster, listener, load_assignment, route_configuration};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn listeners_are_read_back(model in listeners::listener()) {
        let written = listener::listener(&model);
        let read = listener::read(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(&read.value, &model);
        prop_assert_eq!(to_json_names(to_proto_names(written.clone())), written, "the names of its fields");
    }

    #[test]
    fn routes_are_read_back(model in routes::route_config()) {
        let written = route_configuration::route_configuration(&model);
        let read = route_configuration::read(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(&read.value, &model);
        prop_assert_eq!(to_json_names(to_proto_names(written.clone())), written, "the names of its fields");
    }

    #[test]
    fn clusters_are_read_back((model, endpoints) in clusters::cluster()) {
        let carried = (!matches!(model.discovery, Discovery::Eds | Discovery::OriginalDst)).then_some(&endpoints);
        let written = cluster::cluster(&model, carried);
        let read = cluster::read(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(&read.value.0, &model);
        prop_assert_eq!(read.value.1.as_ref(), carried);
        prop_assert_eq!(to_json_names(to_proto_names(written.clone())), written, "the names of its fields");

        let written = load_assignment::load_assignment(&model.name, &endpoints);
        let read = load_assignment::read(&written, model.locality_weighted)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.unsupported, &[]);
        prop_assert_eq!(read.value, (model.name.clone(), endpoints));
    }
}
