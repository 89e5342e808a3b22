//! Which Ingresses are served (Istio's `shouldProcessIngressWithClass`).

use crate::mesh::{IngressControllerMode, MeshConfig};
use meridian_resources::Object;
use meridian_resources::networking::ingress::CLASS_ANNOTATION;
use meridian_resources::networking::{Ingress, IngressClass};

/// The controller whose IngressClasses are served.
const CONTROLLER: &str = "istio.io/ingress-controller";

/// Whom an Ingress is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is served.
    Ours,
    /// It would be, if the IngressClass existed that it names as the mesh configuration does.
    Undefined,
    /// It is for another controller, or for none.
    Others,
}

/// Whom an Ingress is for; `class` is the IngressClass that its `ingressClassName` names, if there is one. The
/// annotation goes before the field. Without either, and for a class that does not exist, the mode decides.
pub(crate) fn claim(mesh: &MeshConfig, ingress: &Object<Ingress>, class: Option<&Object<IngressClass>>) -> Claim {
    if mesh.ingress_controller_mode == IngressControllerMode::Off {
        return Claim::Others;
    }
    if let Some(annotation) = ingress.meta.annotations.get(CLASS_ANNOTATION) {
        return if **annotation == *mesh.ingress_class { Claim::Ours } else { Claim::Others };
    }
    match (class, mesh.ingress_controller_mode) {
        (Some(class), _) if class.spec.controller == CONTROLLER => Claim::Ours,
        (Some(_), _) => Claim::Others,
        (None, IngressControllerMode::Default) => Claim::Ours,
        (None, _) if ingress.spec.ingress_class_name.as_deref() == Some(&*mesh.ingress_class) => Claim::Undefined,
        (None, _) => Claim::Others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_resources::Meta;

    fn ingress(annotation: Option<&str>, class_name: Option<&str>) -> Object<Ingress> {
        let annotations = annotation.map(|class| (CLASS_ANNOTATION.to_owned(), class.to_owned())).into_iter().collect();
        Object {
            meta: Meta { annotations, ..Meta::default() },
            spec: Ingress { ingress_class_name: class_name.map(str::to_owned), ..Ingress::default() },
            status: Default::default(),
            source: None,
        }
    }

    fn class(controller: &str) -> Object<IngressClass> {
        let spec = IngressClass { controller: controller.into(), parameters: None };
        Object { meta: Meta::default(), spec, status: Default::default(), source: None }
    }

    #[test]
    fn annotation_then_class_then_mode() {
        use IngressControllerMode::{Default as Any, Off, Strict};
        let (istio, other) = (class(CONTROLLER), class("k8s.io/ingress-nginx"));
        for (mode, annotation, name, class, expected) in [
            (Strict, Some("istio"), None, None, Claim::Ours),
            (Strict, Some("nginx"), None, None, Claim::Others),
            (Strict, Some("istio"), Some("nginx"), Some(&other), Claim::Ours),
            (Strict, Some("nginx"), Some("istio"), Some(&istio), Claim::Others),
            (Strict, None, Some("mine"), Some(&istio), Claim::Ours),
            (Strict, None, Some("nginx"), Some(&other), Claim::Others),
            (Strict, None, Some("istio"), None, Claim::Undefined),
            (Strict, None, Some("nginx"), None, Claim::Others),
            (Strict, None, None, None, Claim::Others),
            (Any, None, None, None, Claim::Ours),
            (Any, Some("nginx"), None, None, Claim::Others),
            (Any, None, Some("nginx"), Some(&other), Claim::Others),
            (Any, None, Some("nginx"), None, Claim::Ours),
            (Off, Some("istio"), None, None, Claim::Others),
            (Off, None, Some("mine"), Some(&istio), Claim::Others),
        ] {
            let mesh = MeshConfig { ingress_controller_mode: mode, ..MeshConfig::default() };
            let found = claim(&mesh, &ingress(annotation, name), class);
            assert_eq!(found, expected, "{mode:?} {annotation:?} {name:?}");
        }
    }
}
