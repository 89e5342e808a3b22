use super::*;

fn canonical(path: &str, mode: Normalization) -> Result<String, HeadError> {
    let mut out = b"left over".to_vec();
    let place = canonicalize(path.as_bytes(), mode, &mut out)?;
    Ok(String::from_utf8(place.of(path.as_bytes(), &out).to_vec()).unwrap())
}

#[test]
fn base_is_what_istio_does_by_default() {
    for (sent, wanted) in [
        ("/", "/"),
        ("/exact", "/exact"),
        ("/a/../exact", "/exact"),
        ("/a/%2e%2E/exact", "/exact"),
        ("/a/.%2e/exact", "/exact"),
        ("/%65xact", "/exact"),
        ("/a\\..\\exact", "/exact"),
        ("/../../exact", "/exact"),
        ("//exact", "//exact"),
        ("/%2fexact", "/%2fexact"),
        ("/a/..%2fexact", "/a/..%2fexact"),
        ("/a%5Cb", "/a%5Cb"),
        ("/a%20b", "/a%20b"),
        ("/a/./b", "/a/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/..", "/"),
        ("/.", "/"),
        ("/a//../b", "/a/b"),
        ("/.../b..c/.well-known/..d", "/.../b..c/.well-known/..d"),
        ("/a/..;/x", "/x"),
        ("/a/%2e%2e;p=1/x", "/x"),
        ("/a/.;/x", "/a/x"),
        ("/a;p/../x", "/x"),
        ("/a;p=1/b;q", "/a;p=1/b;q"),
        ("/%41%7E%2D%5F", "/A~-_"),
        ("/%252e%252e/x", "/%252e%252e/x"),
        ("/%zz%", "/%zz%"),
        ("/%2%65%2%65/x", "/%2%65%2%65/x"),
        ("/a%c0%afb", "/a%c0%afb"),
        ("/a%0d%0a", "/a%0d%0a"),
        ("/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"),
        ("/!$&'()*+,;=:@[]", "/!$&'()*+,;=:@[]"),
        ("/x?", "/x?"),
        ("/a/../x?a=/../b%41\\", "/x?a=/../b%41\\"),
        ("/a%3fb", "/a%3fb"),
        ("/x#frag", "/x"),
        ("/x?q#frag", "/x?q"),
        ("/admin#/../x", "/admin"),
        ("", "/"),
        ("?q=1", "/?q=1"),
        ("*", "*"),
        ("h.test:443", "h.test:443"),
    ] {
        assert_eq!(canonical(sent, Normalization::Base).as_deref(), Ok(wanted), "{sent}");
    }
    for path in ["/%00", "/a/../%00"] {
        assert_eq!(canonical(path, Normalization::Base), Err(HeadError::PathNormalization), "{path}");
    }
    assert_eq!(
        (HeadError::PathNormalization.status(), HeadError::PathNormalization.details()),
        (400, "path_normalization_failed")
    );
}

#[test]
fn further_modes_merge_slashes() {
    for (sent, merged, decoded) in [
        ("//a///b", "/a/b", "/a/b"),
        ("/a\\\\b", "/a/b", "/a/b"),
        ("/a//../b", "/a/b", "/a/b"),
        ("/a%2fb%2F%5c%5Cc", "/a%2fb%2F%5c%5Cc", "/a/b/c"),
        ("/a/..%2fb", "/a/..%2fb", "/b"),
        ("/a/..;x%2fb", "/", "/b"),
        ("/a%252fb", "/a%252fb", "/a%252fb"),
        ("/a?b//c%2f", "/a?b//c%2f", "/a?b//c%2f"),
    ] {
        assert_eq!(canonical(sent, Normalization::MergeSlashes).as_deref(), Ok(merged), "{sent}");
        assert_eq!(canonical(sent, Normalization::DecodeAndMergeSlashes).as_deref(), Ok(decoded), "{sent}");
    }
}

#[test]
fn none_only_drops_the_fragment() {
    for (sent, wanted) in [("/a/../%41\\?q", "/a/../%41\\?q"), ("/a#b", "/a"), ("/%00", "/%00"), ("", "/")] {
        assert_eq!(canonical(sent, Normalization::None).as_deref(), Ok(wanted), "{sent}");
    }
}

#[test]
fn a_canonical_path_is_not_copied() {
    for path in ["/", "/a/b.c;d?e#f", "//a", "/a..b/c."] {
        let len = path.find('#').unwrap_or(path.len());
        let mut out = b"left over".to_vec();
        let canonical = canonicalize(path.as_bytes(), Normalization::Base, &mut out);
        assert_eq!((canonical, out.as_slice()), (Ok(Canonical::AsSent { len }), &b"left over"[..]), "{path}");
    }
}
