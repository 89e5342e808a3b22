//! YAML of objects: read, judged, decoded and written again as the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meridian_resources::yaml::fuzz(bytes));
