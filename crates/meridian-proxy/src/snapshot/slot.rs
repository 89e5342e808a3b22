//! Numbers for names that are resolved at request time.

use meridian_ir::Name;
use std::collections::HashMap;
use std::sync::Arc;

/// A name's number. While any reference is held, the number belongs to the name.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    /// Position in the workers' tables.
    pub index: usize,
    /// The name.
    pub name: Name,
}

/// A reference to a [`Slot`].
pub type SlotRef = Arc<Slot>;

/// Gives numbers to names.
#[derive(Debug, Default)]
pub struct SlotTable {
    by_name: HashMap<Name, SlotRef>,
    free: Vec<usize>,
    next: usize,
    /// Size at which unused slots are looked for.
    sweep_at: usize,
}

impl SlotTable {
    /// The slot of `name`, a new one if it has none.
    pub fn slot(&mut self, name: &Name) -> SlotRef {
        if let Some(slot) = self.by_name.get(name) {
            return slot.clone();
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let slot = Arc::new(Slot { index, name: name.clone() });
        self.by_name.insert(name.clone(), slot.clone());
        slot
    }

    /// Takes back the numbers that nobody refers to any more, now and then. Names that come and go would fill the
    /// tables otherwise.
    pub fn sweep(&mut self) {
        if self.by_name.len() < self.sweep_at {
            return;
        }
        let free = &mut self.free;
        self.by_name.retain(|_, slot| {
            let used = Arc::strong_count(slot) > 1;
            if !used {
                free.push(slot.index);
            }
            used
        });
        self.sweep_at = (self.by_name.len() * 2).max(256);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_while_used_and_used_again_after() {
        let mut table = SlotTable::default();
        let kept = table.slot(&"kept".into());
        drop(table.slot(&"dropped".into()));
        assert_eq!(table.slot(&"kept".into()), kept);
        table.sweep();
        let other = table.slot(&"other".into());
        assert_eq!((kept.index, other.index), (0, 1), "the dropped name's number is free again");
    }
}
