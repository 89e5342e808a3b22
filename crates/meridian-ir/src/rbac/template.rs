//! Paths with wildcards for segments (Envoy's `envoy.path.match.uri_template.uri_template_matcher`).

use crate::Name;
use crate::string_match::FullRegex;
use std::fmt::Write;

/// What may stand in a segment: RFC 3986's `pchar` without the asterisk, as Envoy has it.
const SEGMENT: &str = "a-zA-Z0-9._~%!$&'()+,;:@=\\-";

/// A path whose segments may be `*` for exactly one segment, or `**` for any number of them, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    template: Name,
    regex: FullRegex,
}

/// Why a text is not a path template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathTemplateError {
    /// It does not begin with a slash.
    #[error("{0:?} is not a path template: it must begin with /")]
    Relative(String),
    /// A segment holds a character that no path segment has, or a wildcard beside text.
    #[error("{template:?} is not a path template: the segment {segment:?} must be text, * or **")]
    Segment {
        /// The template.
        template: String,
        /// The segment.
        segment: String,
    },
    /// A wildcard comes after `**`.
    #[error("{0:?} is not a path template: ** must be its last wildcard")]
    AfterAny(String),
    /// It is too long.
    #[error("{0:?} is not a path template: {1}")]
    Regex(String, String),
}

impl PathTemplate {
    /// Reads a template in Envoy's form (`/users/*/files/**`).
    ///
    /// # Errors
    /// See [`PathTemplateError`].
    pub fn new(template: &str) -> Result<Self, PathTemplateError> {
        let rest = template.strip_prefix('/').ok_or_else(|| PathTemplateError::Relative(template.into()))?;
        let (mut pattern, mut any) = (String::with_capacity(template.len() + 64), false);
        for segment in rest.split('/') {
            pattern.push('/');
            match segment {
                "*" | "**" if any => return Err(PathTemplateError::AfterAny(template.into())),
                // Writing to a String cannot fail.
                "*" => _ = write!(pattern, "[{SEGMENT}]+"),
                "**" => {
                    any = true;
                    _ = write!(pattern, "[{SEGMENT}/]*");
                }
                text if text.bytes().all(is_segment_byte) => pattern.push_str(&regex::escape(text)),
                text => {
                    let (template, segment) = (template.into(), text.into());
                    return Err(PathTemplateError::Segment { template, segment });
                }
            }
        }
        let regex =
            FullRegex::new(&pattern).map_err(|error| PathTemplateError::Regex(template.into(), error.to_string()))?;
        Ok(Self { template: template.into(), regex })
    }

    /// The template as it was written.
    pub fn template(&self) -> &Name {
        &self.template
    }

    /// Whether the whole of `path`, which has no query, is one of the template's.
    pub fn is_match(&self, path: &[u8]) -> bool {
        self.regex.is_match(path)
    }
}

fn is_segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~%!$&'()+,;:@=-".contains(&byte)
}
