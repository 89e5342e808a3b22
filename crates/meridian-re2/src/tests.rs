use super::*;

fn matches(pattern: &str, value: &str) -> bool {
    whole(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(value.as_bytes())
}

#[test]
fn letters_behind_a_backslash_are_about_ascii() {
    for (pattern, yes, no) in [
        (r"\d+", "0123456789", "٣"),
        (r"\w+", "az_AZ09", "ä"),
        (r"\s", " ", "\u{a0}"),
        (r"\s", "\n", "\u{b}"),
        (r"\D", "٣", "3"),
        (r"\W", "ä", "a"),
        (r"\S", "\u{a0}", " "),
        (r"[\d]", "7", "٣"),
        (r"[^\d]", "٣", "7"),
        (r"[\D]", "٣", "7"),
        (r"[\w-]+", "a-b", "ä"),
        (r"[\w-.]+", "a-b.c", "/"),
        (r"[\W\d]+", "ä5", "a"),
        (r"a\b.*", "aä", "ab"),
        (r"a\Bb", "ab", "a b"),
    ] {
        assert!(matches(pattern, yes), "{pattern} {yes:?}");
        assert!(!matches(pattern, no), "{pattern} {no:?}");
    }
}

#[test]
fn what_stands_for_itself_in_re2() {
    for (pattern, yes, no) in [
        ("/v1/{id}", "/v1/{id}", "/v1/id"),
        ("a{,2}", "a{,2}", "aa"),
        ("a{2}", "aa", "a{2}"),
        ("a{1,}", "aaa", ""),
        ("a{1,2}", "aa", "aaa"),
        ("{a}{2}", "{a}}", "{a}"),
        ("[a&&b]+", "&a", "c"),
        ("[[a]+", "[a", "b"),
        ("[]a]+", "]a", "b"),
        ("[^]a]+", "b", "]"),
        ("[a~~b]", "~", "c"),
        ("[+--]+", "+,-", "a"),
        (r"\<a\>", "<a>", "a"),
        (r"\Qa.b\E+", "a.b", "axb"),
        (r"\Q[(", "[(", "x"),
        (r"\x{e4}\p{Greek}", "äα", "äa"),
        (r"\101\0", "A\0", "A"),
        ("[[:alpha:]_]+", "a_Z", "ä"),
        ("ä[öü]", "äö", "äo"),
        (r"\{x\}", "{x}", "x"),
    ] {
        assert!(matches(pattern, yes), "{pattern} {yes:?}");
        assert!(!matches(pattern, no), "{pattern} {no:?}");
    }
}

#[test]
fn what_is_no_expression_stays_none() {
    for pattern in ["(", ")(", "[a", "[z-a]", r"\", r"\y", "(?z)", "*", r"[\d", "{2}", r"\1"] {
        assert!(whole(pattern).is_err(), "{pattern}");
    }
    assert!(whole("((a{100}){100}){100}").is_err(), "it is too large");
}

#[test]
fn a_match_anywhere_is_not_anchored() {
    let regex = anywhere(r"\d").expect("compiles");
    assert!(regex.is_match(b"a1b") && !regex.is_match("a٣".as_bytes()));
}
