//! A number that one thread counts and others read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter or gauge with one writer. Readers may see a value that is a moment old.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// `amount` more.
    pub fn add(&self, amount: u64) {
        // Not fetch_add: there is one writer, and a locked instruction costs several times as much.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// One less, never below zero.
    pub fn dec(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A set of numbers whose fields have Envoy's names.
macro_rules! counts {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $field: Count,)*
        }

        impl $name {
            /// Envoy's name, meaning and place of each number, in alphabetical order.
            pub(super) const FIELDS: &'static [(&'static str, Kind, fn(&Self) -> &Count)] =
                &[$((stringify!($field), Kind::$kind, |set| &set.$field),)*];
        }
    };
}
pub(super) use counts;
