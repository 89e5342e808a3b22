//! The same commands by kubectl and by ours, against our API and against a real one: the same output, and the same
//! objects afterwards.
#![allow(clippy::unwrap_used)]

mod both;
mod cases;
mod mixed;
mod ours;
mod real;
