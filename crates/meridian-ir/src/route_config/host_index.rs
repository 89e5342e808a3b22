//! The index over the domains of virtual hosts. It follows a change of one virtual host among many without looking at the
//! others' names.

use crate::{Name, Paged, VirtualHost};
use std::sync::Arc;

type VirtualHosts = Paged<Arc<VirtualHost>>;

/// Where the virtual host of each domain stands.
#[derive(Debug, Clone)]
pub(super) struct HostIndex {
    /// `host`, `*.suffix` and `prefix.*`, by what stands beside the asterisk.
    tables: [Table; 3],
    any: Option<u32>,
    /// Some domain is claimed twice: who comes second would have to come to light when the first goes.
    contested: bool,
}

/// The forms of domains, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Exact,
    Suffix,
    Prefix,
}

const FORMS: [Form; 3] = [Form::Exact, Form::Suffix, Form::Prefix];

/// The form of a domain other than `*`, and its fixed part.
fn split(domain: &str) -> (Form, &[u8]) {
    if let Some(suffix) = domain.strip_prefix('*') {
        (Form::Suffix, suffix.as_bytes())
    } else if let Some(prefix) = domain.strip_suffix('*') {
        (Form::Prefix, prefix.as_bytes())
    } else {
        (Form::Exact, domain.as_bytes())
    }
}

impl HostIndex {
    pub(super) fn new(virtual_hosts: &VirtualHosts) -> Self {
        let tables = FORMS.map(|form| Table::with_room(form, virtual_hosts.len()));
        let mut index = Self { tables, any: None, contested: false };
        for (position, virtual_host) in std::iter::zip(0u32.., virtual_hosts) {
            index.claim(virtual_hosts, virtual_host, position);
        }
        index
    }

    fn claim(&mut self, virtual_hosts: &VirtualHosts, virtual_host: &VirtualHost, position: u32) {
        for domain in &virtual_host.domains {
            let claimed = match &**domain {
                "*" => {
                    let free = self.any.is_none();
                    self.any.get_or_insert(position);
                    free
                }
                domain => {
                    let (form, fixed) = split(domain);
                    self.tables[form as usize].insert(virtual_hosts, fixed, position)
                }
            };
            self.contested |= !claimed;
        }
    }

    /// The index for `after`, when `this` is the one for `before`: the same where the domains are.
    pub(super) fn followed(this: &Arc<Self>, before: &VirtualHosts, after: &VirtualHosts) -> Arc<Self> {
        let Some(moves) = Moves::new(before, after).filter(|moves| !this.contested || moves.is_none()) else {
            return Arc::new(Self::new(after));
        };
        if moves.is_none() {
            return this.clone();
        }
        let mut index = Self {
            tables: this.tables.each_ref().map(|table| table.moved(&moves, before)),
            any: this.any.and_then(|position| moves.to(position)),
            contested: false,
        };
        for position in &moves.added {
            index.claim(after, &after[*position as usize], *position);
        }
        Arc::new(if index.contested { Self::new(after) } else { index })
    }

    /// The position of the virtual host for a lowercase host without port.
    pub(super) fn find(&self, virtual_hosts: &VirtualHosts, host: &[u8]) -> Option<u32> {
        let [exact, suffixes, prefixes] = &self.tables;
        (exact.find(virtual_hosts, host))
            .or_else(|| suffixes.longest(virtual_hosts, host, |length| &host[host.len() - length..]))
            .or_else(|| prefixes.longest(virtual_hosts, host, |length| &host[..length]))
            .or(self.any)
    }
}

#[cfg(test)]
impl HostIndex {
    /// How many slots there are in all.
    pub(super) fn slots(&self) -> usize {
        self.tables.iter().map(|table| table.slots.len()).sum()
    }
}

/// Where virtual hosts of one list stand in another.
struct Moves {
    /// By position before; `GONE` for those that are not there any more.
    to: Vec<u32>,
    /// Positions after of those that were not there.
    added: Vec<u32>,
    removed: usize,
}

const GONE: u32 = u32::MAX;

impl Moves {
    /// `None` when so much is different that a new index is cheaper. Both lists are walked in step, page by page where
    /// they share them, and guided by names where they differ; in lists that are not sorted this finds more differences
    /// than there are, never fewer.
    fn new(before: &VirtualHosts, after: &VirtualHosts) -> Option<Self> {
        let limit = before.len() / 4 + 1;
        let mut moves = Self { to: Vec::with_capacity(before.len()), added: Vec::new(), removed: 0 };
        let (all, mut after) = (after.len(), after.cursor());
        for page in before.pages() {
            let (mut old, mut first) = (page.iter().peekable(), true);
            while let Some(next) = old.peek() {
                let position = after.position() as u32;
                if std::mem::take(&mut first) && after.skip_page(page) {
                    moves.to.extend(position..position + page.len() as u32);
                    break;
                }
                match after.get() {
                    Some(new) if Arc::ptr_eq(next, new) || next.domains == new.domains => {
                        moves.to.push(position);
                        after.advance();
                        old.next();
                    }
                    Some(new) if new.name < next.name => {
                        moves.added.push(position);
                        after.advance();
                        first = old.len() == page.len();
                    }
                    _ => {
                        moves.to.push(GONE);
                        moves.removed += 1;
                        old.next();
                    }
                }
                if moves.removed + moves.added.len() > limit {
                    return None;
                }
            }
        }
        moves.added.extend(after.position() as u32..all as u32);
        (moves.removed + moves.added.len() <= limit).then_some(moves)
    }

