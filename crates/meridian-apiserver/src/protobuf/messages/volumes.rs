//! Volumes and claims.

use super::Type::{Bool, Number, Quantity, QuantityMap, Text, TextMap, Time};
use super::others::LABEL_SELECTOR;
use super::pods::{OBJECT_FIELD_SELECTOR, RESOURCE_CLAIM, RESOURCE_FIELD_SELECTOR};
use super::{LOCAL_OBJECT_REFERENCE, METADATA, Message, TYPED_LOCAL_OBJECT_REFERENCE, Type, many, one, optional};

pub(super) static AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE: Message = Message {
    name: "AWSElasticBlockStoreVolumeSource",
    fields: &[one(1, "volumeID", Text), one(2, "fsType", Text), one(3, "partition", Number), one(4, "readOnly", Bool)],
};

pub(super) static AZURE_DISK_VOLUME_SOURCE: Message = Message {
    name: "AzureDiskVolumeSource",
    fields: &[
        one(1, "diskName", Text),
        one(2, "diskURI", Text),
        optional(3, "cachingMode", Text),
        optional(4, "fsType", Text),
        optional(5, "readOnly", Bool),
        optional(6, "kind", Text),
    ],
};

pub(super) static AZURE_FILE_VOLUME_SOURCE: Message = Message {
    name: "AzureFileVolumeSource",
    fields: &[one(1, "secretName", Text), one(2, "shareName", Text), one(3, "readOnly", Bool)],
};

