//! Envoy's resources as protobuf: decoded or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meridian_xds::wire::fuzz(bytes));
