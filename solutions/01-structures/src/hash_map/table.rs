//! The table of the hash map: control bytes, slots, and the transitions between full, deleted and empty.
//!
//! [`HashMap`](super::HashMap) calls it; it calls `group.rs` to compare control bytes. The table has no
//! hasher: callers pass hashes, and a function that hashes a key again when the table grows. Invariants H1
//! to H5 are those of `hash_map.rs`.
//!
//! ```text
//!                    occupy                      erase, the group has an empty byte
//!   empty  ------------------------>  full  --------------------------> empty
//!                                      |  ^
//!    erase, the group has no empty byte|  | occupy
//!                                      v  |
//!                                    deleted  ------ rehash ----------> (gone)
//! ```
//!
//! A group without an empty byte gets no empty byte before the next rehash. So if a group has an empty byte
//! now, it always had one, and no probe ever continued behind it: an erased slot of this group may become
//! empty at once. Only groups without an empty byte get tombstones. A tombstone counts against
//! `growth_left` until a rehash removes it.

pub(crate) use super::group::{DELETED, EMPTY, GROUP};
use super::group::{Group, Probe, tag_of};

/// Entries that a group holds on average when the table grows: seven of eight slots (H4).
const FULL_PER_GROUP: usize = GROUP - 1;

/// Open-addressing table. A slot is named by its index in `0..slot_count()`.
#[derive(Clone)]
pub(crate) struct Table<K, V> {
    /// A byte for each slot, eight to a group.
    controls: Vec<[u8; GROUP]>,
    /// Slot `i` belongs to group `i / GROUP`.
    slots: Vec<Option<(K, V)>>,
    /// Number of full slots.
    len: usize,
    /// Number of empty slots that may still become full before the table must be rehashed.
    growth_left: usize,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table { controls: Vec::new(), slots: Vec::new(), len: 0, growth_left: 0 }
    }
}

