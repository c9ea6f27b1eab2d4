//! The versions of one key: [`Chain`].

use super::Timestamp;

/// What a commit made of a key.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// The commit.
    pub(super) at: Timestamp,
    /// The value; `None` is a deletion.
    pub(super) value: Option<Vec<u8>>,
}

/// All versions of a key that are kept, oldest first (V1).
#[derive(Debug, Default)]
pub(super) struct Chain {
    versions: Vec<Version>,
}

impl Chain {
    /// The versions, oldest first.
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The commit of the newest version; 0 if there is none.
    pub(super) fn newest(&self) -> Timestamp {
        self.versions.last().map_or(Timestamp(0), |version| version.at)
    }

    /// The value that `snapshot` sees, if it sees one (V2).
    ///
    /// # Cost
    /// Logarithmic in the length of the chain.
    pub(super) fn seen_by(&self, snapshot: Timestamp) -> Option<&[u8]> {
        //# task 5.7 find the version that a snapshot sees
        let above = self.versions.partition_point(|version| version.at <= snapshot);
        self.versions[..above].last()?.value.as_deref()
        //# end
    }

    /// Adds a version.
    ///
    /// # Requires
    /// It is newer than all others.
    pub(super) fn push(&mut self, version: Version) {
        assert!(version.at > self.newest(), "V1: {} comes behind {}", version.at, self.newest());
        self.versions.push(version);
    }

    /// Takes the version of commit `at` out, if it is there.
    pub(super) fn take_out(&mut self, at: Timestamp) {
        if let Ok(place) = self.versions.binary_search_by_key(&at, |version| version.at) {
            self.versions.remove(place);
        }
    }
}