pub(super) static CEPH_FS_VOLUME_SOURCE: Message = Message {
    name: "CephFSVolumeSource",
    fields: &[
        many(1, "monitors", Text),
        one(2, "path", Text),
        one(3, "user", Text),
        one(4, "secretFile", Text),
        optional(5, "secretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
        one(6, "readOnly", Bool),
    ],
};

pub(super) static CINDER_VOLUME_SOURCE: Message = Message {
    name: "CinderVolumeSource",
    fields: &[
        one(1, "volumeID", Text),
        one(2, "fsType", Text),
        one(3, "readOnly", Bool),
        optional(4, "secretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
    ],
};

pub(super) static CLUSTER_TRUST_BUNDLE_PROJECTION: Message = Message {
    name: "ClusterTrustBundleProjection",
    fields: &[
        optional(1, "name", Text),
        optional(2, "signerName", Text),
        optional(3, "labelSelector", Type::Message(&LABEL_SELECTOR)),
        one(4, "path", Text),
        optional(5, "optional", Bool),
    ],
};

pub(super) static CONFIG_MAP_PROJECTION: Message = Message {
    name: "ConfigMapProjection",
    fields: &[
        one(1, "LocalObjectReference", Type::Inline(&LOCAL_OBJECT_REFERENCE)),
        many(2, "items", Type::Message(&KEY_TO_PATH)),
        optional(4, "optional", Bool),
    ],
};

pub(super) static CONFIG_MAP_VOLUME_SOURCE: Message = Message {
    name: "ConfigMapVolumeSource",
    fields: &[
        one(1, "LocalObjectReference", Type::Inline(&LOCAL_OBJECT_REFERENCE)),
        many(2, "items", Type::Message(&KEY_TO_PATH)),
        optional(3, "defaultMode", Number),
        optional(4, "optional", Bool),
    ],
};

pub(super) static CSI_VOLUME_SOURCE: Message = Message {
    name: "CSIVolumeSource",
    fields: &[
        one(1, "driver", Text),
        optional(2, "readOnly", Bool),
        optional(3, "fsType", Text),
        one(4, "volumeAttributes", TextMap),
        optional(5, "nodePublishSecretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
    ],
};

pub(super) static DOWNWARD_API_PROJECTION: Message =
    Message { name: "DownwardAPIProjection", fields: &[many(1, "items", Type::Message(&DOWNWARD_API_VOLUME_FILE))] };

pub(super) static DOWNWARD_API_VOLUME_FILE: Message = Message {
    name: "DownwardAPIVolumeFile",
    fields: &[
        one(1, "path", Text),
        optional(2, "fieldRef", Type::Message(&OBJECT_FIELD_SELECTOR)),
        optional(3, "resourceFieldRef", Type::Message(&RESOURCE_FIELD_SELECTOR)),
        optional(4, "mode", Number),
    ],
};

pub(super) static DOWNWARD_API_VOLUME_SOURCE: Message = Message {
    name: "DownwardAPIVolumeSource",
    fields: &[many(1, "items", Type::Message(&DOWNWARD_API_VOLUME_FILE)), optional(2, "defaultMode", Number)],
};

pub(super) static EMPTY_DIR_VOLUME_SOURCE: Message =
    Message { name: "EmptyDirVolumeSource", fields: &[one(1, "medium", Text), optional(2, "sizeLimit", Quantity)] };

pub(super) static EPHEMERAL_VOLUME_SOURCE: Message = Message {
    name: "EphemeralVolumeSource",
    fields: &[optional(1, "volumeClaimTemplate", Type::Message(&PERSISTENT_VOLUME_CLAIM_TEMPLATE))],
};

pub(super) static FC_VOLUME_SOURCE: Message = Message {
    name: "FCVolumeSource",
    fields: &[
        many(1, "targetWWNs", Text),
        optional(2, "lun", Number),
        one(3, "fsType", Text),
        one(4, "readOnly", Bool),
        many(5, "wwids", Text),
    ],
};

pub(super) static FLEX_VOLUME_SOURCE: Message = Message {
    name: "FlexVolumeSource",
    fields: &[
        one(1, "driver", Text),
        one(2, "fsType", Text),
        optional(3, "secretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
        one(4, "readOnly", Bool),
        one(5, "options", TextMap),
    ],
};

pub(super) static FLOCKER_VOLUME_SOURCE: Message =
    Message { name: "FlockerVolumeSource", fields: &[one(1, "datasetName", Text), one(2, "datasetUUID", Text)] };

pub(super) static GCE_PERSISTENT_DISK_VOLUME_SOURCE: Message = Message {
    name: "GCEPersistentDiskVolumeSource",
    fields: &[one(1, "pdName", Text), one(2, "fsType", Text), one(3, "partition", Number), one(4, "readOnly", Bool)],
};

pub(super) static GIT_REPO_VOLUME_SOURCE: Message = Message {
    name: "GitRepoVolumeSource",
    fields: &[one(1, "repository", Text), one(2, "revision", Text), one(3, "directory", Text)],
};

pub(super) static GLUSTERFS_VOLUME_SOURCE: Message = Message {
    name: "GlusterfsVolumeSource",
    fields: &[one(1, "endpoints", Text), one(2, "path", Text), one(3, "readOnly", Bool)],
};

pub(super) static HOST_PATH_VOLUME_SOURCE: Message =
    Message { name: "HostPathVolumeSource", fields: &[one(1, "path", Text), optional(2, "type", Text)] };

pub(super) static IMAGE_VOLUME_SOURCE: Message =
    Message { name: "ImageVolumeSource", fields: &[one(1, "reference", Text), one(2, "pullPolicy", Text)] };

pub(super) static IMAGE_VOLUME_STATUS: Message =
    Message { name: "ImageVolumeStatus", fields: &[one(1, "imageRef", Text)] };

pub(super) static ISCSI_VOLUME_SOURCE: Message = Message {
    name: "ISCSIVolumeSource",
    fields: &[
        one(1, "targetPortal", Text),
        one(2, "iqn", Text),
        one(3, "lun", Number),
        one(4, "iscsiInterface", Text),
        one(5, "fsType", Text),
        one(6, "readOnly", Bool),
        many(7, "portals", Text),
        one(8, "chapAuthDiscovery", Bool),
        optional(10, "secretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
        one(11, "chapAuthSession", Bool),
        optional(12, "initiatorName", Text),
    ],
};

pub(super) static KEY_TO_PATH: Message =
    Message { name: "KeyToPath", fields: &[one(1, "key", Text), one(2, "path", Text), optional(3, "mode", Number)] };

pub(super) static MODIFY_VOLUME_STATUS: Message = Message {
    name: "ModifyVolumeStatus",
    fields: &[one(1, "targetVolumeAttributesClassName", Text), one(2, "status", Text)],
};

pub(super) static NFS_VOLUME_SOURCE: Message = Message {
    name: "NFSVolumeSource",
    fields: &[one(1, "server", Text), one(2, "path", Text), one(3, "readOnly", Bool)],
};

pub(super) static PERSISTENT_VOLUME_CLAIM: Message = Message {
    name: "PersistentVolumeClaim",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&PERSISTENT_VOLUME_CLAIM_SPEC)),
        one(3, "status", Type::Message(&PERSISTENT_VOLUME_CLAIM_STATUS)),
    ],
};

pub(super) static PERSISTENT_VOLUME_CLAIM_CONDITION: Message = Message {
    name: "PersistentVolumeClaimCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastProbeTime", Time),
        one(4, "lastTransitionTime", Time),
        one(5, "reason", Text),
        one(6, "message", Text),
    ],
};

