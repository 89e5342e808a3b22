//! A list in pages. Lists that follow from one another share the pages in which they are the same, so that a change among
//! ten thousand elements costs little more than one among a hundred, and what is the same is found page by page.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Index;
use std::sync::Arc;

/// How many elements a new page has.
const PAGE: usize = 64;

/// Elements in order. Cheap to clone; the elements are never changed in place.
#[derive(Debug)]
pub struct Paged<T> {
    pages: Vec<Page<T>>,
}

#[derive(Debug)]
struct Page<T> {
    /// The position after its last element.
    end: usize,
    /// Never empty.
    elements: Arc<[T]>,
}

impl<T> Paged<T> {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.last().map_or(0, |page| page.end)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// The element at a position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&T> {
        let page = self.pages.get(self.pages.partition_point(|page| page.end <= position))?;
        page.elements.get(position + page.elements.len() - page.end)
    }

    /// All elements, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { pages: self.pages.iter(), front: [].iter(), rest: self.len() }
    }

    /// The pages, in order; none is empty.
    pub fn pages(&self) -> impl ExactSizeIterator<Item = &Arc<[T]>> {
        self.pages.iter().map(|page| &page.elements)
    }

    /// The element for which `order` says that it is equal, in a list that is sorted as `order` says.
    pub fn search_by(&self, mut order: impl FnMut(&T) -> Ordering) -> Option<&T> {
        let after = self.pages.partition_point(|page| page.elements.first().is_some_and(|first| order(first).is_le()));
        let page = &self.pages.get(after.checked_sub(1)?)?.elements;
        page.binary_search_by(order).ok().map(|position| &page[position])
    }

    /// A place in the list, at first that of its first element.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_, T> {
        Cursor { list: self, page: 0, offset: 0 }
    }

    /// Takes pages as they are; empty ones are left out.
    #[must_use]
    pub fn of_pages(pages: impl IntoIterator<Item = Arc<[T]>>) -> Self {
        let mut all = Self::default();
        pages.into_iter().for_each(|page| all.push(page));
        all
    }

    fn push(&mut self, elements: Arc<[T]>) {
        if !elements.is_empty() {
            self.pages.push(Page { end: self.len() + elements.len(), elements });
        }
    }
}

impl<T: Clone> Paged<T> {
    fn push_all(&mut self, elements: &[T]) {
        elements.chunks(PAGE).for_each(|page| self.push(page.into()));
    }
}

impl<T> Paged<Arc<T>> {
    /// Whether both lists have the same elements, not only equal ones.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let are_shared = self.pages.len() == other.pages.len()
            && std::iter::zip(&self.pages, &other.pages).all(|(a, b)| Arc::ptr_eq(&a.elements, &b.elements));
        are_shared || self.len() == other.len() && std::iter::zip(self, other).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// A list of these elements that shares pages with this one where the same elements stand at the same positions.
    #[must_use]
    pub fn with(&self, elements: &[Arc<T>]) -> Self {
        let mut list = Self::default();
        for page in &self.pages {
            let own = elements.get(list.len()..page.end).filter(|own| own.len() == page.elements.len());
            let is_same = |own: &&[Arc<T>]| std::iter::zip(*own, &*page.elements).all(|(a, b)| Arc::ptr_eq(a, b));
            match own {
                Some(own) if is_same(&own) => list.push(page.elements.clone()),
                Some(own) => list.push(own.into()),
                None => break,
            }
        }
        let done = list.len();
        list.push_all(&elements[done..]);
        list
    }

    /// The list after `changes`, by key: another element, or none any more. This list must be sorted by key.
    #[must_use]
    pub fn changed<K: Ord>(&self, changes: &BTreeMap<K, Option<Arc<T>>>, key: impl Fn(&T) -> &K) -> Self {
        let mut list = Self::default();
        let mut changes = changes.iter().peekable();
        for (index, page) in self.pages.iter().enumerate() {
            let next = self.pages.get(index + 1).and_then(|next| next.elements.first());
            let is_before = |changed: &K| next.is_none_or(|next| *changed < *key(next));
            let mut own = std::iter::from_fn(|| changes.next_if(|(changed, _)| is_before(changed))).peekable();
            if own.peek().is_none() {
                list.push(page.elements.clone());
                continue;
            }
            let mut merged: Vec<Arc<T>> = Vec::with_capacity(page.elements.len() + 1);
            for element in &*page.elements {
                while let Some((_, new)) = own.next_if(|(changed, _)| **changed < *key(element)) {
                    merged.extend(new.clone());
                }
                match own.next_if(|(changed, _)| **changed == *key(element)) {
                    Some((_, new)) => merged.extend(new.clone()),
                    None => merged.push(element.clone()),
                }
            }
            merged.extend(own.filter_map(|(_, new)| new.clone()));
            list.push_merged(merged);
        }
        let added: Vec<Arc<T>> = changes.filter_map(|(_, new)| new.clone()).collect();
        list.push_all(&added);
        list
    }

