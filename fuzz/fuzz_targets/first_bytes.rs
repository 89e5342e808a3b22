//! The first bytes of a connection: TLS, HTTP or neither, decided once; and what a peer tells of its workload.
#![no_main]

use meridian_proxy::inspect::HttpProgress;
use meridian_proxy::{inspect, peer_metadata};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = inspect::http::parse(bytes);
    let mut decided = HttpProgress::Incomplete;
    for end in 0..=bytes.len().min(64) {
        let now = inspect::http::parse(&bytes[..end]);
        assert!(decided == HttpProgress::Incomplete || now == decided, "{decided:?} became {now:?}");
        decided = now;
    }
    assert!(decided == HttpProgress::Incomplete || whole == decided, "{decided:?} became {whole:?}");
    let _ = inspect::client_hello::parse(bytes);
    let _ = peer_metadata::decode(bytes);
});
