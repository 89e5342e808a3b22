//! What makes pods: `apps`, `batch`, and the older kinds of core.

use meridian_resources::Column;
use serde_json::{Value, json};

use super::cells::{self, NONE};
use super::{Stored, USUAL};
use crate::resource::Layout;

const NO_PODS: &str = "is stored, but nothing runs its pods here; start the program yourself, and give its Service an \
    EndpointSlice with the program's address, or describe it with a ServiceEntry";
const NO_JOBS: &str = "is stored, but nothing runs its pods here; run the program yourself";

const CONTAINERS: Column = Column::string("Containers", "Names of the containers of the template.", |object| {
    cells::containers(object, "/spec/template", "name")
})
.wide();
const IMAGES: Column = Column::string("Images", "Images of the containers of the template.", |object| {
    cells::containers(object, "/spec/template", "image")
})
.wide();
const SELECTOR: Column =
    Column::string("Selector", "Label selector of the pods.", |object| cells::selector(object, "/spec/selector"))
        .wide();

const fn count(name: &'static str, description: &'static str, cell: fn(&Value) -> Value) -> Column {
    let mut column = Column::string(name, description, cell);
    column.type_ = "integer";
    column
}

const DESIRED: Column = count("Desired", "Number of desired pods.", |object| cells::number(object, "/spec/replicas"));
const CURRENT: Column =
    count("Current", "Number of pods that there are.", |object| cells::number(object, "/status/replicas"));
const READY: Column =
    count("Ready", "Number of pods that are ready.", |object| cells::number(object, "/status/readyReplicas"));
const READY_OF_DESIRED: Column = Column::string("Ready", "Number of the pods with a ready state.", |object| {
    cells::of(object, "/status/readyReplicas", "/spec/replicas")
});

