//! What belongs to the cluster itself: nodes, events, leases, webhooks, definitions of custom resources.

use meridian_resources::Column;
use serde_json::{Value, json};

use super::cells::{self, NONE};
use super::{Stored, USUAL};
use crate::duration;
use crate::resource::{Conversion, Layout};

const NOT_CALLED: &str = "is stored, but nothing calls its webhooks here";

const fn webhooks() -> Column {
    let mut column = Column::string("Webhooks", "How many webhooks it has.", |object| {
        cells::items(object, "/webhooks").count().into()
    });
    column.type_ = "integer";
    column
}

const EVENT_COLUMNS: &[Column] = &[
    Column::string("Last Seen", "When it last happened.", |event| last_seen(event).into()),
    Column::string("Type", "Normal or Warning.", |event| cells::text(event, "/type").into()),
    Column::string("Reason", "Why it happened, in one word.", |event| cells::text(event, "/reason").into()),
    Column::string("Object", "What it is about.", |event| {
        let kind = cells::text(event, "/involvedObject/kind").to_lowercase();
        match cells::text(event, "/involvedObject/name") {
            "" => kind.into(),
            name => format!("{kind}/{name}").into(),
        }
    }),
    Column::string("Subobject", "Which part of that.", |event| cells::text(event, "/involvedObject/fieldPath").into())
        .wide(),
    Column::string("Source", "Who says so.", |event| {
        let first = |pointers: [&str; 2]| {
            pointers.iter().map(|pointer| cells::text(event, pointer)).find(|text| !text.is_empty())
        };
        let component = first(["/source/component", "/reportingComponent"]).unwrap_or_default();
        match first(["/source/host", "/reportingInstance"]) {
            Some(host) => format!("{component}, {host}").into(),
            None => component.into(),
        }
    })
    .wide(),
    Column::string("Message", "What happened.", |event| cells::text(event, "/message").trim().into()),
    Column::string("First Seen", "When it first happened.", |event| first_seen(event).into()).wide(),
    Column::string("Count", "How often it happened.", |event| {
        let count = event.pointer("/series/count").or_else(|| event.get("count")).and_then(Value::as_i64);
        count.filter(|count| *count > 0).unwrap_or(1).into()
    })
    .wide(),
    Column::string("Name", "The name of the event.", |event| cells::text(event, "/metadata/name").into()).wide(),
];

const EVENT: Stored = Stored {
    kind: "Event",
    list_kind: "EventList",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    columns: EVENT_COLUMNS,
    layout: Layout::Own,
    ..USUAL
};

pub(super) static KINDS: &[Stored] = &[
    EVENT,
    Stored {
        group: "events.k8s.io",
        conversions: &[Conversion { version: "v1", to_stored: event_to_core, from_stored: event_from_core }],
        stored_as: Some(("", "events")),
        ..EVENT
    },
    Stored {
        kind: "Node",
        list_kind: "NodeList",
        plural: "nodes",
        singular: "node",
        short_names: &["no"],
        namespaced: false,
        status: Some(|| json!({})),
        columns: &[
            Column::string("Status", "Whether the node is ready.", |node| node_status(node).into()),
            Column::string("Roles", "The roles of the node.", |node| roles(node).into()),
            Column::string("Version", "The version of its kubelet.", |node| {
                cells::text(node, "/status/nodeInfo/kubeletVersion").into()
            })
            .after_age(),
            Column::string("Internal-IP", "Its address inside.", |node| address(node, "InternalIP")).wide(),
            Column::string("External-IP", "Its address outside.", |node| address(node, "ExternalIP")).wide(),
            Column::string("OS-Image", "Its operating system.", |node| {
                cells::text_or(node, "/status/nodeInfo/osImage", "<unknown>")
            })
            .wide(),
            Column::string("Kernel-Version", "Its kernel.", |node| {
                cells::text_or(node, "/status/nodeInfo/kernelVersion", "<unknown>")
            })
            .wide(),
            Column::string("Container-Runtime", "What runs its containers.", |node| {
                cells::text_or(node, "/status/nodeInfo/containerRuntimeVersion", "<unknown>")
            })
            .wide(),
        ],
        idle: Some("is stored, but nothing is scheduled onto nodes here"),
        ..USUAL
    },
    Stored {
        group: "coordination.k8s.io",
        kind: "Lease",
        list_kind: "LeaseList",
        plural: "leases",
        singular: "lease",
        columns: &[Column::string("Holder", "Who holds it.", |lease| {
            cells::text(lease, "/spec/holderIdentity").into()
        })],
        ..USUAL
    },
    Stored {
        group: "admissionregistration.k8s.io",
        kind: "MutatingWebhookConfiguration",
        list_kind: "MutatingWebhookConfigurationList",
        plural: "mutatingwebhookconfigurations",
        singular: "mutatingwebhookconfiguration",
        categories: &["api-extensions"],
        namespaced: false,
        columns: &[webhooks()],
        idle: Some(NOT_CALLED),
        ..USUAL
    },
    Stored {
        group: "admissionregistration.k8s.io",
        kind: "ValidatingWebhookConfiguration",
        list_kind: "ValidatingWebhookConfigurationList",
        plural: "validatingwebhookconfigurations",
        singular: "validatingwebhookconfiguration",
        categories: &["api-extensions"],
        namespaced: false,
        columns: &[webhooks()],
        idle: Some(NOT_CALLED),
        ..USUAL
    },
    Stored {
        group: "apiextensions.k8s.io",
        kind: "CustomResourceDefinition",
        list_kind: "CustomResourceDefinitionList",
        plural: "customresourcedefinitions",
        singular: "customresourcedefinition",
        short_names: &["crd", "crds"],
        categories: &["api-extensions"],
        namespaced: false,
        status: Some(|| json!({})),
        columns: &[cells::NAME, cells::CREATED_AT],
        layout: Layout::Own,
        ..USUAL
    },
];