pub(super) static PERSISTENT_VOLUME_CLAIM_SPEC: Message = Message {
    name: "PersistentVolumeClaimSpec",
    fields: &[
        many(1, "accessModes", Text),
        one(2, "resources", Type::Message(&VOLUME_RESOURCE_REQUIREMENTS)),
        one(3, "volumeName", Text),
        optional(4, "selector", Type::Message(&LABEL_SELECTOR)),
        optional(5, "storageClassName", Text),
        optional(6, "volumeMode", Text),
        optional(7, "dataSource", Type::Message(&TYPED_LOCAL_OBJECT_REFERENCE)),
        optional(8, "dataSourceRef", Type::Message(&TYPED_OBJECT_REFERENCE)),
        optional(9, "volumeAttributesClassName", Text),
    ],
};

pub(super) static PERSISTENT_VOLUME_CLAIM_STATUS: Message = Message {
    name: "PersistentVolumeClaimStatus",
    fields: &[
        one(1, "phase", Text),
        many(2, "accessModes", Text),
        one(3, "capacity", QuantityMap),
        many(4, "conditions", Type::Message(&PERSISTENT_VOLUME_CLAIM_CONDITION)),
        one(5, "allocatedResources", QuantityMap),
        one(7, "allocatedResourceStatuses", TextMap),
        optional(8, "currentVolumeAttributesClassName", Text),
        optional(9, "modifyVolumeStatus", Type::Message(&MODIFY_VOLUME_STATUS)),
    ],
};

pub(super) static PERSISTENT_VOLUME_CLAIM_TEMPLATE: Message = Message {
    name: "PersistentVolumeClaimTemplate",
    fields: &[METADATA, one(2, "spec", Type::Message(&PERSISTENT_VOLUME_CLAIM_SPEC))],
};

pub(super) static PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE: Message = Message {
    name: "PersistentVolumeClaimVolumeSource",
    fields: &[one(1, "claimName", Text), one(2, "readOnly", Bool)],
};

pub(super) static PHOTON_PERSISTENT_DISK_VOLUME_SOURCE: Message =
    Message { name: "PhotonPersistentDiskVolumeSource", fields: &[one(1, "pdID", Text), one(2, "fsType", Text)] };

pub(super) static POD_CERTIFICATE_PROJECTION: Message = Message {
    name: "PodCertificateProjection",
    fields: &[
        one(1, "signerName", Text),
        one(2, "keyType", Text),
        optional(3, "maxExpirationSeconds", Number),
        one(4, "credentialBundlePath", Text),
        one(5, "keyPath", Text),
        one(6, "certificateChainPath", Text),
        one(7, "userAnnotations", TextMap),
    ],
};

pub(super) static PORTWORX_VOLUME_SOURCE: Message = Message {
    name: "PortworxVolumeSource",
    fields: &[one(1, "volumeID", Text), one(2, "fsType", Text), one(3, "readOnly", Bool)],
};

pub(super) static PROJECTED_VOLUME_SOURCE: Message = Message {
    name: "ProjectedVolumeSource",
    fields: &[many(1, "sources", Type::Message(&VOLUME_PROJECTION)), optional(2, "defaultMode", Number)],
};

pub(super) static QUOBYTE_VOLUME_SOURCE: Message = Message {
    name: "QuobyteVolumeSource",
    fields: &[
        one(1, "registry", Text),
        one(2, "volume", Text),
        one(3, "readOnly", Bool),
        one(4, "user", Text),
        one(5, "group", Text),
        one(6, "tenant", Text),
    ],
};