pub(super) static KINDS: &[Stored] = &[
    Stored {
        group: "apps",
        kind: "ControllerRevision",
        list_kind: "ControllerRevisionList",
        plural: "controllerrevisions",
        singular: "controllerrevision",
        columns: &[
            Column::string("Controller", "Controller of the object.", controller),
            Column::string("Revision", "Revision of the object.", |object| cells::number(object, "/revision")),
        ],
        ..USUAL
    },
    Stored {
        group: "apps",
        kind: "DaemonSet",
        list_kind: "DaemonSetList",
        plural: "daemonsets",
        singular: "daemonset",
        short_names: &["ds"],
        categories: &["all"],
        status: Some(
            || json!({"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0}),
        ),
        columns: &[
            count("Desired", "Nodes that should run the pod.", |object| {
                cells::number(object, "/status/desiredNumberScheduled")
            }),
            count("Current", "Nodes that run the pod.", |object| {
                cells::number(object, "/status/currentNumberScheduled")
            }),
            count("Ready", "Nodes with a ready pod.", |object| cells::number(object, "/status/numberReady")),
            count("Up-to-date", "Nodes with the pod of this template.", |object| {
                cells::number(object, "/status/updatedNumberScheduled")
            }),
            count("Available", "Nodes with an available pod.", |object| {
                cells::number(object, "/status/numberAvailable")
            }),
            Column::string("Node Selector", "Which nodes should run the pod.", |object| {
                cells::labels(object, "/spec/template/spec/nodeSelector")
            }),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        idle: Some(NO_PODS),
        ..USUAL
    },
    Stored {
        group: "apps",
        kind: "Deployment",
        list_kind: "DeploymentList",
        plural: "deployments",
        singular: "deployment",
        short_names: &["deploy"],
        categories: &["all"],
        status: Some(|| json!({})),
        columns: &[
            READY_OF_DESIRED,
            Column::string("Up-to-date", "Pods of the present template.", |object| {
                cells::number(object, "/status/updatedReplicas")
            }),
            Column::string("Available", "Pods that have been ready for long enough.", |object| {
                cells::number(object, "/status/availableReplicas")
            }),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        idle: Some(NO_PODS),
        scale: true,
        ..USUAL
    },
    Stored {
        group: "apps",
        kind: "ReplicaSet",
        list_kind: "ReplicaSetList",
        plural: "replicasets",
        singular: "replicaset",
        short_names: &["rs"],
        categories: &["all"],
        status: Some(|| json!({"replicas": 0})),
        columns: &[DESIRED, CURRENT, READY, CONTAINERS, IMAGES, SELECTOR],
        idle: Some(NO_PODS),
        scale: true,
        ..USUAL
    },
    Stored {
        group: "apps",
        kind: "StatefulSet",
        list_kind: "StatefulSetList",
        plural: "statefulsets",
        singular: "statefulset",
        short_names: &["sts"],
        categories: &["all"],
        status: Some(|| json!({"availableReplicas": 0, "replicas": 0})),
        columns: &[READY_OF_DESIRED, CONTAINERS, IMAGES],
        idle: Some(NO_PODS),
        scale: true,
        ..USUAL
    },
    Stored {
        group: "batch",
        kind: "CronJob",
        list_kind: "CronJobList",
        plural: "cronjobs",
        singular: "cronjob",
        short_names: &["cj"],
        categories: &["all"],
        status: Some(|| json!({})),
        columns: &[
            Column::string("Schedule", "When a job starts.", |object| cells::text(object, "/spec/schedule").into()),
            Column::string("Timezone", "The time zone of the schedule.", |object| {
                cells::text_or(object, "/spec/timeZone", NONE)
            }),
            Column::string("Suspend", "Whether no job starts.", |object| {
                let suspended = object.pointer("/spec/suspend") == Some(&Value::Bool(true));
                if suspended { "True".into() } else { "False".into() }
            }),
            count("Active", "Jobs that run.", |object| cells::items(object, "/status/active").count().into()),
            Column::string("Last Schedule", "When a job last started.", |object| {
                match cells::text(object, "/status/lastScheduleTime") {
                    "" => NONE.into(),
                    time => crate::duration::since(time).into(),
                }
            }),
            Column::string("Containers", "Names of the containers of the template.", |object| {
                cells::containers(object, "/spec/jobTemplate/spec/template", "name")
            })
            .wide(),
            Column::string("Images", "Images of the containers of the template.", |object| {
                cells::containers(object, "/spec/jobTemplate/spec/template", "image")
            })
            .wide(),
            Column::string("Selector", "Label selector of the pods.", |object| {
                cells::selector(object, "/spec/jobTemplate/spec/selector")
            })
            .wide(),
        ],
        idle: Some(NO_JOBS),
        ..USUAL
    },
    Stored {
        group: "batch",
        kind: "Job",
        list_kind: "JobList",
        plural: "jobs",
        singular: "job",
        categories: &["all"],
        status: Some(|| json!({})),
        columns: &[
            Column::string("Status", "Status of the job.", |object| job_status(object).into()),
            Column::string("Completions", "Pods that have ended well, of those that should.", completions),
            Column::string("Duration", "Time required to complete the job.", |_| "".into()),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        idle: Some(NO_JOBS),
        ..USUAL
    },
    Stored {
        kind: "PodTemplate",
        list_kind: "PodTemplateList",
        plural: "podtemplates",
        singular: "podtemplate",
        columns: &[
            Column::string("Name", "Name of the template.", |object| cells::text(object, "/metadata/name").into()),
            Column::string("Containers", "Names of its containers.", |object| {
                cells::containers(object, "/template", "name")
            }),
            Column::string("Images", "Images of its containers.", |object| {
                cells::containers(object, "/template", "image")
            }),
            Column::string("Pod Labels", "The labels of its pods.", |object| {
                cells::labels(object, "/template/metadata/labels")
            }),
        ],
        layout: Layout::Own,
        ..USUAL
    },
    Stored {
        kind: "ReplicationController",
        list_kind: "ReplicationControllerList",
        plural: "replicationcontrollers",
        singular: "replicationcontroller",
        short_names: &["rc"],
        categories: &["all"],
        status: Some(|| json!({"replicas": 0})),
        columns: &[
            DESIRED,
            CURRENT,
            READY,
            CONTAINERS,
            IMAGES,
            Column::string("Selector", "Labels of the pods.", |object| cells::labels(object, "/spec/selector")).wide(),
        ],
        idle: Some(NO_PODS),
        scale: true,
        ..USUAL
    },
];

/// `statefulset.apps/web` of the owner that controls the object.
fn controller(object: &Value) -> Value {
    let mut owners = cells::items(object, "/metadata/ownerReferences");
    let Some(owner) = owners.find(|owner| owner["controller"] == true) else { return NONE.into() };
    let kind = cells::text(owner, "/kind").to_lowercase();
    let group = cells::text(owner, "/apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
    format!("{kind}{}/{}", group.unwrap_or_default(), cells::text(owner, "/name")).into()
}

fn job_status(job: &Value) -> &'static str {
    let has = |wanted: &str| {
        cells::items(job, "/status/conditions").any(|one| one["type"] == wanted && one["status"] == "True")
    };
    if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if job.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else {
        "Running"
    }
}

fn completions(job: &Value) -> Value {
    let done = cells::number(job, "/status/succeeded");
    let parallelism = cells::number(job, "/spec/parallelism");
    match job.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(wanted) => format!("{done}/{wanted}").into(),
        None if parallelism.as_i64() > Some(1) => format!("{done}/1 of {parallelism}").into(),
        None => format!("{done}/1").into(),
    }
}
