//! Reviews: kinds that are questions. They are answered at once, and never stored.

use std::sync::OnceLock;

use crate::kinds;
use crate::resource::ApiResource;

/// A kind of review.
#[derive(Debug)]
pub(crate) struct Review {
    /// How it is called, and which fields it has.
    pub(crate) resource: ApiResource,
    /// What it asks.
    pub(crate) question: Question,
}

/// What a review asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// May I do this?
    SelfSubjectAccess,
    /// May somebody do this?
    SubjectAccess,
    /// May somebody do this in a namespace?
    LocalSubjectAccess,
    /// What may I do?
    SelfSubjectRules,
    /// Who am I?
    SelfSubject,
    /// Whose token is this?
    Token,
}

/// All of them.
pub(crate) fn all() -> &'static [Review] {
    static ALL: OnceLock<Vec<Review>> = OnceLock::new();
    ALL.get_or_init(|| kinds::reviews().map(|(resource, question)| Review { resource, question }).collect())
}

/// Those of a group and version.
pub(crate) fn of_version<'a>(group: &'a str, version: &'a str) -> impl Iterator<Item = &'static Review> + 'a {
    let is_there =
        move |review: &&Review| review.resource.group == group && review.resource.versions.contains(&version);
    all().iter().filter(is_there)
}

/// The resources that they are asked at.
pub(crate) fn resources() -> impl Iterator<Item = &'static ApiResource> {
    all().iter().map(|review| &review.resource)
}
