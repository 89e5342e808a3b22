use super::*;

#[test]
fn nothing_yet() {
    assert!(BodyDecoder::default().is_done());
}
