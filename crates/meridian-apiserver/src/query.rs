//! Query parameters (`metav1.ListOptions`, `CreateOptions` and their relatives).

use std::num::{IntErrorKind, ParseIntError};

use meridian_resources::FieldError;
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

    /// Whether a parameter is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// A number; what is negative counts as not given.
    fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number: i64 = text.parse().map_err(|error| ApiError::bad_request(unparsed("ParseInt", text, &error)))?;
        Ok(u64::try_from(number).ok())
    }
}

/// What Go says of a text that is no number.
fn unparsed(function: &str, text: &str, error: &ParseIntError) -> String {
    let why = match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    format!("strconv.{function}: parsing {text:?}: {why}")
}

/// How a given `resourceVersion` is meant in a list (`resourceVersionMatch`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    /// As it was at that revision.
    Exact,
    /// As it was then or later.
    NotOlderThan,
}

const NOT_OLDER_THAN: &str = "NotOlderThan";

/// What is wrong with the parameters of a list (`ValidateListOptions`).
fn list_errors(query: &Query) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let version = query.get("resourceVersion");
    if let Some(found) = query.get("resourceVersionMatch") {
        let mut forbidden = |why: &str| errors.push(FieldError::forbidden("resourceVersionMatch", why));
        if version.is_none() {
            forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if query.get("continue").is_some() {
            forbidden("resourceVersionMatch is forbidden when continue is provided");
        }
        match (found, version) {
            ("Exact", Some("0")) => {
                forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
            }
            ("Exact" | NOT_OLDER_THAN, _) => {}
            (other, _) => {
                let supported = ["Exact", NOT_OLDER_THAN, ""];
                errors.push(FieldError::not_supported("resourceVersionMatch", &other.into(), &supported));
            }
        }
    }
    if query.get("sendInitialEvents").is_some() {
        errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    errors
}

/// What is wrong with the parameters of a watch (`ValidateListOptions`).
fn watch_errors(query: &Query) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (found, initial) = (query.get("resourceVersionMatch"), query.get("sendInitialEvents"));
    let mut forbidden = |why: &str| errors.push(FieldError::forbidden("resourceVersionMatch", why));
    if initial.is_some() && found != Some(NOT_OLDER_THAN) {
        forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if found.is_some() && initial.is_none() {
        forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
    if found.is_some() && query.get("continue").is_some() {
        forbidden("resourceVersionMatch is forbidden when continue is provided");
    }
    if let Some(other) = found.filter(|found| *found != NOT_OLDER_THAN) {
        errors.push(FieldError::not_supported("resourceVersionMatch", &other.into(), &[NOT_OLDER_THAN]));
    }
    errors
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
        let errors = if query.flag("watch") { watch_errors(query) } else { list_errors(query) };
        if !errors.is_empty() {
            return Err(ApiError::invalid_options("ListOptions", &errors));
        }
        let version_match = match query.get("resourceVersionMatch") {
            Some("Exact") => Some(VersionMatch::Exact),
            Some(NOT_OLDER_THAN) => Some(VersionMatch::NotOlderThan),
            _ => None,
        };
        Ok(ListOptions {
            labels: LabelSelector::parse(query.get("labelSelector").unwrap_or_default())?,
            fields: FieldSelector::parse(query.get("fieldSelector").unwrap_or_default())?,
            resource_version: listed_version(query)?,
            version_match,
            limit: usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX),
            continue_token: query.get("continue").map(str::to_owned),
            timeout_seconds: query.number("timeoutSeconds")?,
            bookmarks: query.flag("allowWatchBookmarks"),
            send_initial_events: query.flag("sendInitialEvents"),
        })
    }
}

/// Reads the revision of a list or of a watch.
fn listed_version(query: &Query) -> Result<Option<u64>, ApiError> {
    let prefix = if query.flag("watch") { "" } else { "invalid resource version: " };
    let invalid = |text: &str, error: &ParseIntError| {
        let why = unparsed("ParseUint", text, error);
        ApiError::bad_request(format!("{prefix}resourceVersion: Invalid value: {text:?}: {why}"))
    };
    query.get("resourceVersion").map(|text| text.parse().map_err(|error| invalid(text, &error))).transpose()
}

/// Reads a revision that a write names.
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

/// The kinds of writes, each with parameters of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteKind {
    /// `CreateOptions`.
    Create,
    /// `UpdateOptions`.
    Update,
    /// `PatchOptions`, of a patch that is no apply.
    Patch,
    /// `PatchOptions`, of server-side apply.
    Apply,
}

impl WriteKind {
    /// The kind of its parameters.
    fn options(self) -> &'static str {
        match self {
            WriteKind::Create => "CreateOptions",
            WriteKind::Update => "UpdateOptions",
            WriteKind::Patch | WriteKind::Apply => "PatchOptions",
        }
    }
}

/// The longest name of a manager, in bytes.
const LONGEST_MANAGER: usize = 128;
/// The manager of what this program writes by itself.
const MERIDIAN: &str = "meridian";

