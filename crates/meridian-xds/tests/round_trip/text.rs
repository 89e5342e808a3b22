//! Strategies for texts, times and other small values.

use meridian_ir::format::Format;
use meridian_ir::fraction::Fraction;
use meridian_ir::header_edit::{AppendAction, HeaderEdits, HeaderValue};
use meridian_ir::string_match::FullRegex;
use meridian_ir::{Name, Origin, StringMatch};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;

/// Not empty.
pub(crate) fn name() -> impl Strategy<Value = Name> {
    "[a-z][a-zA-Z0-9_.:/ é\"\\\\-]{0,12}".prop_map(Name::from)
}

/// Lowercase, as names of headers and hosts are.
pub(crate) fn lowercase() -> impl Strategy<Value = Name> {
    "[a-z][a-z0-9.-]{0,12}".prop_map(Name::from)
}

/// A path.
pub(crate) fn path() -> impl Strategy<Value = Name> {
    "/[a-zA-Z0-9/._-]{0,12}".prop_map(Name::from)
}

pub(crate) fn names() -> impl Strategy<Value = Vec<Name>> {
    vec(name(), 0..3)
}

/// More than nothing, with any precision.
pub(crate) fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..100_000u64).prop_map(Duration::from_secs),
        (1..100_000u64).prop_map(Duration::from_millis),
        (1..u64::from(u32::MAX)).prop_map(Duration::from_nanos),
    ]
}

/// So many seconds.
pub(crate) fn seconds() -> impl Strategy<Value = Duration> {
    (0..u64::from(u32::MAX)).prop_map(Duration::from_secs)
}

pub(crate) fn fraction() -> impl Strategy<Value = Fraction> {
    prop_oneof![Just(Fraction::ALL), (0..=1_000_000u32).prop_map(Fraction::from_millionths)]
}

pub(crate) fn regex() -> impl Strategy<Value = FullRegex> {
    select(vec!["/a.*", "[0-9]+", "(x|y)z?", "\\\\d+\\.", ""])
        .prop_map(|pattern| FullRegex::new(pattern).expect("a pattern"))
}

pub(crate) fn string_match() -> impl Strategy<Value = StringMatch> {
    prop_oneof![
        name().prop_map(StringMatch::Exact),
        name().prop_map(StringMatch::Prefix),
        name().prop_map(StringMatch::Suffix),
        regex().prop_map(StringMatch::Regex),
    ]
}

pub(crate) fn format() -> impl Strategy<Value = Format> {
    let texts = vec!["", "plain", "100%% of %PROTOCOL%", "%REQ(X-A?:PATH):8%", "%START_TIME(%s)%", "%RESPONSE_CODE%"];
    select(texts).prop_map(|text| Format::parse(text).expect("a format"))
}

fn header_value() -> impl Strategy<Value = HeaderValue> {
    let action = select(vec![AppendAction::Append, AppendAction::Overwrite]);
    (lowercase(), format(), action).prop_map(|(name, value, action)| HeaderValue { name, value, action })
}

pub(crate) fn edits() -> impl Strategy<Value = HeaderEdits> {
    (vec(lowercase(), 0..3), vec(header_value(), 0..3)).prop_map(|(remove, write)| HeaderEdits { remove, write })
}

/// An object of which Istio tells.
pub(crate) fn origin(kinds: Vec<&'static str>) -> impl Strategy<Value = Origin> {
    let name = || "[a-z][a-z0-9.-]{0,8}".prop_map(Name::from);
    (select(kinds), name(), name()).prop_map(|(kind, namespace, name)| Origin { kind, namespace, name })
}
