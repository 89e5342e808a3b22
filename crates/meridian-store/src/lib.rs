//! Objects with resource versions and watches, in memory and durable on disk.