    /// Whether every virtual host has its domains and its place as before.
    fn is_none(&self) -> bool {
        self.removed == 0 && self.added.is_empty()
    }

    fn to(&self, position: u32) -> Option<u32> {
        self.to.get(position as usize).copied().filter(|to| *to != GONE)
    }
}

/// Positions by the fixed part of a domain, with open addressing. The domains themselves are not kept: a position that
/// a hash leads to is checked against the virtual host that stands there.
#[derive(Debug, Clone)]
struct Table {
    form: Form,
    /// A power of two of them, less than half in use.
    slots: Vec<Slot>,
    /// Slots that are not free, those of domains that are gone included.
    used: usize,
    /// Distinct lengths of the fixed parts, longest first, with how often each occurs; for wildcards only.
    lengths: Vec<(usize, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    position: u32,
}

/// The position of a slot that was never used.
const FREE: u32 = u32::MAX - 1;
const FREE_SLOT: Slot = Slot { hash: 0, position: FREE };

impl Table {
    fn with_room(form: Form, expected: usize) -> Self {
        // Wildcards are few, as a rule.
        let expected = if form == Form::Exact { expected } else { 0 };
        let slots = vec![FREE_SLOT; (expected * 3).next_power_of_two().max(8)];
        Self { form, slots, used: 0, lengths: Vec::new() }
    }

    /// Takes a fixed part for `position`; false when it is taken already.
    fn insert(&mut self, virtual_hosts: &VirtualHosts, fixed: &[u8], position: u32) -> bool {
        if self.find(virtual_hosts, fixed).is_some() {
            return false;
        }
        if (self.used + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.place(Slot { hash: hash(fixed), position });
        if self.form != Form::Exact {
            self.count(fixed.len(), 1);
        }
        true
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = slot.hash as usize & mask;
        while self.slots[at].position != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
        self.used += 1;
    }

    /// Makes room for as much as there is now; slots of domains that are gone become usable.
    fn grow(&mut self) {
        let live: Vec<Slot> = self.slots.iter().copied().filter(|slot| slot.position < FREE).collect();
        self.slots = vec![FREE_SLOT; ((live.len() + 1) * 3).next_power_of_two().max(8)];
        self.used = 0;
        live.into_iter().for_each(|slot| self.place(slot));
    }

    fn count(&mut self, length: usize, more: i32) {
        match self.lengths.binary_search_by(|(other, _)| length.cmp(other)) {
            Ok(at) => {
                self.lengths[at].1 = self.lengths[at].1.saturating_add_signed(more);
                if self.lengths[at].1 == 0 {
                    self.lengths.remove(at);
                }
            }
            Err(at) if more > 0 => self.lengths.insert(at, (length, 1)),
            Err(_) => {}
        }
    }

    /// This table after virtual hosts moved; what stood at positions that are gone leaves its slot unusable.
    fn moved(&self, moves: &Moves, before: &VirtualHosts) -> Self {
        let mut table = self.clone();
        for slot in table.slots.iter_mut().filter(|slot| slot.position < FREE) {
            slot.position = moves.to[slot.position as usize];
        }
        if self.form != Form::Exact && moves.removed > 0 {
            let gone = std::iter::zip(&moves.to, before).filter(|(to, _)| **to == GONE);
            let domains = gone.flat_map(|(_, virtual_host)| &virtual_host.domains).filter(|domain| &***domain != "*");
            for (form, fixed) in domains.map(|domain| split(domain)) {
                if form == self.form {
                    table.count(fixed.len(), -1);
                }
            }
        }
        table
    }

    fn find(&self, virtual_hosts: &VirtualHosts, fixed: &[u8]) -> Option<u32> {
        let hash = hash(fixed);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.position == FREE {
                return None;
            }
            if slot.hash == hash
                && let Some(virtual_host) = virtual_hosts.get(slot.position as usize)
                && virtual_host.domains.iter().any(|domain| self.is(domain, fixed))
            {
                return Some(slot.position);
            }
            at = (at + 1) & mask;
        }
    }

    fn is(&self, domain: &Name, fixed: &[u8]) -> bool {
        &**domain != "*" && split(domain) == (self.form, fixed)
    }

    /// The longest fixed part that `host` has and is longer than.
    fn longest<'h>(&self, virtual_hosts: &VirtualHosts, host: &[u8], part: impl Fn(usize) -> &'h [u8]) -> Option<u32> {
        let shorter = self.lengths.iter().filter(|(length, _)| *length < host.len());
        shorter.into_iter().find_map(|(length, _)| self.find(virtual_hosts, part(*length)))
    }
}

/// A fast hash. Only the user's own domains are ever inserted, so nobody else can make them collide.
fn hash(bytes: &[u8]) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = (state.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    }
    ((state ^ (state >> 29)).wrapping_mul(MULTIPLIER) >> 32) as u32
}
