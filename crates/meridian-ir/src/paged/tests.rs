use super::*;
use proptest::prelude::*;

#[test]
fn an_empty_list_has_nothing() {
    let list: Paged<Arc<u32>> = Vec::new().into();
    assert!(list.is_empty() && list.get(0).is_none() && list.iter().next().is_none());
    assert!(list.is_same(&list.changed(&BTreeMap::new(), |element| element)));
}

#[test]
fn a_change_leaves_the_other_pages_as_they_are() {
    let list: Paged<Arc<u32>> = (0..10_000).map(|number| Arc::new(2 * number)).collect();
    let changes = BTreeMap::from([(5_001, Some(Arc::new(5_001))), (9_000, None), (9_002, Some(Arc::new(9_002)))]);
    let changed = list.changed(&changes, |element| element);
    assert_eq!((changed.len(), *changed[2501]), (10_000, 5_001));
    assert!(!changed.iter().any(|element| **element == 9_000));
    let other = std::iter::zip(list.pages(), changed.pages()).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
    assert_eq!(other, 2);
    assert!(!changed.is_same(&list));
}

#[test]
fn the_same_elements_at_their_places_share_pages() {
    let list: Paged<Arc<u32>> = (0..1_000).map(Arc::new).collect();
    let mut elements: Vec<Arc<u32>> = list.iter().cloned().collect();
    assert!(list.with(&elements).is_same(&list));
    elements[500] = Arc::new(7);
    let other = list.with(&elements);
    assert_eq!(std::iter::zip(list.pages(), other.pages()).filter(|(a, b)| !Arc::ptr_eq(a, b)).count(), 1);
    assert!(other.iter().map(|element| **element).eq(elements.iter().map(|element| **element)));
}

proptest! {
    /// Whatever is put and taken away, the list is that of a map, its pages are neither empty nor large, and nothing
    /// that stays is made anew.
    #[test]
    fn lists_follow_changes(rounds in prop::collection::vec(prop::collection::btree_map(0u32..600, any::<bool>(), 0..90), 1..12)) {
        let (mut list, mut map) = (Paged::<Arc<u32>>::default(), BTreeMap::new());
        for round in rounds {
            let changes: BTreeMap<u32, Option<Arc<u32>>> =
                round.into_iter().map(|(key, stays)| (key, stays.then(|| Arc::new(key)))).collect();
            list = list.changed(&changes, |element| element);
            for (key, new) in changes {
                match new {
                    Some(new) => drop(map.insert(key, new)),
                    None => drop(map.remove(&key)),
                }
            }
            prop_assert_eq!(list.len(), map.len());
            prop_assert_eq!(list.iter().len(), map.len());
            for (position, (found, expected)) in std::iter::zip(&list, map.values()).enumerate() {
                prop_assert!(Arc::ptr_eq(found, expected));
                prop_assert!(Arc::ptr_eq(&list[position], expected));
            }
            prop_assert!(list.pages().all(|page| (1..=2 * PAGE).contains(&page.len())));
            prop_assert!(list.get(map.len()).is_none());
        }
    }

    /// A list that is given whole has the elements that were given.
    #[test]
    fn whole_lists_are_taken_as_they_are(before in 0usize..300, after in prop::collection::vec(0usize..300, 0..300)) {
        let known: Vec<Arc<usize>> = (0..300).map(Arc::new).collect();
        let list: Paged<Arc<usize>> = known[..before].iter().cloned().collect();
        let elements: Vec<Arc<usize>> = after.iter().map(|position| known[*position].clone()).collect();
        let with = list.with(&elements);
        prop_assert_eq!(with.len(), elements.len());
        prop_assert!(std::iter::zip(&with, &elements).all(|(a, b)| Arc::ptr_eq(a, b)));
    }
}
