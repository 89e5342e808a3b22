//! What an observer was told, and whether it is the truth.

use std::collections::{BTreeMap, HashMap};

/// An object as it was told: enough to know which change it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) generation: i64,
}

/// One thing that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A list begins: what was known counts no more when it ends.
    List,
    /// An object of the list.
    Item(Told),
    /// The list has ended.
    Listed,
    /// An object is new or different.
    Put(Told),
    /// An object is gone.
    Gone(Told),
}

/// What an observer has made of its words.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// The objects as the observer believes them to be.
    pub(crate) objects: BTreeMap<String, Told>,
    /// The versions of all changes that were told one by one.
    pub(crate) changes: BTreeMap<u64, String>,
    /// Versions that a list stands for: after the first, up to the second.
    pub(crate) listed: Vec<(u64, u64)>,
    /// What cannot be true.
    pub(crate) wrong: Vec<String>,
}

impl Story {
    /// Follows the words in order.
    pub(crate) fn of(words: &[Word]) -> Story {
        let mut story = Story::default();
        let mut last = 0;
        let mut list = BTreeMap::new();
        // Generations by uid, of all objects ever told.
        let mut generations: HashMap<String, i64> = HashMap::new();
        for word in words {
            match word {
                Word::List => list.clear(),
                Word::Item(told) => {
                    generations.insert(told.uid.clone(), told.generation);
                    list.insert(told.name.clone(), told.clone());
                }
                Word::Listed => {
                    let newest = list.values().map(|told: &Told| told.version).max().unwrap_or(last);
                    story.listed.push((last, newest.max(last)));
                    last = newest.max(last);
                    story.objects = std::mem::take(&mut list);
                }
                Word::Put(told) => {
                    story.change(told, &mut last);
                    let before = generations.insert(told.uid.clone(), told.generation);
                    // A status is no new generation.
                    let expected = before.map_or(vec![1], |before| vec![before, before + 1]);
                    if !expected.contains(&told.generation) {
                        story.wrong.push(format!("{told:?}: its generation was {before:?} before"));
                    }
                    story.objects.insert(told.name.clone(), told.clone());
                }
                Word::Gone(told) => {
                    story.change(told, &mut last);
                    if story.objects.remove(&told.name).is_none_or(|known| known.uid != told.uid) {
                        story.wrong.push(format!("{told:?} is gone, and was not there"));
                    }
                }
            }
        }
        story
    }

    fn change(&mut self, told: &Told, last: &mut u64) {
        if told.version <= *last {
            self.wrong.push(format!("{told:?} after version {last}"));
        }
        *last = told.version;
        self.changes.insert(told.version, told.name.clone());
    }

    /// Whether a change was told, or a list came after it.
    pub(crate) fn knows(&self, version: u64) -> bool {
        let listed = |(after, until): &(u64, u64)| *after < version && version <= *until;
        self.changes.contains_key(&version) || self.listed.iter().any(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, version: u64, generation: i64) -> Told {
        Told { name: name.to_owned(), uid: format!("uid-{name}"), version, generation }
    }

    #[test]
    fn what_is_lost_or_doubled_is_found() {
        let good = [
            Word::List,
            Word::Item(told("a", 3, 1)),
            Word::Listed,
            Word::Put(told("a", 4, 2)),
            Word::Put(told("b", 5, 1)),
            Word::Gone(told("a", 6, 2)),
        ];
        let story = Story::of(&good);
        assert_eq!(story.wrong, Vec::<String>::new());
        assert_eq!(story.objects.keys().collect::<Vec<_>>(), ["b"]);
        assert!(story.knows(2) && story.knows(3) && story.knows(6) && !story.knows(7));

        let doubled: Vec<Word> = good.iter().cloned().chain([Word::Gone(told("a", 6, 2))]).collect();
        assert_eq!(Story::of(&doubled).wrong.len(), 2);
        let lost: Vec<Word> = good.iter().cloned().chain([Word::Put(told("b", 9, 3))]).collect();
        assert_eq!(Story::of(&lost).wrong.len(), 1);
        assert!(!Story::of(&lost).knows(8));
    }
}
