//! The undo of a new heap or a new tree: [`Made`]. Given.
//!
//! The same operation destroys a heap or a tree after the commit that dropped it.
//!
//! | offset | size | field                                            |
//! | ------ | ---- | ------------------------------------------------ |
//! | 0      | 1    | tag: 6 for a heap, 7 for a tree                  |
//! | 1      | 4    | first page of the heap, or root page of the tree |
//! | 5      | 6    | zeros, where other operations have a record id   |

use slotted_page::PageId;

use super::DAMAGED;
use crate::Error;

/// Length of the operation in bytes.
const LEN: usize = 1 + 4 + 6;

/// A heap or a tree that a transaction has made, or drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// The heap with this first page.
    Heap(PageId),
    /// The tree with this root page.
    Tree(PageId),
}

impl Made {
    /// As bytes.
    pub(crate) fn encode(self) -> Vec<u8> {
        let (tag, page) = match self {
            Made::Heap(page) => (6, page),
            Made::Tree(page) => (7, page),
        };
        let mut bytes = vec![tag];
        bytes.extend(page.0.to_le_bytes());
        bytes.resize(LEN, 0);
        bytes
    }

    /// From bytes; `None` if they are another operation.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let made = match bytes.first() {
            Some(6) => Made::Heap,
            Some(7) => Made::Tree,
            _ => return Ok(None),
        };
        let page = bytes[1..].first_chunk().ok_or(DAMAGED)?;
        if bytes.len() != LEN || bytes[5..].iter().any(|byte| *byte != 0) {
            return Err(DAMAGED);
        }
        Ok(Some(made(PageId(u32::from_le_bytes(*page)))))
    }
}