/// The parameters of writes.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    /// Do everything but write.
    pub dry_run: bool,
    /// What happens to unknown fields.
    pub field_validation: FieldValidation,
    /// Who writes: `fieldManager`, or else the program that the `User-Agent` names.
    pub manager: String,
    /// Whether an apply takes fields from others.
    pub force: bool,
    /// Why an update or an apply may not create an object that is not there.
    pub no_creation: Option<ApiError>,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions {
            dry_run: false,
            field_validation: FieldValidation::default(),
            manager: MERIDIAN.to_owned(),
            force: false,
            no_creation: None,
        }
    }
}

impl WriteOptions {
    /// Reads the parameters of a write by the program that `agent` (a `User-Agent`) names.
    ///
    /// # Errors
    /// 422 for a value that is not known, and for a manager or a `force` that does not fit the write.
    pub(crate) fn parse(query: &Query, kind: WriteKind, agent: &str) -> Result<WriteOptions, ApiError> {
        let dry_run = match query.get("dryRun") {
            None => false,
            Some("All") => true,
            Some(other) => return Err(ApiError::invalid_options(kind.options(), &[dry_run_error(other)])),
        };
        let field_validation = match query.get("fieldValidation") {
            None => FieldValidation::default(),
            Some("Ignore") => FieldValidation::Ignore,
            Some("Warn") => FieldValidation::Warn,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                let supported = ["", "Ignore", "Strict", "Warn"];
                let error = FieldError::not_supported("fieldValidation", &other.into(), &supported);
                return Err(ApiError::invalid_options(kind.options(), &[error]));
            }
        };
        let manager = query.get("fieldManager");
        let errors = manager_errors(query, kind, manager);
        if !errors.is_empty() {
            return Err(ApiError::invalid_options(kind.options(), &errors));
        }
        let manager = manager.map_or_else(|| manager_of(agent), str::to_owned);
        Ok(WriteOptions { dry_run, field_validation, manager, force: query.flag("force"), no_creation: None })
    }

    /// Before an update or an apply creates an object.
    ///
    /// # Errors
    /// 403: who writes may only change what is there.
    pub(crate) fn check_creation(&self) -> Result<(), ApiError> {
        self.no_creation.clone().map_or(Ok(()), Err)
    }
}

/// The mistake of a `dryRun` that is not `All`.
pub(crate) fn dry_run_error(found: &str) -> FieldError {
    FieldError::not_supported("dryRun", &[found].as_slice().into(), &["All"])
}

/// What is wrong with `fieldManager` and `force` (`ValidatePatchOptions`).
fn manager_errors(query: &Query, kind: WriteKind, manager: Option<&str>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match (kind, manager) {
        (WriteKind::Apply, None) => errors.push(FieldError::required("fieldManager", "is required for apply patch")),
        (WriteKind::Patch, _) if query.has("force") => {
            errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
        _ => {}
    }
    let manager = manager.unwrap_or_default();
    if manager.len() > LONGEST_MANAGER {
        errors.push(FieldError::too_long("fieldManager", LONGEST_MANAGER));
    }
    for (at, character) in manager.char_indices().filter(|(_, character)| character.is_control()) {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(character));
        errors.push(FieldError::invalid("fieldManager", &manager.into(), why));
    }
    errors
}

/// The manager that a `User-Agent` names: what stands before the first `/`.
fn manager_of(agent: &str) -> String {
    let name = agent.split('/').next().unwrap_or_default();
    let mut manager = String::new();
    for character in name.chars().filter(|character| !character.is_control()) {
        if manager.len() + character.len_utf8() > LONGEST_MANAGER {
            break;
        }
        manager.push(character);
    }
    manager
}

#[cfg(test)]
mod tests {
    use super::{Query, WriteKind, WriteOptions, manager_of};

    fn parse(query: &str, kind: WriteKind) -> Result<WriteOptions, String> {
        let query = Query::parse(Some(query)).expect("a query");
        WriteOptions::parse(&query, kind, "client/1.0 (linux)").map_err(|error| error.to_string())
    }

    #[test]
    fn the_manager_is_named_or_known_by_the_program() {
        let manager = |query, kind| parse(query, kind).map(|options| options.manager);
        assert_eq!(manager("", WriteKind::Create).as_deref(), Ok("client"));
        assert_eq!(manager("fieldManager=me", WriteKind::Update).as_deref(), Ok("me"));
        assert_eq!(manager_of("kubectl-\u{7}x/v1"), "kubectl-x");
        assert_eq!(manager_of(&"\u{e9}".repeat(100)).len(), 128);
    }

    #[test]
    fn what_does_not_fit_the_write_is_refused() {
        let error = |query, kind| parse(query, kind).expect_err("refused");
        assert_eq!(
            error("force=true", WriteKind::Apply),
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
        );
        assert_eq!(
            error("force=false", WriteKind::Patch),
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"
        );
        let long = format!("fieldManager={}", "x".repeat(129));
        assert_eq!(
            error(&long, WriteKind::Create),
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes"
        );
        assert!(parse("force=true&fieldManager=a", WriteKind::Apply).expect("accepted").force);
    }
}
