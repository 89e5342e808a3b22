//! Paths: the canonical form is stable and has no dot segments.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meridian_http::fuzzing::path(bytes));