fn first_seen(event: &Value) -> String {
    let times = ["/firstTimestamp", "/eventTime"].map(|pointer| cells::text(event, pointer));
    let first = times.into_iter().find(|time| !time.is_empty());
    first.map_or("<unknown>".to_owned(), duration::since)
}

fn last_seen(event: &Value) -> String {
    match [cells::text(event, "/series/lastObservedTime"), cells::text(event, "/lastTimestamp")] {
        ["", ""] => first_seen(event),
        ["", last] | [last, _] => duration::since(last),
    }
}

fn node_status(node: &Value) -> String {
    let ready = cells::items(node, "/status/conditions").find(|condition| condition["type"] == "Ready");
    let mut status = match ready {
        None => "Unknown".to_owned(),
        Some(condition) if condition["status"] == "True" => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
    };
    if node.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(node: &Value) -> String {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let roles: Vec<&str> = labels.filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/")).collect();
    if roles.is_empty() { NONE.to_owned() } else { roles.join(",") }
}

fn address(node: &Value, type_: &str) -> Value {
    let found = cells::items(node, "/status/addresses").find(|address| address["type"] == type_);
    found.map_or(NONE.into(), |address| address["address"].clone())
}

/// The fields that `events.k8s.io/v1` and core `v1` name differently.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn event_to_core(event: &mut Value) {
    rename(event, EVENT_FIELDS);
    super::defaults::event(event);
}

fn event_from_core(event: &mut Value) {
    rename(event, EVENT_FIELDS.map(|(new, core)| (core, new)));
    // Empty, they are written in the core group only.
    if let Value::Object(fields) = event {
        fields.retain(|name, value| !(name.starts_with("reporting") && *value == ""));
    }
}

fn rename(object: &mut Value, names: [(&str, &str); 7]) {
    let Value::Object(fields) = object else { return };
    for (from, to) in names {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{event_from_core, event_to_core, last_seen};
    use serde_json::json;

    #[test]
    fn an_event_is_one_in_both_groups() {
        let core = json!({"involvedObject": {"kind": "Pod"}, "message": "m", "count": 2, "reportingComponent": "c"});
        let mut event = core.clone();
        event_from_core(&mut event);
        let expected =
            json!({"regarding": {"kind": "Pod"}, "note": "m", "deprecatedCount": 2, "reportingController": "c"});
        assert_eq!(event, expected);
        event_to_core(&mut event);
        let expected = json!({
            "involvedObject": {"kind": "Pod"}, "message": "m", "count": 2, "reportingComponent": "c",
            "reportingInstance": "", "source": {}, "eventTime": null, "firstTimestamp": null, "lastTimestamp": null,
        });
        assert_eq!(event, expected);
        assert_eq!(last_seen(&core), "<unknown>");
    }
}
