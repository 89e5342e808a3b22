//! Query parameters (`metav1.ListOptions`, `CreateOptions` and their relatives).

use percent_encoding::percent_decode_str;

use crate::error::ApiError;
use crate::selector::{FieldSelector, LabelSelector};

/// The parameters of a URL, in order.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Splits and decodes the part after `?`.
    pub(crate) fn parse(query: Option<&str>) -> Result<Query, ApiError> {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            let decoded = percent_decode_str(&text).decode_utf8().map(|text| text.into_owned());
            decoded.map_err(|_| ApiError::bad_request(format!("the query parameter {text:?} is not valid UTF-8")))
        };
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        decoded.collect::<Result<_, ApiError>>().map(Query)
    }

    /// The first value of a parameter, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A boolean as Kubernetes reads it: present and neither `0` nor `false` is true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let value = self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        value.is_some_and(|value| !matches!(value, "0" | "false" | "False" | "FALSE"))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::bad_request(format!("{name}={text:?} is not a number; it must be zero or more"))
                })
            })
            .transpose()
    }
}

/// How a given `resourceVersion` is meant in a list (`resourceVersionMatch`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    /// As it was at that revision.
    Exact,
    /// As it was then or later.
    NotOlderThan,
}

/// The parameters of lists and watches.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListOptions {
    /// Which objects by their labels.
    pub labels: LabelSelector,
    /// Which objects by their fields.
    pub fields: FieldSelector,
    /// The revision to list or to watch from.
    pub resource_version: Option<u64>,
    /// What it means for a list.
    pub version_match: Option<VersionMatch>,
    /// The most items of a list; 0 is no limit.
    pub limit: usize,
    /// Where the page before ended.
    pub continue_token: Option<String>,
    /// Seconds after which a watch ends.
    pub timeout_seconds: Option<u64>,
    /// Whether a watch may send bookmarks.
    pub bookmarks: bool,
    /// Whether a watch begins with the objects that are there, and says where they end.
    pub send_initial_events: bool,
}

impl ListOptions {
    pub(crate) fn parse(query: &Query) -> Result<ListOptions, ApiError> {
        let version_match = match query.get("resourceVersionMatch") {
            None => None,
            Some("Exact") => Some(VersionMatch::Exact),
            Some("NotOlderThan") => Some(VersionMatch::NotOlderThan),
            Some(other) => {
                let message =
                    format!("resourceVersionMatch={other:?} is not supported; use \"Exact\" or \"NotOlderThan\"");
                return Err(ApiError::bad_request(message));
            }
        };
        Ok(ListOptions {
            labels: LabelSelector::parse(query.get("labelSelector").unwrap_or_default())?,
            fields: FieldSelector::parse(query.get("fieldSelector").unwrap_or_default())?,
            resource_version: resource_version(query.get("resourceVersion"))?,
            version_match,
            limit: usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX),
            continue_token: query.get("continue").map(str::to_owned),
            timeout_seconds: query.number("timeoutSeconds")?,
            bookmarks: query.flag("allowWatchBookmarks"),
            send_initial_events: query.flag("sendInitialEvents"),
        })
    }
}

/// Reads a revision.
pub(crate) fn resource_version(text: Option<&str>) -> Result<Option<u64>, ApiError> {
    let invalid = |text: &str| {
        ApiError::bad_request(format!(
            "resourceVersion: Invalid value: \"{text}\": it must be a number from this server"
        ))
    };
    text.map(|text| text.parse().map_err(|_| invalid(text))).transpose()
}

/// What happens to fields that the schema does not have (`fieldValidation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and the client is warned.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// The parameters of writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteOptions {
    /// Do everything but write.
    pub dry_run: bool,
    /// What happens to unknown fields.
    pub field_validation: FieldValidation,
}

impl WriteOptions {
    pub(crate) fn parse(query: &Query) -> Result<WriteOptions, ApiError> {
        let dry_run = match query.get("dryRun") {
            None => false,
            Some("All") => true,
            Some(other) => {
                return Err(ApiError::bad_request(format!("dryRun={other:?} is not supported; use \"All\"")));
            }
        };
        let field_validation = match query.get("fieldValidation") {
            None => FieldValidation::default(),
            Some("Ignore") => FieldValidation::Ignore,
            Some("Warn") => FieldValidation::Warn,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                let message =
                    format!("fieldValidation={other:?} is not supported; use \"Ignore\", \"Warn\" or \"Strict\"");
                return Err(ApiError::bad_request(message));
            }
        };
        Ok(WriteOptions { dry_run, field_validation })
    }
}