impl<K, V> Table<K, V> {
    /// Makes a table with room for `capacity` entries. Capacity 0 allocates nothing.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        match capacity {
            0 => Self::default(),
            _ => Self::with_groups(capacity.div_ceil(FULL_PER_GROUP).next_power_of_two()),
        }
    }

    /// Makes an empty table of `groups` groups, a power of two (H1).
    fn with_groups(groups: usize) -> Self {
        debug_assert!(groups.is_power_of_two(), "H1: {groups} groups");
        let mut slots = Vec::with_capacity(groups * GROUP);
        slots.resize_with(groups * GROUP, || None);
        let controls = vec![[EMPTY; GROUP]; groups];
        Table { controls, slots, len: 0, growth_left: groups * FULL_PER_GROUP }
    }

    /// Number of full slots.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Number of entries that the table can hold before it grows.
    pub(crate) fn capacity(&self) -> usize {
        self.controls.len() * FULL_PER_GROUP
    }

    /// Whether one more `occupy` of an empty slot would break H4.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.growth_left == 0
    }

    /// Number of slots, full or not.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// The slots themselves, for iteration.
    pub(crate) fn slots(&self) -> &[Option<(K, V)>] {
        &self.slots
    }

    /// The slots themselves, with mutable values.
    pub(crate) fn slots_mut(&mut self) -> &mut [Option<(K, V)>] {
        &mut self.slots
    }

    /// Gives up the table and returns its slots.
    pub(crate) fn into_slots(self) -> Vec<Option<(K, V)>> {
        self.slots
    }

    /// The control bytes of all groups, for the dump.
    pub(crate) fn controls(&self) -> &[[u8; GROUP]] {
        &self.controls
    }

    /// The entry in `slot`, if the slot is full.
    #[inline]
    pub(crate) fn entry(&self, slot: usize) -> Option<(&K, &V)> {
        self.slots[slot].as_ref().map(|(key, value)| (key, value))
    }

    /// The entry in `slot` with a mutable value, if the slot is full.
    #[inline]
    pub(crate) fn entry_mut(&mut self, slot: usize) -> Option<(&K, &mut V)> {
        self.slots[slot].as_mut().map(|(key, value)| (&*key, value))
    }

    /// Drops all entries, one after the other: if a `drop` panics, the table holds those behind it (H1 to
    /// H5). The capacity stays the same.
    pub(crate) fn clear(&mut self) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_some() {
                drop(self.erase(slot));
            }
        }
        self.controls.fill([EMPTY; GROUP]);
        self.growth_left = self.capacity();
        self.check();
    }

    /// Asserts H1, H4, and H2 without the tags: a tag needs the hash of the key. It does nothing in a release
    /// build.
    ///
    /// # Cost
    /// O(capacity), so only functions that have this cost call it.
    fn check(&self) {
        if !cfg!(debug_assertions) || self.controls.is_empty() {
            return;
        }
        let groups = self.controls.len();
        assert!(groups.is_power_of_two() && self.slots.len() == groups * GROUP, "H1: {groups} groups");
        let controls = self.controls.as_flattened();
        let is_right = |(control, slot): (&u8, &Option<(K, V)>)| (*control < DELETED) == slot.is_some();
        assert!(controls.iter().zip(&self.slots).all(is_right), "H2: full slots are those with an entry");
        let full = self.slots.iter().flatten().count();
        let deleted = controls.iter().filter(|control| **control == DELETED).count();
        assert_eq!(full, self.len, "H2: the number of full slots is stored in `len`");
        assert_eq!(self.growth_left + full + deleted, self.capacity(), "H4");
    }

    /// Finds the slot of the key whose hash is `hash` and for which `is_key` returns true.
    ///
    /// # Requires
    /// At least one group.
    ///
    /// # Ensures
    /// `None` only if no slot holds the key (H3). Calls `is_key` only for full slots that
    /// [`Group::matches`] returns for the tag of `hash`: nearly all of them have this tag.
    ///
    /// # Cost
    /// Visits one group in most cases. Of 128 full slots visited, about one costs a comparison that fails.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_key: impl FnMut(&K) -> bool) -> Option<usize> {
        //# task 1.3 find a key
        //+ // Nudge: which control byte may end the probe, and which may not?
        let mut probe = Probe::start(hash, self.controls.len());
        loop {
            let group = Group::load(&self.controls[probe.group]);
            for lane in group.matches(tag_of(hash)) {
                let slot = probe.group * GROUP + lane;
                if let Some((key, _)) = &self.slots[slot]
                    && is_key(key)
                {
                    return Some(slot);
                }
            }
            if group.empty().any() {
                return None;
            }
            probe.advance();
        }
        //# end
    }

    /// Finds the slot for a key: `Ok` with the slot that holds it already, or `Err` with a slot to `occupy`.
    ///
    /// # Requires
    /// `!is_full()`.
    ///
    /// # Ensures
    /// `Err` only if no slot holds the key, and then with the first empty or deleted slot of its probe, so
    /// that H3 holds after `occupy`.
    ///
    /// # Cost
    /// One probe, as in `find`.
    #[inline]
    pub(crate) fn find_or_free(&self, hash: u64, mut is_key: impl FnMut(&K) -> bool) -> Result<usize, usize> {
        //# task 1.3 find a key or the slot to put it in
        //+ // Nudge: the key may be put into a deleted slot, but first check that no later slot holds it.
        debug_assert!(!self.is_full(), "H4: at least one byte in eight is empty");
        let mut probe = Probe::start(hash, self.controls.len());
        let mut first_free = None;
        loop {
            let group = Group::load(&self.controls[probe.group]);
            for lane in group.matches(tag_of(hash)) {
                let slot = probe.group * GROUP + lane;
                if let Some((key, _)) = &self.slots[slot]
                    && is_key(key)
                {
                    return Ok(slot);
                }
            }
            if first_free.is_none() {
                first_free = group.free().first().map(|lane| probe.group * GROUP + lane);
            }
            if let Some(slot) = first_free
                && group.empty().any()
            {
                return Err(slot);
            }
            probe.advance();
        }
        //# end
    }

    /// Stores an entry in a slot that holds none.
    ///
    /// # Requires
    /// `find_or_free` returned `slot` for this key, and the table has not changed since.
    ///
    /// # Ensures
    /// H2, H3 and H4. A deleted slot that is used again does not decrease `growth_left` a second time.
    #[inline]
    pub(crate) fn occupy(&mut self, slot: usize, hash: u64, key: K, value: V) {
        //# task 1.3 fill a free slot
        let control = &mut self.controls[slot / GROUP][slot % GROUP];
        if *control == EMPTY {
            self.growth_left -= 1;
        }
        *control = tag_of(hash);
        debug_assert!(self.slots[slot].is_none(), "H2: a slot whose byte is not full holds no entry");
        self.slots[slot] = Some((key, value));
        self.len += 1;
        //# end
    }

    /// Removes the entry of a full slot and returns it.
    ///
    /// # Requires
    /// The slot is full.
    ///
    /// # Ensures
    /// H2, H3 and H4, before the entry is returned. The slot becomes empty if no probe ever continued behind
    /// its group, else deleted. (You may leave a tombstone in every case, if the costs that `hash_map.rs`
    /// promises stay the same.)
    #[inline]
    pub(crate) fn erase(&mut self, slot: usize) -> (K, V) {
        //# task 1.3 free a full slot
        //+ // Nudge: the module doc says when a slot may become empty at once. Mind `growth_left`.
        let controls = &mut self.controls[slot / GROUP];
        if Group::load(controls).empty().any() {
            controls[slot % GROUP] = EMPTY;
            self.growth_left += 1;
        } else {
            controls[slot % GROUP] = DELETED;
        }
        self.len -= 1;
        self.slots[slot].take().expect("H2: only a full slot is erased")
        //# end
    }

    /// Does nothing if `growth_left >= additional`. Otherwise, if `len + additional` is at most half of
    /// `capacity()`, it rehashes the table without its tombstones into the same number of groups. Otherwise
    /// it rehashes into at least twice as many groups, enough for `len + additional`.
    ///
    /// # Ensures
    /// `growth_left >= additional`. The number of groups at least doubles when it changes, so n inserts move
    /// O(n) entries in all. If the number of entries stays the same, the table is rehashed at most once in
    /// capacity / 2 removes. If `hash_of` panics, the table is unchanged.
    ///
    /// # Panics
    /// If `len + additional` entries are more than an allocation can hold. The table is unchanged.
    ///
    /// # Cost
    /// O(capacity) if the table is rehashed, with one hash for each entry; else O(1).
    #[cold]
    pub(crate) fn reserve(&mut self, additional: usize, hash_of: impl Fn(&K) -> u64) {
        //# task 1.3 grow, or remove the tombstones
        //+ // Nudge: do entries or tombstones use up the slots?
        //+ // Nudge: `hash_of` is the caller's code. Where are the entries when it panics?
        if additional <= self.growth_left {
            return;
        }
        let needed = self.len.checked_add(additional).expect("a map of more than usize::MAX entries");
        let is_mostly_tombstones = needed <= self.capacity() / 2;
        let groups = match is_mostly_tombstones {
            true => self.controls.len(),
            false => needed.max(self.capacity() + 1).div_ceil(FULL_PER_GROUP).next_power_of_two(),
        };
        self.rehash(groups, hash_of);
        //# end
    }

    //# hide
    /// Moves every entry to a new table of `groups` groups, which has no tombstones. All keys are hashed
    /// before the first entry moves, because a hash may panic.
    fn rehash(&mut self, groups: usize, hash_of: impl Fn(&K) -> u64) {
        // An iterator of full slots does not know how many there are: `collect` would reallocate.
        let mut hashes = Vec::with_capacity(self.len);
        hashes.extend(self.slots.iter().flatten().map(|(key, _)| hash_of(key)));
        let old = std::mem::replace(self, Self::with_groups(groups));
        for ((key, value), hash) in old.slots.into_iter().flatten().zip(hashes) {
            let slot = self.first_free(hash);
            self.occupy(slot, hash, key, value);
        }
        self.check();
    }

    /// The first free slot of the probe of `hash`: `find_or_free` for a key that is not in the table.
    #[inline]
    fn first_free(&self, hash: u64) -> usize {
        let mut probe = Probe::start(hash, self.controls.len());
        loop {
            if let Some(lane) = Group::load(&self.controls[probe.group]).free().first() {
                return probe.group * GROUP + lane;
            }
            probe.advance();
        }
    }
    //# end
}
