//! What many routes have in common, kept once: texts, regular expressions, retry policies.

use meridian_ir::Name;
use meridian_ir::route::RetryPolicy;
use meridian_ir::string_match::FullRegex;
use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// Shared values. What nobody uses any more is forgotten when the pool has doubled since it was last looked through.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    names: Shared<str>,
    retries: Shared<RetryPolicy>,
    regexes: HashMap<Name, FullRegex>,
    regexes_at_sweep: usize,
}

/// Below so many entries nothing is looked through.
const SMALL: usize = 1024;

/// Values of one type.
#[derive(Debug)]
struct Shared<T: ?Sized> {
    values: HashSet<Arc<T>>,
    at_sweep: usize,
}

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), at_sweep: 0 }
    }
}

impl<T: ?Sized + Eq + Hash> Shared<T> {
    /// The one that equals `wanted`, which is kept where there is none.
    fn of<Q>(&mut self, wanted: Q) -> Arc<T>
    where
        Q: Borrow<T> + Into<Arc<T>>,
    {
        if let Some(known) = self.values.get(wanted.borrow()) {
            return known.clone();
        }
        if self.values.len() > SMALL.max(2 * self.at_sweep) {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.at_sweep = self.values.len();
        }
        let new: Arc<T> = wanted.into();
        self.values.insert(new.clone());
        new
    }
}

impl Pool {
    /// `text`, shared with everybody who asked for the same.
    pub(crate) fn name(&mut self, text: &str) -> Name {
        self.names.of(text)
    }

    /// `policy`, shared likewise.
    pub(crate) fn retries(&mut self, policy: RetryPolicy) -> Arc<RetryPolicy> {
        self.retries.of(policy)
    }

    /// The compiled form of `pattern`, shared likewise.
    ///
    /// # Errors
    /// Why it is not a regular expression.
    pub(crate) fn regex(&mut self, pattern: &str) -> Result<FullRegex, String> {
        if let Some(regex) = self.regexes.get(pattern) {
            return Ok(regex.clone());
        }
        if self.regexes.len() > SMALL.max(2 * self.regexes_at_sweep) {
            // The key and the value's own pattern are one allocation: two uses are the pool's own.
            self.regexes.retain(|pattern, _| Arc::strong_count(pattern) > 2);
            self.regexes_at_sweep = self.regexes.len();
        }
        let regex = FullRegex::new(pattern).map_err(|error| error.to_string())?;
        self.regexes.insert(regex.pattern().clone(), regex.clone());
        Ok(regex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one() {
        let mut pool = Pool::default();
        assert!(Arc::ptr_eq(&pool.name("a"), &pool.name("a")));
        let (first, second) = (pool.regex("a+").expect("compiles"), pool.regex("a+").expect("compiles"));
        assert!(Arc::ptr_eq(first.pattern(), second.pattern()));
        assert!(pool.regex("(").is_err());
    }

    #[test]
    fn what_is_unused_is_forgotten() {
        let mut pool = Pool::default();
        let kept = pool.name("kept");
        let kept_regex = pool.regex("kept").expect("compiles");
        for i in 0..3 * SMALL {
            pool.name(&i.to_string());
        }
        for i in 0..SMALL + 2 {
            pool.regex(&i.to_string()).expect("compiles");
        }
        assert!(pool.names.values.len() <= 2 * SMALL && pool.regexes.len() <= SMALL + 1);
        assert!(Arc::ptr_eq(&kept, &pool.name("kept")));
        assert!(Arc::ptr_eq(kept_regex.pattern(), pool.regex("kept").expect("compiles").pattern()));
    }
}
