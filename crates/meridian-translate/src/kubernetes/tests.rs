//! Istio's own goldens: what its controller makes of Ingresses.

use crate::kubernetes::Ingresses;
use crate::kubernetes::ingresses::{Made, Sources};
use crate::mesh::{IngressControllerMode, MeshConfig};
use crate::registry::Registry;
use crate::resources::Resources;
use meridian_resources::Resource;

#[path = "../../tests/translate/shared.rs"]
mod shared;

fn objects(text: &str) -> Vec<Resource> {
    let values = meridian_resources::yaml::values(text, "golden.yaml");
    values.into_iter().map(|value| shared::resource(&value.expect("YAML"))).collect()
}

fn made(text: &str) -> Made {
    let mesh = MeshConfig {
        cluster_domain: "mydomain".into(),
        ingress_controller_mode: IngressControllerMode::Default,
        ..MeshConfig::default()
    };
    let mut ingresses = Ingresses::default();
    for object in objects(text) {
        let Resource::Ingress(ingress) = object else { panic!("an Ingress, not {object:?}") };
        ingresses.put(ingress);
    }
    ingresses.update(&Sources { mesh: &mesh, registry: &Registry::default(), resources: &Resources::default() })
}

#[test]
fn istios_goldens_come_out() {
    let Some(folder) = shared::shared("oracles/istio-ingress") else { return };
    for case in ["overlay", "simple", "tls", "tls-no-secret"] {
        let read = |name: String| std::fs::read_to_string(folder.join(name)).expect("the golden can be read");
        let made = made(&read(format!("{case}.yaml")));
        let golden = objects(&read(format!("{case}.yaml.golden")));
        assert_eq!(made.gateways.len() + made.virtual_services.len(), golden.len(), "{case}");
        for object in golden {
            match object {
                Resource::Gateway(expected) => {
                    let found = made.gateways.iter().find(|(key, _)| key.name == expected.meta.name);
                    let found = found.and_then(|(_, object)| object.as_ref()).expect("the Gateway is made");
                    assert_eq!(found.meta, expected.meta, "{case}");
                    assert_eq!(found.spec, expected.spec, "{case}");
                }
                Resource::VirtualService(expected) => {
                    let found = made.virtual_services.iter().find(|(key, _)| key.name == expected.meta.name);
                    let mut found = (**found.and_then(|(_, object)| object.as_ref()).expect("it is made")).clone();
                    assert_eq!(found.meta, expected.meta, "{case}");
                    // Istio binds to the Gateway of the oldest Ingress only, so that hosts of the others' certificates
                    // have no routes (its issue 24385); here all are bound.
                    assert!(found.spec.gateways.starts_with(&expected.spec.gateways), "{case}");
                    found.spec.gateways.clone_from(&expected.spec.gateways);
                    assert_eq!(found.spec, expected.spec, "{case}");
                }
                other => panic!("{other:?} is no object that Ingresses become"),
            }
        }
    }
}
