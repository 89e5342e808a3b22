//! Volumes: claims, volumes and classes.

use meridian_resources::Column;
use serde_json::{Value, json};

use super::cells::{self, UNSET};
use super::{Stored, USUAL};

const NO_VOLUMES: &str = "is stored, but nothing provides volumes here";
const DEFAULT_CLASS: &str = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";

const STORAGE_CLASS: Column = Column::string("StorageClass", "The class of the volume.", |object| {
    cells::text(object, "/spec/storageClassName").into()
});
const ATTRIBUTES_CLASS: Column = Column::string("VolumeAttributesClass", "The class of its attributes.", |object| {
    cells::text_or(object, "/spec/volumeAttributesClassName", UNSET)
});
const MODE: Column = Column::string("VolumeMode", "What the volume is used as.", |object| {
    cells::text_or(object, "/spec/volumeMode", UNSET)
})
.wide();

pub(super) static KINDS: &[Stored] = &[
    Stored {
        kind: "PersistentVolume",
        list_kind: "PersistentVolumeList",
        plural: "persistentvolumes",
        singular: "persistentvolume",
        short_names: &["pv"],
        namespaced: false,
        status: Some(|| json!({"phase": "Pending"})),
        columns: &[
            Column::string("Capacity", "How much it holds.", |object| {
                cells::scalar(object, "/spec/capacity/storage", "0")
            }),
            Column::string("Access Modes", "How it can be mounted.", |object| modes(object, "/spec/accessModes")),
            Column::string("Reclaim Policy", "What happens to it when its claim goes.", |object| {
                cells::text(object, "/spec/persistentVolumeReclaimPolicy").into()
            }),
            Column::string("Status", "Its phase.", phase),
            Column::string("Claim", "The claim that it belongs to.", |object| match object.pointer("/spec/claimRef") {
                Some(claim) => format!("{}/{}", cells::text(claim, "/namespace"), cells::text(claim, "/name")).into(),
                None => "".into(),
            }),
            STORAGE_CLASS,
            ATTRIBUTES_CLASS,
            Column::string("Reason", "Why it is in this phase.", |object| cells::text(object, "/status/reason").into()),
            MODE,
        ],
        idle: Some(NO_VOLUMES),
        ..USUAL
    },
    Stored {
        kind: "PersistentVolumeClaim",
        list_kind: "PersistentVolumeClaimList",
        plural: "persistentvolumeclaims",
        singular: "persistentvolumeclaim",
        short_names: &["pvc"],
        status: Some(|| json!({"phase": "Pending"})),
        columns: &[
            Column::string("Status", "Its phase.", phase),
            Column::string("Volume", "The volume that it has got.", |object| {
                cells::text(object, "/spec/volumeName").into()
            }),
            Column::string("Capacity", "How much the volume holds.", |object| {
                if_bound(object, || cells::scalar(object, "/status/capacity/storage", "0"))
            }),
            Column::string("Access Modes", "How the volume can be mounted.", |object| {
                if_bound(object, || modes(object, "/status/accessModes"))
            }),
            STORAGE_CLASS,
            ATTRIBUTES_CLASS,
            MODE,
        ],
        idle: Some(NO_VOLUMES),
        ..USUAL
    },
    Stored {
        group: "storage.k8s.io",
        kind: "StorageClass",
        list_kind: "StorageClassList",
        plural: "storageclasses",
        singular: "storageclass",
        short_names: &["sc"],
        namespaced: false,
        columns: &[
            Column::string("Name", "Name of the class, and whether it is the default.", |object| {
                let default = if cells::text(object, DEFAULT_CLASS) == "true" { " (default)" } else { "" };
                format!("{}{default}", cells::text(object, "/metadata/name")).into()
            }),
            Column::string("Provisioner", "Who provides its volumes.", |object| {
                cells::text(object, "/provisioner").into()
            }),
            Column::string("ReclaimPolicy", "What happens to volumes when their claims go.", |object| {
                cells::text_or(object, "/reclaimPolicy", "Delete")
            }),
            Column::string("VolumeBindingMode", "When volumes are made.", |object| {
                cells::text_or(object, "/volumeBindingMode", "Immediate")
            }),
            Column::string("AllowVolumeExpansion", "Whether volumes can grow.", |object| {
                (object.pointer("/allowVolumeExpansion") == Some(&Value::Bool(true))).into()
            }),
            cells::AGE,
        ],
        layout: crate::resource::Layout::Own,
        idle: Some(NO_VOLUMES),
        ..USUAL
    },
];

fn phase(object: &Value) -> Value {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return "Terminating".into();
    }
    cells::text(object, "/status/phase").into()
}

fn if_bound(claim: &Value, cell: impl Fn() -> Value) -> Value {
    if cells::text(claim, "/spec/volumeName").is_empty() { "".into() } else { cell() }
}

/// `RWO,ROX`.
fn modes(object: &Value, pointer: &str) -> Value {
    let given = |mode: &str| cells::items(object, pointer).any(|one| one == mode);
    let known =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let shown: Vec<&str> = known.into_iter().filter(|(mode, _)| given(mode)).map(|(_, short)| short).collect();
    shown.join(",").into()
}
