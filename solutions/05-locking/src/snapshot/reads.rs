//! What a serializable transaction has read from its snapshot: [`Reads`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::chain::Chain;
use super::{SnapshotError, Timestamp};

/// The bounds of a range.
type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Keys and ranges that were read, also where nothing was found.
#[derive(Debug, Default)]
pub(super) struct Reads {
    keys: BTreeSet<Vec<u8>>,
    ranges: Vec<Bounds>,
}

impl Reads {
    /// Notes that `key` was read.
    pub(super) fn note_key(&mut self, key: &[u8]) {
        if !self.keys.contains(key) {
            self.keys.insert(key.to_vec());
        }
    }

    /// Notes that a range was read.
    ///
    /// # Requires
    /// The bounds are in order.
    pub(super) fn note_range(&mut self, from: Bound<&[u8]>, to: Bound<&[u8]>) {
        self.ranges.push((from.map(<[u8]>::to_vec), to.map(<[u8]>::to_vec)));
    }

    /// Fails if something that was read has a version that `snapshot` does not see (V6).
    ///
    /// # Errors
    /// [`SnapshotError::ReadChanged`], with the key that has changed.
    pub(super) fn check_unchanged(
        &self,
        chains: &BTreeMap<Vec<u8>, Chain>,
        snapshot: Timestamp,
    ) -> Result<(), SnapshotError> {
        //# task 5.7 check that what was read is unchanged
        //+ // Nudge: a key that was not there, and one that came into a range, are changes as well.
        let check = |(key, chain): (&Vec<u8>, &Chain)| match chain.newest() {
            newest if newest > snapshot => {
                Err(SnapshotError::ReadChanged { key: key.clone(), snapshot, newest })
            }
            _ => Ok(()),
        };
        self.keys.iter().filter_map(|key| chains.get_key_value(key)).try_for_each(check)?;
        self.ranges.iter().try_for_each(|range| chains.range(range.clone()).try_for_each(check))
        //# end
    }
}
