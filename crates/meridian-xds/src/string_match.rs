//! `envoy.type.matcher.v3.StringMatcher` and `RegexMatcher`.

use meridian_ir::StringMatch;
use serde_json::{Value, json};

/// A `StringMatcher`.
#[must_use]
pub fn string_match(matcher: &StringMatch) -> Value {
    match matcher {
        StringMatch::Exact(value) => json!({"exact": &**value}),
        StringMatch::Prefix(value) => json!({"prefix": &**value}),
        StringMatch::Suffix(value) => json!({"suffix": &**value}),
        StringMatch::Regex(regex) => json!({"safeRegex": regex_match(regex.pattern())}),
    }
}

/// A `RegexMatcher`.
#[must_use]
pub fn regex_match(pattern: &str) -> Value {
    json!({"regex": pattern})
}