    /// Adds a page that has got larger or smaller: pages stay between a quarter and the double of their usual size where
    /// they can.
    fn push_merged(&mut self, mut elements: Vec<Arc<T>>) {
        if elements.len() < PAGE / 4
            && let Some(before) = self.pages.pop_if(|before| before.elements.len() <= PAGE)
        {
            elements = before.elements.iter().cloned().chain(elements).collect();
        }
        if elements.len() <= 2 * PAGE {
            self.push(elements.into());
        } else {
            self.push_all(&elements);
        }
    }
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Clone for Paged<T> {
    fn clone(&self) -> Self {
        Self { pages: self.pages.clone() }
    }
}

impl<T> Clone for Page<T> {
    fn clone(&self) -> Self {
        Self { end: self.end, elements: self.elements.clone() }
    }
}

impl<T: PartialEq> PartialEq for Paged<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

impl<T: Clone> From<Vec<T>> for Paged<T> {
    fn from(elements: Vec<T>) -> Self {
        let mut list = Self::default();
        list.push_all(&elements);
        list
    }
}

impl<T: Clone> FromIterator<T> for Paged<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Vec::from_iter(elements).into()
    }
}

impl<T> Index<usize> for Paged<T> {
    type Output = T;

    /// # Panics
    /// There is no such position.
    fn index(&self, position: usize) -> &T {
        match self.get(position) {
            Some(element) => element,
            None => panic!("position {position} of a list of {}", self.len()),
        }
    }
}

impl<'l, T> IntoIterator for &'l Paged<T> {
    type Item = &'l T;
    type IntoIter = Iter<'l, T>;

    fn into_iter(self) -> Iter<'l, T> {
        self.iter()
    }
}

/// The elements of a [`Paged`].
#[derive(Debug)]
pub struct Iter<'l, T> {
    pages: std::slice::Iter<'l, Page<T>>,
    front: std::slice::Iter<'l, T>,
    rest: usize,
}

impl<'l, T> Iterator for Iter<'l, T> {
    type Item = &'l T;

    fn next(&mut self) -> Option<&'l T> {
        let element = loop {
            match self.front.next() {
                Some(element) => break element,
                None => self.front = self.pages.next()?.elements.iter(),
            }
        };
        self.rest -= 1;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest, Some(self.rest))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

/// A place in a [`Paged`], for walks through two lists in step.
#[derive(Debug)]
pub struct Cursor<'l, T> {
    list: &'l Paged<T>,
    page: usize,
    offset: usize,
}

impl<'l, T> Cursor<'l, T> {
    /// The element here; `None`: the end.
    #[must_use]
    pub fn get(&self) -> Option<&'l T> {
        self.list.pages.get(self.page)?.elements.get(self.offset)
    }

    /// How many elements are before it.
    #[must_use]
    pub fn position(&self) -> usize {
        let before = self.page.checked_sub(1).and_then(|before| self.list.pages.get(before));
        before.map_or(0, |before| before.end) + self.offset
    }

    /// Goes to the next element.
    pub fn advance(&mut self) {
        self.offset += 1;
        if self.list.pages.get(self.page).is_some_and(|page| self.offset == page.elements.len()) {
            (self.page, self.offset) = (self.page + 1, 0);
        }
    }

    /// Goes past `page` when this is its beginning; whether it was.
    pub fn skip_page(&mut self, page: &Arc<[T]>) -> bool {
        let is_here =
            self.offset == 0 && self.list.pages.get(self.page).is_some_and(|own| Arc::ptr_eq(&own.elements, page));
        self.page += usize::from(is_here);
        is_here
    }
}
