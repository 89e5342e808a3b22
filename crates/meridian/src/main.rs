//! Meridian: north-south traffic in one binary.
fn main() {}
