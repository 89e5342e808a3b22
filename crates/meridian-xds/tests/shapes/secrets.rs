//! Private keys never show.

use meridian_xds::config_dump;

#[test]
fn no_dump_holds_a_private_key() {
    let config = crate::sample::everything();
    let key = std::str::from_utf8(include_bytes!("data/example.key")).unwrap();
    let line = key.lines().nth(1).unwrap();
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(key)
    };
    let text = config_dump(&config).to_string();
    assert!(text.contains("W3JlZGFjdGVkXQ=="), "the real Envoy's mark for what is left out");
    assert!(!text.contains(line) && !text.contains(&encoded[..64]) && !text.contains("PRIVATE KEY"));
}
