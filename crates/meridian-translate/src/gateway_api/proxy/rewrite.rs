//! Replacing what a prefix matched, in redirects and on the way to backends: by elements, so that no slash is doubled or
//! lost.

use super::matches::prefix_of;
use meridian_ir::Name;
use meridian_ir::route::PathMatch;

/// A part of the requests of a match, and what becomes of their paths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) matcher: PathMatch,
    pub(crate) change: Change,
}

/// What becomes of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// What the condition compared is replaced, byte by byte.
    Prefix(Name),
    /// All of it is replaced.
    Full(Name),
}

/// Replaces the prefix that `matcher` compares by `replacement`. Where that leaves nothing of it, the match becomes two:
/// the path that is the prefix itself becomes `/`, and the others keep the slash behind the prefix.
pub(crate) fn replace_prefix(matcher: PathMatch, replacement: &str) -> Vec<Part> {
    let replacement = with_slash(replacement.trim_end_matches('/'));
    let one = |matcher: PathMatch, change: Change| vec![Part { matcher, change }];
    let Some(prefix) = prefix_of(&matcher) else {
        let whole = if replacement.is_empty() { "/".into() } else { replacement };
        return one(matcher, Change::Full(whole));
    };
    match (&*prefix, &*replacement) {
        ("", "") => one(matcher, Change::None),
        ("", replacement) => one(matcher, Change::Prefix(format!("{replacement}/").into())),
        (prefix, "") => vec![
            Part { matcher: PathMatch::Exact(prefix.into()), change: Change::Full("/".into()) },
            Part { matcher: PathMatch::Prefix(format!("{prefix}/").into()), change: Change::Prefix("/".into()) },
        ],
        _ => one(matcher, Change::Prefix(replacement)),
    }
}

/// A path that begins with a slash, or is empty.
pub(crate) fn with_slash(path: &str) -> Name {
    if path.is_empty() || path.starts_with('/') { path.into() } else { format!("/{path}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_ir::route::PathRewrite;
    use proptest::prelude::*;

    fn condition(prefix: &str) -> PathMatch {
        match prefix.trim_end_matches('/') {
            "" => PathMatch::Prefix("/".into()),
            prefix => PathMatch::PathSeparatedPrefix(prefix.into()),
        }
    }

    fn replaced(path: &str, prefix: &str, replacement: &str) -> String {
        let parts = replace_prefix(condition(prefix), replacement);
        let taken = path.split('?').next().unwrap_or_default();
        let part = parts.iter().find(|part| part.matcher.matches(taken.as_bytes(), true)).expect("one part takes it");
        let rewrite = match &part.change {
            Change::None => return path.to_owned(),
            Change::Prefix(prefix) => PathRewrite::Prefix(prefix.clone()),
            Change::Full(whole) => PathRewrite::Full(whole.clone()),
        };
        let mut out = Vec::new();
        rewrite.apply(&part.matcher, path.as_bytes(), &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn slashes_are_as_the_api_s_table_has_them() {
        for (path, prefix, replacement, expected) in [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/", "/foo", "", "/"),
            ("/foo", "/foo", "", "/"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
            ("/foo?a=/b", "/foo", "/", "/?a=/b"),
            ("/foo/bar?a", "/foo", "/", "/bar?a"),
            ("/bar", "/", "/xyz", "/xyz/bar"),
            ("/", "/", "/xyz/", "/xyz/"),
            ("/bar", "/", "/", "/bar"),
            ("/foo/bar", "/foo", "xyz", "/xyz/bar"),
        ] {
            assert_eq!(replaced(path, prefix, replacement), expected, "{path} {prefix} {replacement}");
        }
    }

    proptest! {
        /// What is behind the prefix stays, and exactly one slash is between it and what replaces the prefix.
        #[test]
        fn elements_behind_the_prefix_stay(
            prefix in "(/[a-z]{1,3}){0,3}/?",
            replacement in "(/[a-z]{1,3}){0,3}/?",
            rest in proptest::collection::vec("[a-z]{1,3}", 1..3),
        ) {
            let (bare, new) = (prefix.trim_end_matches('/'), replacement.trim_end_matches('/'));
            let rest = rest.join("/");
            prop_assert_eq!(replaced(&format!("{bare}/{rest}"), &prefix, &replacement), format!("{new}/{rest}"));
            if !bare.is_empty() {
                let expected = if new.is_empty() { "/" } else { new };
                prop_assert_eq!(replaced(bare, &prefix, &replacement), expected);
            }
        }
    }
}
