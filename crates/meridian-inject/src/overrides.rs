//! A user's customisation of the injected containers: a container of the same name in the pod, whose fields win.

use crate::inject::Problem;
use crate::{AUTO_IMAGE, INIT_CONTAINER, PROXY_CONTAINER, STATUS_ANNOTATION, merge, pod};
use serde_json::{Value, json};

/// The annotation that keeps the customisation, for injecting anew.
const ANNOTATION: &str = "proxy.istio.io/overrides";

/// The customisation in the annotation, by list.
///
/// # Errors
/// The annotation is no JSON object.
pub(crate) fn read(original: &Value) -> Result<Value, Problem> {
    let Some(text) = pod::annotation(original, ANNOTATION) else { return Ok(json!({})) };
    let read = serde_json::from_str(text).ok().filter(Value::is_object);
    read.ok_or_else(|| {
        Problem::annotation(
            ANNOTATION,
            format!("found {text:?}, allowed: a JSON object with containers and initContainers"),
        )
    })
}

/// Lays it over the pod once more: templates went over it. What the user wrote is kept in the annotation.
pub(crate) fn apply(target: &mut Value, original: &Value, template: &Value, written: Value) {
    let written = json!({ "spec": written });
    let mut kept = json!({});
    for field in ["containers", "initContainers"] {
        for name in pod::list(template, field).iter().map(pod::name) {
            let own = match field {
                "containers" => pod::find(original, field, name),
                _ => pod::container(original, name),
            };
            let Some(own) = pod::find(&written, field, name).or(own) else { continue };
            let mut own = own.clone();
            if pod::text(&own, "/image") == AUTO_IMAGE {
                own.as_object_mut().map(|fields| fields.remove("image"));
            }
            let mut spec = json!({});
            spec[field] = json!([own]);
            merge::merge(target, &json!({ "spec": spec }));
            pod::items(&mut kept, field).push(own);
        }
    }
    if pod::annotation(original, STATUS_ANNOTATION).is_none() && kept != json!({}) {
        pod::annotations_mut(target).insert(ANNOTATION.into(), kept.to_string().into());
    }
    follow_user(target, original);
}

/// The rules tell the proxy by its user: where that is another, the init container is told.
fn follow_user(target: &mut Value, original: &Value) {
    let own = pod::container(original, PROXY_CONTAINER);
    let user = own.and_then(|own| own.pointer("/securityContext/runAsUser")).and_then(Value::as_u64);
    let Some(user) = user.filter(|user| *user != 0) else { return };
    let arguments = pod::container_mut(target, INIT_CONTAINER).map(|init| pod::items(init, "args"));
    let Some(arguments) = arguments else { return };
    let after = arguments.iter().position(|argument| argument == "-u").and_then(|index| arguments.get_mut(index + 1));
    if let Some(argument) = after {
        *argument = user.to_string().into();
    }
}
