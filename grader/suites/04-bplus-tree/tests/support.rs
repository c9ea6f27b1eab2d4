//! What the tests of the tree share.
//!
//! - [`pages`]: pages in memory, behind the pager's interface; counts, refuses and fails as a test says.
//! - [`raw`]: a second writer of the node format, from its documentation alone; [`walk`]: the test kit's
//!   reader of it.
//! - [`keys`]: keys that are hard to order and hard to fit.
//! - [`model`]: a sorted set beside the tree; [`faults`]: what every change must bear; [`pool`]: trees in a
//!   file; [`seen`]: walks beside changes.

pub(crate) mod chains;
pub(crate) mod faults;
pub(crate) mod keys;
pub(crate) mod model;
pub(crate) mod pages;
pub(crate) mod pool;
pub(crate) mod raw;
pub(crate) mod seen;
pub(crate) mod walk;

pub(crate) use faults::Op;
pub(crate) use model::Story;
pub(crate) use pages::{Fault, Pages};
