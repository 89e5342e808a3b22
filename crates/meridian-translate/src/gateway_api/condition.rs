//! Conditions as Kubernetes writes them, without times.

use super::reference::Problem;
use serde_json::{Value, json};

/// The longest message that the API takes.
const LONGEST_MESSAGE: usize = 32_768;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) type_: &'static str,
    pub(crate) status: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Said {
    /// A condition that is true, for `reason`.
    pub(crate) fn yes(type_: &'static str, reason: &'static str) -> Self {
        Self { type_, status: true, reason, message: String::new() }
    }

    /// A condition that is false.
    pub(crate) fn no(type_: &'static str, problem: Problem) -> Self {
        Self { type_, status: false, reason: problem.reason, message: problem.message }
    }

    /// A condition that is true, for `reason`, unless there is a problem.
    pub(crate) fn of(type_: &'static str, reason: &'static str, problem: Option<Problem>) -> Self {
        problem.map_or_else(|| Self::yes(type_, reason), |problem| Self::no(type_, problem))
    }

    /// With a message.
    pub(crate) fn with(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }
}

/// Conditions of an object of this generation.
pub(crate) fn conditions(said: &[Said], generation: i64) -> Vec<Value> {
    let one = |said: &Said| {
        let mut message = said.message.as_str();
        if message.len() > LONGEST_MESSAGE {
            message = &message[..message.floor_char_boundary(LONGEST_MESSAGE)];
        }
        json!({
            "type": said.type_,
            "status": if said.status { "True" } else { "False" },
            "reason": said.reason,
            "message": message,
            "observedGeneration": generation,
        })
    };
    said.iter().map(one).collect()
}
