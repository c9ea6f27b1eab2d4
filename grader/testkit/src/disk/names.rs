//! The names of a [`super::FaultFolder`] and what may become of them.
//!
//! Three things are kept: the names as callers see them, the durable ones, and the changes that lie between
//! the two, in order. A crash applies some of these changes to the durable names: any set that keeps rule F6.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::machine::FileId;

/// The files by name.
pub(super) type Listing = BTreeMap<String, FileId>;

#[derive(Debug, Default)]
pub(super) struct Names {
    now: Listing,
    durable: Listing,
    pending: Vec<Change>,
}

/// A name change that is not durable.
#[derive(Debug)]
struct Change {
    /// The names it changes and the file that each stands for afterwards.
    sets: Vec<(String, Option<FileId>)>,
    /// A sync of the folder failed since (F8).
    is_lost: bool,
}

impl Change {
    fn apply(&self, listing: &mut Listing) {
        for (name, file) in &self.sets {
            match file {
                Some(file) => listing.insert(name.clone(), *file),
                None => listing.remove(name),
            };
        }
    }

    fn touches(&self, names: &BTreeSet<&str>) -> bool {
        self.sets.iter().any(|(name, _)| names.contains(name.as_str()))
    }

    fn add_names_to<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        names.extend(self.sets.iter().map(|(name, _)| name.as_str()));
    }
}

impl Names {
    /// Durable names.
    pub(super) fn new(listing: Listing) -> Self {
        Names { now: listing.clone(), durable: listing, pending: Vec::new() }
    }

    pub(super) fn current(&self) -> &Listing {
        &self.now
    }

    pub(super) fn durable(&self) -> &Listing {
        &self.durable
    }

    pub(super) fn get(&self, name: &str) -> Option<FileId> {
        self.now.get(name).copied()
    }

    /// The name of a file, if it has one.
    pub(super) fn name_of(&self, file: FileId) -> Option<&str> {
        self.now.iter().find(|(_, id)| **id == file).map(|(name, _)| name.as_str())
    }

    /// True if the file has a name now, or may have one after a crash.
    pub(super) fn can_reach(&self, file: FileId) -> bool {
        let is_set = |change: &Change| change.sets.iter().any(|(_, id)| *id == Some(file));
        let has = |listing: &Listing| listing.values().any(|id| *id == file);
        has(&self.now) || has(&self.durable) || self.pending.iter().any(is_set)
    }

    /// Sets names, as one change.
    pub(super) fn change(&mut self, sets: Vec<(String, Option<FileId>)>) {
        let change = Change { sets, is_lost: false };
        change.apply(&mut self.now);
        self.pending.push(change);
    }

    /// Makes every change durable that is not lost, and the lost ones on which one of these stands.
    pub(super) fn sync(&mut self) {
        let mut names = BTreeSet::new();
        let mut is_saved = vec![false; self.pending.len()];
        for (index, change) in self.pending.iter().enumerate().rev() {
            if !change.is_lost || change.touches(&names) {
                is_saved[index] = true;
                change.add_names_to(&mut names);
            }
        }
        let mut lost = Vec::new();
        for (change, is_saved) in std::mem::take(&mut self.pending).into_iter().zip(is_saved) {
            if is_saved {
                change.apply(&mut self.durable);
            } else {
                lost.push(change);
            }
        }
        self.pending = lost;
    }

    /// A sync of the folder failed: the cache forgets that these changes have to be written.
    pub(super) fn lose_pending(&mut self) {
        for change in &mut self.pending {
            change.is_lost = true;
        }
    }

    /// Names after a crash, picked by `rng` from all that F5 and F6 allow.
    pub(super) fn survivors(&self, rng: &mut Rng) -> Listing {
        // With one fixed chance, a long history would hardly ever survive whole, and hardly ever up to one
        // point.
        let cut = match rng.usize(..6) {
            0 => 0,
            1 => self.pending.len(),
            2 => rng.usize(..=self.pending.len()),
            other => {
                let chance = [0.1, 0.5, 0.9][other - 3];
                return self.survivors_by(|_| rng.f64() < chance);
            }
        };
        self.survivors_by(|index| index < cut)
    }

    /// The durable names with every change that `wants` picks and that F6 allows.
    fn survivors_by(&self, mut wants: impl FnMut(usize) -> bool) -> Listing {
        let mut listing = self.durable.clone();
        let mut undone = BTreeSet::new();
        for (index, change) in self.pending.iter().enumerate() {
            if !change.touches(&undone) && wants(index) {
                change.apply(&mut listing);
            } else {
                change.add_names_to(&mut undone);
            }
        }
        listing
    }

    /// All names that a crash may leave, or `None` if there are more than `limit` ways to get there.
    pub(super) fn outcomes(&self, limit: usize) -> Option<BTreeSet<Listing>> {
        // Each way is the set of changes that survive. The ways grow change by change.
        let mut ways = vec![(self.durable.clone(), BTreeSet::new())];
        for change in &self.pending {
            let mut next = Vec::new();
            for (listing, undone) in ways {
                if !change.touches(&undone) {
                    let mut with = listing.clone();
                    change.apply(&mut with);
                    next.push((with, undone.clone()));
                }
                let mut without = undone;
                change.add_names_to(&mut without);
                next.push((listing, without));
            }
            if next.len() > limit {
                return None;
            }
            ways = next;
        }
        Some(ways.into_iter().map(|(listing, _)| listing).collect())
    }
}
