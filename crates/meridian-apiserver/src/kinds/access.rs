//! Who may do what: `rbac.authorization.k8s.io`.

use meridian_resources::{Column, NameRule};
use serde_json::Value;

use super::cells;
use super::{Stored, USUAL};
use crate::resource::Layout;

const GROUP: &str = "rbac.authorization.k8s.io";

const ROLE_COLUMNS: &[Column] = &[cells::NAME, cells::CREATED_AT];
const BINDING_COLUMNS: &[Column] = &[
    Column::string("Role", "The role that is given.", |object| {
        format!("{}/{}", cells::text(object, "/roleRef/kind"), cells::text(object, "/roleRef/name")).into()
    }),
    Column::string("Users", "The users that get it.", |object| subjects(object, "User")).wide(),
    Column::string("Groups", "The groups that get it.", |object| subjects(object, "Group")).wide(),
    Column::string("ServiceAccounts", "The service accounts that get it.", |object| subjects(object, "ServiceAccount"))
        .wide(),
];

const ROLE: Stored =
    Stored { group: GROUP, columns: ROLE_COLUMNS, layout: Layout::Own, name: NameRule::PathSegment, ..USUAL };
const BINDING: Stored = Stored { group: GROUP, columns: BINDING_COLUMNS, name: NameRule::PathSegment, ..USUAL };

pub(super) static KINDS: &[Stored] = &[
    Stored {
        kind: "ClusterRole",
        list_kind: "ClusterRoleList",
        plural: "clusterroles",
        singular: "clusterrole",
        namespaced: false,
        ..ROLE
    },
    Stored {
        kind: "ClusterRoleBinding",
        list_kind: "ClusterRoleBindingList",
        plural: "clusterrolebindings",
        singular: "clusterrolebinding",
        namespaced: false,
        ..BINDING
    },
    Stored { kind: "Role", list_kind: "RoleList", plural: "roles", singular: "role", ..ROLE },
    Stored {
        kind: "RoleBinding",
        list_kind: "RoleBindingList",
        plural: "rolebindings",
        singular: "rolebinding",
        ..BINDING
    },
];

fn subjects(binding: &Value, kind: &str) -> Value {
    let of_kind = cells::items(binding, "/subjects").filter(|subject| subject["kind"] == kind);
    let names = of_kind.map(|subject| match cells::text(subject, "/name") {
        name if kind == "ServiceAccount" => format!("{}/{name}", cells::text(subject, "/namespace")),
        name => name.to_owned(),
    });
    names.collect::<Vec<String>>().join(", ").into()
}
