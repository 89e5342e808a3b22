//! Limits and wishes that nothing enforces here: quotas, budgets, autoscalers, network policies, priorities.

use meridian_resources::Column;
use serde_json::{Map, Value, json};

use super::cells::{self, NONE, UNSET};
use super::{Stored, USUAL};
use crate::resource::{Conversion, Layout};

const fn integer(name: &'static str, description: &'static str, cell: fn(&Value) -> Value) -> Column {
    let mut column = Column::string(name, description, cell);
    column.type_ = "integer";
    column
}

pub(super) static KINDS: &[Stored] = &[
    Stored {
        kind: "LimitRange",
        list_kind: "LimitRangeList",
        plural: "limitranges",
        singular: "limitrange",
        short_names: &["limits"],
        columns: &[cells::NAME, cells::CREATED_AT],
        layout: Layout::Own,
        idle: Some("is stored, but limits nothing here: no pods run"),
        ..USUAL
    },
    Stored {
        kind: "ResourceQuota",
        list_kind: "ResourceQuotaList",
        plural: "resourcequotas",
        singular: "resourcequota",
        short_names: &["quota"],
        status: Some(|| json!({})),
        columns: &[
            Column::string("Request", "Used and allowed requests.", |object| quota(object, false)),
            Column::string("Limit", "Used and allowed limits.", |object| quota(object, true)),
        ],
        idle: Some("is stored, but not enforced here"),
        ..USUAL
    },
    Stored {
        group: "autoscaling",
        versions: &["v2", "v1"],
        kind: "HorizontalPodAutoscaler",
        list_kind: "HorizontalPodAutoscalerList",
        plural: "horizontalpodautoscalers",
        singular: "horizontalpodautoscaler",
        short_names: &["hpa"],
        categories: &["all"],
        status: Some(|| json!({"currentMetrics": null, "desiredReplicas": 0})),
        columns: &[
            Column::string("Reference", "What is scaled.", |object| {
                let part = |pointer| cells::text(object, pointer);
                format!("{}/{}", part("/spec/scaleTargetRef/kind"), part("/spec/scaleTargetRef/name")).into()
            }),
            Column::string("Targets", "What is measured, and what it should be.", metrics),
            Column::string("MinPods", "The fewest pods.", |object| cells::scalar(object, "/spec/minReplicas", UNSET)),
            Column::string("MaxPods", "The most pods.", |object| cells::number(object, "/spec/maxReplicas")),
            Column::string("Replicas", "The pods that there are.", |object| {
                cells::number(object, "/status/currentReplicas")
            }),
        ],
        idle: Some("is stored, but nothing scales here: no pods run"),
        conversions: &[Conversion { version: "v1", to_stored: autoscaler_to_v2, from_stored: autoscaler_to_v1 }],
        ..USUAL
    },
    Stored {
        group: "networking.k8s.io",
        kind: "NetworkPolicy",
        list_kind: "NetworkPolicyList",
        plural: "networkpolicies",
        singular: "networkpolicy",
        short_names: &["netpol"],
        columns: &[Column::string("Pod-Selector", "The pods that it is for.", |object| {
            cells::selector(object, "/spec/podSelector")
        })],
        idle: Some("is stored, but not enforced here; an AuthorizationPolicy is"),
        ..USUAL
    },
    Stored {
        group: "policy",
        kind: "PodDisruptionBudget",
        list_kind: "PodDisruptionBudgetList",
        plural: "poddisruptionbudgets",
        singular: "poddisruptionbudget",
        short_names: &["pdb"],
        status: Some(|| json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0})),
        columns: &[
            Column::string("Min Available", "How many pods must stay.", |object| {
                cells::scalar(object, "/spec/minAvailable", "N/A")
            }),
            Column::string("Max Unavailable", "How many pods may go.", |object| {
                cells::scalar(object, "/spec/maxUnavailable", "N/A")
            }),
            integer("Allowed Disruptions", "How many pods may go now.", |object| {
                cells::number(object, "/status/disruptionsAllowed")
            }),
        ],
        idle: Some("is stored, but protects nothing here: no pods run"),
        ..USUAL
    },
    Stored {
        group: "scheduling.k8s.io",
        kind: "PriorityClass",
        list_kind: "PriorityClassList",
        plural: "priorityclasses",
        singular: "priorityclass",
        short_names: &["pc"],
        namespaced: false,
        columns: &[
            integer("Value", "The priority of its pods.", |object| cells::number(object, "/value")),
            {
                let mut column = Column::string("Global-Default", "Whether pods without a class get it.", |object| {
                    (object.pointer("/globalDefault") == Some(&Value::Bool(true))).into()
                });
                column.type_ = "boolean";
                column
            },
            Column::string("PreemptionPolicy", "Whether its pods may displace others.", |object| {
                cells::text(object, "/preemptionPolicy").into()
            })
            .wide(),
        ],
        idle: Some("is stored, but nothing is scheduled here"),
        ..USUAL
    },
];

