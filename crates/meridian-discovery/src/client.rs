//! The proxy's end.

mod machine;
mod run;
mod saved;

pub use machine::{Applicable, Machine, Own, Step};
pub use run::{Apply, Options, Phase, run};
pub use saved::{StateDir, StateError};
