use super::*;
use crate::request::PlainRequest;

fn redirect() -> Redirect {
    Redirect { status: 301, scheme: None, host: None, port: None, path: None }
}

fn location(redirect: &Redirect, authority: &str, path: &str) -> String {
    let mut out = b"left over".to_vec();
    redirect.location(&PlainRequest::get(authority, path), &PathMatch::Prefix("/old".into()), &mut out);
    String::from_utf8(out).expect("these are text")
}

#[test]
fn locations_are_those_of_envoy() {
    let https = || Redirect { scheme: Some("https".into()), ..redirect() };
    let full = |path: &str| Redirect { path: Some(RedirectPath::Full(path.into())), ..redirect() };
    for (redirect, authority, path, expected) in [
        (redirect(), "h", "/a?b=c", "http://h/a?b=c"),
        (https(), "h:80", "/a", "https://h/a"),
        (https(), "h:8080", "/a", "https://h:8080/a"),
        (https(), "h:443", "/a", "https://h:443/a"),
        (https(), "[::1]:80", "/a", "https://[::1]/a"),
        (https(), "[::1]", "/a", "https://[::1]/a"),
        (Redirect { port: Some(8443), ..https() }, "h:8080", "/a", "https://h:8443/a"),
        (Redirect { port: Some(80), ..https() }, "h", "/a", "https://h:80/a"),
        (Redirect { host: Some("other".into()), ..redirect() }, "h:8080", "/a", "http://other/a"),
        (Redirect { host: Some("other".into()), port: Some(81), ..redirect() }, "h:8080", "/a", "http://other:81/a"),
        (full("/new"), "h", "/old/x?q=1", "http://h/new?q=1"),
        (full("/new?own"), "h", "/old/x?q=1", "http://h/new?own"),
        (full("%PREFIX()%/x"), "h", "/old", "http://h/%PREFIX()%/x"),
        (
            Redirect { path: Some(RedirectPath::Prefix("/new".into())), ..redirect() },
            "h:8080",
            "/old/x?q",
            "http://h:8080/new/x?q",
        ),
    ] {
        assert_eq!(location(&redirect, authority, path), expected, "{redirect:?}");
    }
}

#[test]
fn a_redirect_from_https_drops_its_default_port() {
    let request = PlainRequest { scheme: "https".into(), ..PlainRequest::get("h:443", "/") };
    let mut out = Vec::new();
    let redirect = Redirect { scheme: Some("http".into()), ..redirect() };
    redirect.location(&request, &PathMatch::Prefix("/".into()), &mut out);
    assert_eq!(out, b"http://h/");
}

#[test]
fn the_redirect_of_a_server_keeps_the_port() {
    let mut out = Vec::new();
    https_location(&PlainRequest::get("x.example.com:80", "/a?b"), &mut out);
    assert_eq!(out, b"https://x.example.com:80/a?b");
}