/// `requests.cpu: 0/1, pods: 0/4` of the status of a quota.
fn quota(object: &Value, limits: bool) -> Value {
    let hard = object.pointer("/status/hard").and_then(Value::as_object);
    let used = object.pointer("/status/used").unwrap_or(&Value::Null);
    let of_kind = hard.into_iter().flatten().filter(|(name, _)| name.starts_with("limits.") == limits);
    let shown = of_kind.map(|(name, hard)| {
        let used = used.get(name).and_then(Value::as_str).unwrap_or("0");
        format!("{name}: {used}/{}", hard.as_str().unwrap_or("0"))
    });
    shown.collect::<Vec<String>>().join(", ").into()
}

/// At most two targets of an autoscaler (`formatHPAMetrics`). Nothing measures, so that all present values are unknown.
fn metrics(object: &Value) -> Value {
    const SHOWN: usize = 2;
    let shown: Vec<String> = cells::items(object, "/spec/metrics").map(metric).collect();
    match shown.len() {
        0 => NONE.into(),
        more if more > SHOWN => format!("{} + {} more...", shown[..SHOWN].join(", "), more - SHOWN).into(),
        _ => shown.join(", ").into(),
    }
}

fn metric(metric: &Value) -> String {
    let (field, named) = match cells::text(metric, "/type") {
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "External" => ("external", false),
        _ => return "<unknown type>".to_owned(),
    };
    let source = &metric[field];
    let target = &source["target"];
    let amount = |field: &str| target.get(field).filter(|value| !value.is_null()).map(plain);
    let wanted = match (amount("averageValue"), named) {
        (Some(average), true) => average,
        (Some(average), false) if field == "pods" => average,
        (Some(average), false) => format!("{average} (avg)"),
        (None, true) => amount("averageUtilization").map_or("<auto>".to_owned(), |percent| format!("{percent}%")),
        (None, false) => amount("value").unwrap_or_default(),
    };
    let name = if named { format!("{}: ", cells::text(source, "/name")) } else { String::new() };
    format!("{name}<unknown>/{wanted}")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `autoscaling/v1` says one thing only: how busy the processors may be.
const CPU_IN_V1: &str = "targetCPUUtilizationPercentage";

fn autoscaler_to_v2(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(percent) = spec.remove(CPU_IN_V1).filter(|percent| !percent.is_null()) {
        spec.insert("metrics".to_owned(), json!([cpu_metric(&percent)]));
    }
}

fn cpu_metric(percent: &Value) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": percent});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

/// Other metrics go into the annotation in which Kubernetes keeps them in `v1`.
fn autoscaler_to_v1(object: &mut Value) {
    let Some(Value::Array(metrics)) = object.get_mut("spec").and_then(Value::as_object_mut).and_then(take_metrics)
    else {
        return;
    };
    let percent = |metric: &Value| {
        let percent = &metric["resource"]["target"]["averageUtilization"];
        (metric["resource"]["name"] == "cpu" && !percent.is_null()).then(|| percent.clone())
    };
    let mut others = Vec::new();
    for metric in metrics {
        match percent(&metric) {
            Some(percent) if object["spec"][CPU_IN_V1].is_null() => object["spec"][CPU_IN_V1] = percent,
            _ => others.push(metric),
        }
    }
    if !others.is_empty() {
        object["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"] =
            Value::Array(others).to_string().into();
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("currentMetrics");
        status.remove("conditions");
        status.entry("currentReplicas").or_insert(0.into());
    }
}

fn take_metrics(spec: &mut Map<String, Value>) -> Option<Value> {
    spec.remove("metrics")
}

#[cfg(test)]
mod tests {
    use super::{autoscaler_to_v1, autoscaler_to_v2, metrics};
    use serde_json::json;

    #[test]
    fn the_versions_of_an_autoscaler_say_the_same() {
        let old = json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 80}});
        let mut object = old.clone();
        autoscaler_to_v2(&mut object);
        assert_eq!(metrics(&object), "cpu: <unknown>/80%");
        assert!(object["spec"].get("targetCPUUtilizationPercentage").is_none());
        autoscaler_to_v1(&mut object);
        assert_eq!(object, old);
    }

    #[test]
    fn two_metrics_are_shown_and_the_others_counted() {
        let pods = json!({"type": "Pods", "pods": {"metric": {"name": "x"}, "target": {"averageValue": "5"}}});
        let object = json!({"spec": {"metrics": [pods, pods, pods]}});
        assert_eq!(metrics(&object), "<unknown>/5, <unknown>/5 + 1 more...");
        assert_eq!(metrics(&json!({"spec": {}})), "<none>");
    }
}
