//! Tokens that count, and those that do not.

use super::*;
use proptest::prelude::*;

fn key() -> TokenKey {
    TokenKey::from_pem(&TokenKey::generate().unwrap()).unwrap()
}

fn subject() -> Subject {
    let reference = |name: &str| Reference { name: name.into(), uid: format!("uid-of-{name}") };
    Subject { namespace: "default".into(), serviceaccount: reference("client"), pod: None, secret: None }
}

fn token(key: &TokenKey, audience: &str, at: SystemTime) -> String {
    key.issue(subject(), [audience.to_owned()].into(), LIFETIME, at).unwrap().0
}

#[test]
fn what_is_issued_is_read_back() {
    let key = key();
    let now = SystemTime::now();
    let (token, end) = key.issue(subject(), BTreeSet::new(), LIFETIME, now).unwrap();
    let claims = key.verify(&token, &[ISSUER]).unwrap();
    assert_eq!(claims.subject, subject());
    assert_eq!((&*claims.sub, &*claims.iss), ("system:serviceaccount:default:client", ISSUER));
    assert_eq!(end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), claims.exp);
    assert_eq!(claims.exp - claims.iat, 3600);
}

#[test]
fn what_does_not_count_says_why() {
    let (key, other) = (key(), key());
    let now = SystemTime::now();
    let good = token(&key, "istio-ca", now);
    assert!(key.verify(&good, &["x", "istio-ca"]).is_ok());
    assert_eq!(key.verify(&good, &["vault"]), Err(TokenError::Audience(vec!["vault".into()])));
    let old = token(&key, "istio-ca", now - LIFETIME - Duration::from_secs(2));
    assert_eq!(key.verify(&old, &["istio-ca"]), Err(TokenError::Expired));
    let early = token(&key, "istio-ca", now + Duration::from_secs(100));
    assert_eq!(key.verify(&early, &["istio-ca"]), Err(TokenError::Immature));
    assert!(matches!(other.verify(&good, &["istio-ca"]), Err(TokenError::Invalid(_))));
    for broken in ["", "a.b.c", "a", good.trim_end_matches(|c| c != '.')] {
        assert!(matches!(key.verify(broken, &["istio-ca"]), Err(TokenError::Invalid(_))), "{broken}");
    }
}

#[test]
fn another_algorithm_or_none_is_refused() {
    let key = key();
    let good = token(&key, "istio-ca", SystemTime::now());
    let mut parts = good.split('.');
    let (_, payload) = (parts.next(), parts.next().unwrap());
    // {"alg":"none"} and {"alg":"HS256"}
    for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9"] {
        for signature in ["", "c2lnbmF0dXJl"] {
            let forged = format!("{header}.{payload}.{signature}");
            assert!(matches!(key.verify(&forged, &["istio-ca"]), Err(TokenError::Invalid(_))), "{forged}");
        }
    }
}

#[test]
fn a_key_is_never_shown() {
    let pem = TokenKey::generate().unwrap();
    let key = TokenKey::from_pem(&pem).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.starts_with("TokenKey { id: \"") && shown.len() < 120, "{shown}");
    assert!(matches!(TokenKey::from_pem("x"), Err(TokenError::Key(_))));
}

proptest! {
    #[test]
    fn a_changed_token_does_not_count(at in 0usize..500, bit in 0u8..6) {
        let key = key();
        let mut changed = token(&key, "istio-ca", SystemTime::now()).into_bytes();
        let at = at % changed.len();
        let before = changed[at];
        changed[at] ^= 1 << bit;
        prop_assume!(changed[at] != before && changed.is_ascii());
        let changed = String::from_utf8(changed).unwrap();
        prop_assert!(key.verify(&changed, &["istio-ca"]).is_err());
    }
}
