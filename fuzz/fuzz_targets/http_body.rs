//! Bodies: split anywhere, against a plain reader, and written again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meridian_http::fuzzing::body(bytes));
