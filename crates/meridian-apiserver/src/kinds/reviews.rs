//! What can be asked about rights and tokens.

use super::{Stored, USUAL};
use crate::reviews::Question;

const AUTHENTICATION: Stored = Stored { group: "authentication.k8s.io", namespaced: false, ..USUAL };
const AUTHORIZATION: Stored = Stored { group: "authorization.k8s.io", namespaced: false, ..USUAL };

pub(super) static KINDS: &[(Stored, Question)] = &[
    (
        Stored {
            kind: "SelfSubjectReview",
            plural: "selfsubjectreviews",
            singular: "selfsubjectreview",
            ..AUTHENTICATION
        },
        Question::SelfSubject,
    ),
    (
        Stored { kind: "TokenReview", plural: "tokenreviews", singular: "tokenreview", ..AUTHENTICATION },
        Question::Token,
    ),
    (
        Stored {
            kind: "LocalSubjectAccessReview",
            plural: "localsubjectaccessreviews",
            singular: "localsubjectaccessreview",
            namespaced: true,
            ..AUTHORIZATION
        },
        Question::LocalSubjectAccess,
    ),
    (
        Stored {
            kind: "SelfSubjectAccessReview",
            plural: "selfsubjectaccessreviews",
            singular: "selfsubjectaccessreview",
            ..AUTHORIZATION
        },
        Question::SelfSubjectAccess,
    ),
    (
        Stored {
            kind: "SelfSubjectRulesReview",
            plural: "selfsubjectrulesreviews",
            singular: "selfsubjectrulesreview",
            ..AUTHORIZATION
        },
        Question::SelfSubjectRules,
    ),
    (
        Stored {
            kind: "SubjectAccessReview",
            plural: "subjectaccessreviews",
            singular: "subjectaccessreview",
            ..AUTHORIZATION
        },
        Question::SubjectAccess,
    ),
];
