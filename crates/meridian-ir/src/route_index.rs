//! Finding the first route that takes a request without looking at all of them.

use crate::request::path_of;
use crate::route::PathMatch;
use crate::{RequestView, Route};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Fewer routes than this are looked at one after another: that is as fast.
const WORTH_IT: usize = 16;

/// Routes by the beginning of their paths. It only says which routes may match and in which order; whether one does is
/// for [`crate::RouteMatch::matches`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteIndex {
    /// By the whole path.
    exact: HashMap<Box<[u8]>, Vec<u32>>,
    /// By the prefix, with or without regard to segments.
    prefixes: HashMap<Box<[u8]>, Vec<u32>>,
    /// Lengths of the prefixes, ascending.
    lengths: Vec<usize>,
    /// The others: regular expressions, and paths that are compared without case.
    others: Vec<u32>,
}

impl RouteIndex {
    /// An index over `routes`; `None` where it would not help.
    pub fn new(routes: &[Arc<Route>]) -> Option<Self> {
        if routes.len() < WORTH_IT {
            return None;
        }
        let mut index = Self::default();
        for (position, route) in (0u32..).zip(routes) {
            let list = match &route.matcher.path {
                _ if !route.matcher.case_sensitive => &mut index.others,
                PathMatch::Regex(_) => &mut index.others,
                PathMatch::Exact(path) => index.exact.entry(path.as_bytes().into()).or_default(),
                PathMatch::Prefix(path) | PathMatch::PathSeparatedPrefix(path) => {
                    index.prefixes.entry(path.as_bytes().into()).or_default()
                }
            };
            list.push(position);
        }
        index.lengths = index.prefixes.keys().map(|prefix| prefix.len()).collect();
        index.lengths.sort_unstable();
        index.lengths.dedup();
        Some(index)
    }

    /// The position of the first of `routes`, from which the index was made, that takes `request`.
    pub fn find(&self, routes: &[Arc<Route>], request: &impl RequestView) -> Option<usize> {
        let path = path_of(request.path_and_query());
        let lengths = self.lengths.iter().take_while(|length| **length <= path.len());
        let by_prefix = lengths.filter_map(|length| self.prefixes.get(&path[..*length]));
        let by_path = self.exact.get(path).into_iter().chain(by_prefix);
        let mut lists: SmallVec<[&[u32]; 16]> = by_path.chain([&self.others]).map(|list| &list[..]).collect();
        // All lists are ascending: whichever begins with the least is next.
        loop {
            let next = lists.iter_mut().min_by_key(|list| list.first().copied().unwrap_or(u32::MAX))?;
            let (position, rest) = next.split_first()?;
            *next = rest;
            let position = *position as usize;
            if routes.get(position).is_some_and(|route| route.matcher.matches(request)) {
                return Some(position);
            }
        }
    }
}
