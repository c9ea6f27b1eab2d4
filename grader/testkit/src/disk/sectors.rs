//! The bytes of a [`super::FaultDisk`] and what may become of them.
//!
//! Three things are kept: the cache (what reads see), the durable image, and for each sector that changed
//! since it was last durable, every state it had since. A crash picks one state a sector.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};

use fastrand::Rng;

use super::SECTOR;

/// States kept of a sector that is written over and over without a sync; the oldest go first.
const MAX_STATES: usize = 16;

/// Pending lengths kept.
const MAX_LENGTHS: usize = 16;

#[derive(Debug)]
pub(super) struct Image {
    cache: Vec<u8>,
    /// May be longer than `durable_len`; beyond it everything is zero.
    durable: Vec<u8>,
    durable_len: usize,
    dirty: BTreeMap<usize, Dirty>,
    lengths: Vec<usize>,
    /// The current length was lost by a failed sync.
    is_length_lost: bool,
}

/// A sector that is not durable as the cache has it.
#[derive(Debug, Default)]
struct Dirty {
    states: Vec<Vec<u8>>,
    /// A sync failed since the last write: no later sync writes this sector.
    is_lost: bool,
}

impl Image {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let durable_len = bytes.len();
        let durable = bytes.clone();
        Image {
            cache: bytes,
            durable,
            durable_len,
            dirty: BTreeMap::new(),
            lengths: Vec::new(),
            is_length_lost: false,
        }
    }

    pub(super) fn current(&self) -> &[u8] {
        &self.cache
    }

    pub(super) fn durable(&self) -> Vec<u8> {
        let mut out = self.durable.clone();
        out.resize(self.durable_len, 0);
        out
    }

    pub(super) fn write(&mut self, start: usize, bytes: &[u8]) -> io::Result<()> {
        let end = start.checked_add(bytes.len()).ok_or(ErrorKind::StorageFull)?;
        if end > self.cache.len() {
            self.set_len(end)?;
        }
        self.cache[start..end].copy_from_slice(bytes);
        self.note_change(start, end);
        Ok(())
    }

    pub(super) fn set_len(&mut self, len: usize) -> io::Result<()> {
        let old = self.cache.len();
        if len > old {
            self.cache.try_reserve(len - old).map_err(|_| ErrorKind::StorageFull)?;
        }
        self.cache.resize(len, 0);
        if len < old {
            // What is cut off reads as zero if the file grows again.
            self.note_change(len, old);
        }
        if len != old {
            self.is_length_lost = false;
            if self.lengths.len() == MAX_LENGTHS {
                self.lengths.remove(0);
            }
            self.lengths.push(len);
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) {
        let mut still_dirty = BTreeMap::new();
        for (sector, dirty) in std::mem::take(&mut self.dirty) {
            if dirty.is_lost {
                still_dirty.insert(sector, dirty);
            } else {
                let state = cached(&self.cache, sector);
                put(&mut self.durable, sector, &state);
            }
        }
        self.dirty = still_dirty;
        if !self.is_length_lost {
            self.durable_len = self.cache.len();
            self.lengths.clear();
        }
    }

    /// A sync failed: the cache forgets that these sectors have to be written.
    pub(super) fn lose_dirty(&mut self) {
        for dirty in self.dirty.values_mut() {
            dirty.is_lost = true;
        }
        self.is_length_lost = !self.lengths.is_empty();
    }

    pub(super) fn flip_bit(&mut self, offset: u64, bit: u32) {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let mask = 1u8 << (bit % 8);
        for image in [&mut self.cache, &mut self.durable] {
            if let Some(byte) = image.get_mut(at) {
                *byte ^= mask;
            }
        }
        if let Some(dirty) = self.dirty.get_mut(&(at / SECTOR)) {
            for state in &mut dirty.states {
                state[at % SECTOR] ^= mask;
            }
        }
    }

    pub(super) fn survivors(&self, rng: &mut Rng) -> Vec<u8> {
        // How much survives is chosen first: with one fixed chance a sector, long writes would
        // hardly ever survive as a whole.
        let chance = [0.0, 1.0, 0.1, 0.5, 0.5, 0.9][rng.usize(..6)];
        let mut out = self.durable.clone();
        for (&sector, dirty) in &self.dirty {
            if rng.f64() < chance {
                // The last state is the likely one: a cache is written back as it is.
                let last = dirty.states.len() - 1;
                let state = if rng.bool() { last } else { rng.usize(..=last) };
                put(&mut out, sector, &dirty.states[state]);
            }
        }
        let mut len = self.durable_len;
        if !self.lengths.is_empty() && rng.f64() < chance.max(0.25) {
            len = self.lengths[rng.usize(..self.lengths.len())];
        }
        if chance == 1.0 {
            len = self.cache.len();
        }
        out.resize(len, 0);
        out
    }

    /// All bytes that a crash may leave, or `None` if there are more than `limit`.
    pub(super) fn outcomes(&self, limit: usize) -> Option<BTreeSet<Vec<u8>>> {
        let mut data = BTreeSet::from([self.durable.clone()]);
        for (&sector, dirty) in &self.dirty {
            let mut next = data.clone();
            for bytes in &data {
                for state in &dirty.states {
                    let mut changed = bytes.clone();
                    put(&mut changed, sector, state);
                    next.insert(changed);
                }
            }
            if next.len() > limit {
                return None;
            }
            data = next;
        }
        let mut out = BTreeSet::new();
        for bytes in data {
            for &len in self.lengths.iter().chain([&self.durable_len]) {
                let mut cut = bytes.clone();
                cut.resize(len, 0);
                out.insert(cut);
            }
            if out.len() > limit {
                return None;
            }
        }
        Some(out)
    }

    /// Keeps the state of every sector that bytes `start..end` touch.
    fn note_change(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        for sector in start / SECTOR..=(end - 1) / SECTOR {
            let state = cached(&self.cache, sector);
            let dirty = self.dirty.entry(sector).or_default();
            dirty.is_lost = false;
            if dirty.states.len() == MAX_STATES {
                dirty.states.remove(0);
            }
            dirty.states.push(state);
        }
    }
}

/// A sector as the cache has it, with zeros past the end.
fn cached(cache: &[u8], sector: usize) -> Vec<u8> {
    let start = (sector * SECTOR).min(cache.len());
    let end = (start + SECTOR).min(cache.len());
    let mut state = cache[start..end].to_vec();
    state.resize(SECTOR, 0);
    state
}

/// Puts a sector into an image, which grows as needed.
fn put(image: &mut Vec<u8>, sector: usize, state: &[u8]) {
    let start = sector * SECTOR;
    if image.len() < start + SECTOR {
        image.resize(start + SECTOR, 0);
    }
    image[start..start + SECTOR].copy_from_slice(state);
}
