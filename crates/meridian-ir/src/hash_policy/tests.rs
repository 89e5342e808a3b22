use super::*;
use crate::request::PlainRequest;

fn of(policies: &[HashPolicy], request: &PlainRequest) -> RequestHash {
    RequestHash::of(policies, request, ([10, 0, 0, 1], 4711).into(), ([10, 0, 0, 2], 8080).into())
}

fn hash(text: &str) -> Option<u64> {
    Some(xx_hash_64(text.as_bytes(), 0))
}

fn cookie_policy(ttl: Option<u64>) -> HashPolicy {
    HashPolicy::Cookie {
        name: "who".into(),
        path: "/".into(),
        ttl: ttl.map(Duration::from_secs),
        attributes: Vec::new(),
    }
}

#[test]
fn the_hash_is_xxhash64() {
    // The test vectors of the reference implementation.
    assert_eq!(xx_hash_64(b"", 0), 0xef46_db37_51d8_e999);
    assert_eq!(xx_hash_64(b"foo", 0), 0x33bf_00a8_59c4_ba3f);
}

#[test]
fn each_source_hashes_its_value() {
    let request = PlainRequest::get("h.test", "/a?user=anna&user=b&empty").header("x-user", "anna");
    for (policy, found) in [
        (HashPolicy::Header("x-user".into()), hash("anna")),
        (HashPolicy::Header("x-other".into()), None),
        (HashPolicy::Header(":authority".into()), hash("h.test")),
        (HashPolicy::SourceIp, hash("10.0.0.1")),
        (HashPolicy::Query("user".into()), hash("anna")),
        (HashPolicy::Query("empty".into()), hash("")),
        (HashPolicy::Query("none".into()), None),
        (cookie_policy(None), None),
    ] {
        assert_eq!(of(std::slice::from_ref(&policy), &request).hash, found, "{policy:?}");
    }
}

#[test]
fn repeated_headers_hash_the_same_in_any_order() {
    let policy = [HashPolicy::Header("x-user".into())];
    let one = PlainRequest::get("h", "/").header("x-user", "foo").header("x-user", "bar");
    let other = PlainRequest::get("h", "/").header("x-user", "bar").header("x-user", "foo");
    assert_eq!(of(&policy, &one), of(&policy, &other));
    assert_eq!(of(&policy, &one).hash, hash("bar").map(|seed| xx_hash_64(b"foo", seed)));
}

#[test]
fn headers_that_are_one_value_are_joined_first() {
    let request = PlainRequest::get("h", "/").header("user-agent", "b").header("user-agent", "a");
    assert_eq!(of(&[HashPolicy::Header("user-agent".into())], &request).hash, hash("b,a"));
}

#[test]
fn several_policies_are_combined_in_their_order() {
    let request = PlainRequest::get("h", "/?a=1").header("x-user", "anna");
    let (user, query) = (HashPolicy::Header("x-user".into()), HashPolicy::Query("a".into()));
    let missing = HashPolicy::Header("x-missing".into());
    let expected = hash("anna").map(|first| first.rotate_left(1) ^ xx_hash_64(b"1", 0));
    assert_eq!(of(&[user.clone(), missing.clone(), query.clone()], &request).hash, expected);
    assert_ne!(of(&[query, user], &request).hash, expected);
    assert_eq!(of(&[missing], &request).hash, None);
}

#[test]
fn cookies_are_found_as_browsers_send_them() {
    for (header, found) in [
        ("who=anna", hash("anna")),
        ("a=b; who=\"anna\"; c=d", hash("anna")),
        ("a=b;who=anna", hash("anna")),
        ("whom=anna", None),
        ("who", None),
        ("who=", None),
    ] {
        let request = PlainRequest::get("h", "/").header("cookie", header);
        assert_eq!(of(&[cookie_policy(None)], &request).hash, found, "{header}");
    }
}

#[test]
fn a_missing_cookie_is_made_for_the_connection() {
    let request = PlainRequest::get("h", "/");
    let value = new_cookie(([10, 0, 0, 1], 4711).into(), ([10, 0, 0, 2], 8080).into());
    let made = of(&[cookie_policy(Some(60))], &request);
    assert_eq!(made.set_cookies, [format!("who=\"{value}\"; Max-Age=60; Path=/; HttpOnly")]);
    assert_eq!(made.hash, hash(&value));
    assert_eq!(of(&[cookie_policy(Some(60))], &request), made);
    let again = PlainRequest::get("h", "/").header("cookie", &format!("who=\"{value}\""));
    assert_eq!(of(&[cookie_policy(Some(60))], &again), RequestHash { hash: made.hash, set_cookies: vec![] });
    let attributes = vec![("SameSite".into(), "Lax".into()), ("Secure".into(), "".into())];
    let session = set_cookie("who", "1", Duration::ZERO, "", &attributes);
    assert_eq!(session, "who=\"1\"; SameSite=Lax; Secure; HttpOnly");
}
