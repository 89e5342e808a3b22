use super::*;
use crate::request::PlainRequest;

fn cookie(path: &str, ttl: Option<u64>) -> SessionPersistence {
    SessionPersistence::Cookie { name: "who".into(), path: path.into(), ttl: ttl.map(Duration::from_secs) }
}

fn endpoint() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 8080))
}

/// Base64 of `10.0.0.1:8080`.
const TOKEN: &str = "MTAuMC4wLjE6ODA4MA==";

#[test]
fn a_client_is_told_and_tells_the_same() {
    let (header, session) = (SessionPersistence::Header("x-session".into()), cookie("", None));
    assert_eq!(header.told(endpoint()), ("x-session", TOKEN.to_owned()));
    assert_eq!(header.wanted(&PlainRequest::get("h", "/").header("X-Session", TOKEN)), Some(endpoint()));
    let lasting = cookie("/shop", Some(600));
    let (name, value) = lasting.told(endpoint());
    assert_eq!((name, &*value), ("set-cookie", &*format!("who=\"{TOKEN}\"; Max-Age=600; Path=/shop; HttpOnly")));
    let (_, value) = session.told(endpoint());
    assert_eq!(value, format!("who=\"{TOKEN}\"; HttpOnly"), "a session cookie");
    let request = |path| PlainRequest::get("h", path).header("cookie", &format!("a=b; who=\"{TOKEN}\"; c=d"));
    assert_eq!(cookie("", None).wanted(&request("/x")), Some(endpoint()));
    for (path, is_wanted) in [("/shop", true), ("/shop?a", true), ("/shop/a", true), ("/shopping", false), ("/", false)]
    {
        assert_eq!(cookie("/shop", None).wanted(&request(path)).is_some(), is_wanted, "{path}");
    }
    let six = SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 1], 80));
    let (name, value) = header.told(six);
    assert_eq!(header.wanted(&PlainRequest::get("h", "/").header(name, &value)), Some(six));
}

#[test]
fn what_is_no_address_asks_for_nothing() {
    let header = SessionPersistence::Header("x-session".into());
    for value in ["", "x", "10.0.0.1:8080", "aGVsbG8=", "MTAuMC4wLjE=", &"A".repeat(100)] {
        assert_eq!(header.wanted(&PlainRequest::get("h", "/").header("x-session", value)), None, "{value:?}");
    }
    assert_eq!(header.wanted(&PlainRequest::get("h", "/")), None);
    assert_eq!(cookie("", None).wanted(&PlainRequest::get("h", "/").header("cookie", "who=")), None);
}
