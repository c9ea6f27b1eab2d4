//! What can go wrong in this lab, grouped by what the caller can do about it.

/// Any failure of this lab.
///
/// TO WRITE: one variant for each thing that can go wrong, with facts in it: what was found and what was
/// expected.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// What an empty lab answers to everything.
    #[error("lab {{number}} has no reference yet")]
    NotWritten,
}
