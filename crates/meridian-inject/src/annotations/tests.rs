use super::{KNOWN, WITHOUT_EFFECT, log_level};

#[test]
fn no_annotation_is_both_read_and_without_effect() {
    for (name, why) in WITHOUT_EFFECT {
        assert!(!KNOWN.contains(&name), "{name}");
        assert!(!why.is_empty() && !why.ends_with('.'), "{why}");
    }
}

#[test]
fn levels_are_envoys() {
    for (envoy, own) in [("warning", "warn"), ("critical", "error"), ("off", "off"), ("trace", "trace")] {
        assert_eq!(log_level(envoy), Some(own));
    }
    assert_eq!(log_level("loud"), None);
}
