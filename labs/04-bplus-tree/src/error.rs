//! What can go wrong in this lab, grouped by what the caller can do about it.

use buffer_pool::RecordId;
use slotted_page::PageId;

/// Any failure of this lab.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    // Wrong use.
    /// The key is longer than a node can hold four of.
    #[error("a key of {len} bytes is too long, the most is {max}")]
    KeyTooLong {
        /// Length of the key in bytes.
        len: usize,
        /// [`MAX_KEY_LEN`](crate::MAX_KEY_LEN).
        max: usize,
    },
    /// The entries given to a bulk load are not in order, or repeat one: entry `index` is not above the one
    /// before.
    #[error("entry {index} is not above the one before it")]
    NotSorted {
        /// Place of the entry in the input, from 0.
        index: usize,
    },
    /// A fill factor that is no percentage a node can be filled to.
    #[error("a fill factor of {percent} %, expected 50 to 100")]
    BadFillFactor {
        /// What was asked for.
        percent: u8,
    },
    /// [`replace`](crate::BPlusTree::replace) was called on a tree with duplicates.
    #[error("a tree with duplicates has no replace: insert the new entry, then remove the old one")]
    NotUnique,
    /// The page is not the root of a tree.
    #[error("{page} is not the root page of a tree")]
    NotARoot {
        /// The page asked for.
        page: PageId,
    },

    // Conflict.
    /// A unique tree has the key already, or a tree with duplicates has this very entry.
    #[error("the key is there already, for {existing}")]
    DuplicateKey {
        /// The record id it stands for.
        existing: RecordId,
    },

    // Corrupt data.
    /// A page of the tree is sound as a slotted page, but makes no sense as a node.
    #[error("{page} is damaged: {what}")]
    BadNode {
        /// The page.
        page: PageId,
        /// What is wrong with it.
        what: NodeDamage,
    },

    // From below.
    /// The pager failed.
    #[error(transparent)]
    Pager(#[from] buffer_pool::Error),
}

/// How a node is damaged. The checksum was right, so a program wrote it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeDamage {
    /// An entry too short for what it must hold.
    #[error("entry {index} has {len} bytes, fewer than its record id and child need")]
    ShortEntry {
        /// Place of the entry in the node.
        index: usize,
        /// Its length.
        len: usize,
    },
    /// An entry longer than any can be.
    #[error("entry {index} has {len} bytes, more than the longest key makes")]
    LongEntry {
        /// Place of the entry in the node.
        index: usize,
        /// Its length.
        len: usize,
    },
    /// An internal node without a child.
    #[error("it is an internal node without a child")]
    NoChild,
    /// A link names the node itself, the root, or another page that the thread has latched. A thread that
    /// followed it would wait for itself.
    #[error("it links to a page that is above it, beside it, or itself")]
    Circle,
    /// Two leaves follow each other under their parent, but the left one does not link to the right one.
    #[error("its next leaf is {found}, but {expected} follows it under their parent")]
    WrongNeighbour {
        /// The leaf that follows under the parent.
        expected: PageId,
        /// The leaf that the link names.
        found: PageId,
    },
    /// The entries of a leaf are not all above those of the leaf to its left, or not all below those of the
    /// leaf to its right.
    #[error("its entries overlap those of the leaf beside it")]
    OutOfOrder,
    /// The node's level is not one below its parent's, or does not fit its kind.
    #[error("its level is {found}, expected {expected}")]
    BadLevel {
        /// One below the level of its parent, or what fits its kind.
        expected: u16,
        /// The level in the page.
        found: u16,
    },
    /// The node belongs to another tree.
    #[error("it is a node of the tree whose root is {found}")]
    OtherTree {
        /// The tree it names.
        found: PageId,
    },
}

impl From<slotted_page::Error> for Error {
    fn from(error: slotted_page::Error) -> Self {
        Error::Pager(error.into())
    }
}
