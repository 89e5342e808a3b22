//! Request heads: split anywhere, written again, and against httparse.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meridian_http::fuzzing::request_head(bytes));
