//! Certificates, revocation lists and their PEM: read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meridian_tls::fuzz(bytes));
