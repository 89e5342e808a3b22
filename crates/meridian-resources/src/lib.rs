//! The user's objects: kinds, schemas, strict parsing with source positions.