pub(super) static RBD_VOLUME_SOURCE: Message = Message {
    name: "RBDVolumeSource",
    fields: &[
        many(1, "monitors", Text),
        one(2, "image", Text),
        one(3, "fsType", Text),
        one(4, "pool", Text),
        one(5, "user", Text),
        one(6, "keyring", Text),
        optional(7, "secretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
        one(8, "readOnly", Bool),
    ],
};

pub(super) static RESOURCE_REQUIREMENTS: Message = Message {
    name: "ResourceRequirements",
    fields: &[
        one(1, "limits", QuantityMap),
        one(2, "requests", QuantityMap),
        many(3, "claims", Type::Message(&RESOURCE_CLAIM)),
    ],
};

pub(super) static SCALE_IO_VOLUME_SOURCE: Message = Message {
    name: "ScaleIOVolumeSource",
    fields: &[
        one(1, "gateway", Text),
        one(2, "system", Text),
        optional(3, "secretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
        one(4, "sslEnabled", Bool),
        one(5, "protectionDomain", Text),
        one(6, "storagePool", Text),
        one(7, "storageMode", Text),
        one(8, "volumeName", Text),
        one(9, "fsType", Text),
        one(10, "readOnly", Bool),
    ],
};

pub(super) static SECRET_PROJECTION: Message = Message {
    name: "SecretProjection",
    fields: &[
        one(1, "LocalObjectReference", Type::Inline(&LOCAL_OBJECT_REFERENCE)),
        many(2, "items", Type::Message(&KEY_TO_PATH)),
        optional(4, "optional", Bool),
    ],
};

pub(super) static SECRET_VOLUME_SOURCE: Message = Message {
    name: "SecretVolumeSource",
    fields: &[
        one(1, "secretName", Text),
        many(2, "items", Type::Message(&KEY_TO_PATH)),
        optional(3, "defaultMode", Number),
        optional(4, "optional", Bool),
    ],
};

pub(super) static SERVICE_ACCOUNT_TOKEN_PROJECTION: Message = Message {
    name: "ServiceAccountTokenProjection",
    fields: &[one(1, "audience", Text), optional(2, "expirationSeconds", Number), one(3, "path", Text)],
};

pub(super) static STORAGE_OS_VOLUME_SOURCE: Message = Message {
    name: "StorageOSVolumeSource",
    fields: &[
        one(1, "volumeName", Text),
        one(2, "volumeNamespace", Text),
        one(3, "fsType", Text),
        one(4, "readOnly", Bool),
        optional(5, "secretRef", Type::Message(&LOCAL_OBJECT_REFERENCE)),
    ],
};

pub(super) static TYPED_OBJECT_REFERENCE: Message = Message {
    name: "TypedObjectReference",
    fields: &[
        optional(1, "apiGroup", Text),
        one(2, "kind", Text),
        one(3, "name", Text),
        optional(4, "namespace", Text),
    ],
};

pub(super) static VOLUME: Message =
    Message { name: "Volume", fields: &[one(1, "name", Text), one(2, "VolumeSource", Type::Inline(&VOLUME_SOURCE))] };

pub(super) static VOLUME_DEVICE: Message =
    Message { name: "VolumeDevice", fields: &[one(1, "name", Text), one(2, "devicePath", Text)] };

pub(super) static VOLUME_MOUNT: Message = Message {
    name: "VolumeMount",
    fields: &[
        one(1, "name", Text),
        one(2, "readOnly", Bool),
        one(3, "mountPath", Text),
        one(4, "subPath", Text),
        optional(5, "mountPropagation", Text),
        one(6, "subPathExpr", Text),
        optional(7, "recursiveReadOnly", Text),
    ],
};

pub(super) static VOLUME_MOUNT_STATUS: Message = Message {
    name: "VolumeMountStatus",
    fields: &[
        one(1, "name", Text),
        one(2, "mountPath", Text),
        one(3, "readOnly", Bool),
        optional(4, "recursiveReadOnly", Text),
        optional(5, "volumeStatus", Type::Message(&VOLUME_STATUS)),
    ],
};

pub(super) static VOLUME_PROJECTION: Message = Message {
    name: "VolumeProjection",
    fields: &[
        optional(1, "secret", Type::Message(&SECRET_PROJECTION)),
        optional(2, "downwardAPI", Type::Message(&DOWNWARD_API_PROJECTION)),
        optional(3, "configMap", Type::Message(&CONFIG_MAP_PROJECTION)),
        optional(4, "serviceAccountToken", Type::Message(&SERVICE_ACCOUNT_TOKEN_PROJECTION)),
        optional(5, "clusterTrustBundle", Type::Message(&CLUSTER_TRUST_BUNDLE_PROJECTION)),
        optional(6, "podCertificate", Type::Message(&POD_CERTIFICATE_PROJECTION)),
    ],
};

pub(super) static VOLUME_RESOURCE_REQUIREMENTS: Message = Message {
    name: "VolumeResourceRequirements",
    fields: &[one(1, "limits", QuantityMap), one(2, "requests", QuantityMap)],
};

pub(super) static VOLUME_SOURCE: Message = Message {
    name: "VolumeSource",
    fields: &[
        optional(1, "hostPath", Type::Message(&HOST_PATH_VOLUME_SOURCE)),
        optional(2, "emptyDir", Type::Message(&EMPTY_DIR_VOLUME_SOURCE)),
        optional(3, "gcePersistentDisk", Type::Message(&GCE_PERSISTENT_DISK_VOLUME_SOURCE)),
        optional(4, "awsElasticBlockStore", Type::Message(&AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE)),
        optional(5, "gitRepo", Type::Message(&GIT_REPO_VOLUME_SOURCE)),
        optional(6, "secret", Type::Message(&SECRET_VOLUME_SOURCE)),
        optional(7, "nfs", Type::Message(&NFS_VOLUME_SOURCE)),
        optional(8, "iscsi", Type::Message(&ISCSI_VOLUME_SOURCE)),
        optional(9, "glusterfs", Type::Message(&GLUSTERFS_VOLUME_SOURCE)),
        optional(10, "persistentVolumeClaim", Type::Message(&PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE)),
        optional(11, "rbd", Type::Message(&RBD_VOLUME_SOURCE)),
        optional(12, "flexVolume", Type::Message(&FLEX_VOLUME_SOURCE)),
        optional(13, "cinder", Type::Message(&CINDER_VOLUME_SOURCE)),
        optional(14, "cephfs", Type::Message(&CEPH_FS_VOLUME_SOURCE)),
        optional(15, "flocker", Type::Message(&FLOCKER_VOLUME_SOURCE)),
        optional(16, "downwardAPI", Type::Message(&DOWNWARD_API_VOLUME_SOURCE)),
        optional(17, "fc", Type::Message(&FC_VOLUME_SOURCE)),
        optional(18, "azureFile", Type::Message(&AZURE_FILE_VOLUME_SOURCE)),
        optional(19, "configMap", Type::Message(&CONFIG_MAP_VOLUME_SOURCE)),
        optional(20, "vsphereVolume", Type::Message(&VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE)),
        optional(21, "quobyte", Type::Message(&QUOBYTE_VOLUME_SOURCE)),
        optional(22, "azureDisk", Type::Message(&AZURE_DISK_VOLUME_SOURCE)),
        optional(23, "photonPersistentDisk", Type::Message(&PHOTON_PERSISTENT_DISK_VOLUME_SOURCE)),
        optional(24, "portworxVolume", Type::Message(&PORTWORX_VOLUME_SOURCE)),
        optional(25, "scaleIO", Type::Message(&SCALE_IO_VOLUME_SOURCE)),
        optional(26, "projected", Type::Message(&PROJECTED_VOLUME_SOURCE)),
        optional(27, "storageos", Type::Message(&STORAGE_OS_VOLUME_SOURCE)),
        optional(28, "csi", Type::Message(&CSI_VOLUME_SOURCE)),
        optional(29, "ephemeral", Type::Message(&EPHEMERAL_VOLUME_SOURCE)),
        optional(30, "image", Type::Message(&IMAGE_VOLUME_SOURCE)),
    ],
};

pub(super) static VOLUME_STATUS: Message =
    Message { name: "VolumeStatus", fields: &[optional(1, "image", Type::Message(&IMAGE_VOLUME_STATUS))] };

pub(super) static VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE: Message = Message {
    name: "VsphereVirtualDiskVolumeSource",
    fields: &[
        one(1, "volumePath", Text),
        one(2, "fsType", Text),
        one(3, "storagePolicyName", Text),
        one(4, "storagePolicyID", Text),
    ],
};
