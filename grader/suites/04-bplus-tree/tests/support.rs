//! What the tests of the tree share.
//!
//! - [`pages`]: pages in memory, behind the pager's interface; counts, refuses and fails as a test says.
//! - [`raw`]: a second writer of the node format, from its documentation alone; [`walk`]: the test kit's
//!   reader of it.
//! - [`keys`]: keys that are hard to order and hard to fit.
//! - [`mixed`], [`chains`]: trees that are hard to change; [`fill`]: how full nodes must be.
//! - [`model`]: a sorted set beside the tree; [`faults`]: what every change must survive; [`pool`]: trees in
//!   a file; [`seen`]: walks beside changes; [`threads`]: the end of threads.

pub(crate) mod chains;
pub(crate) mod faults;
pub(crate) mod fill;
pub(crate) mod keys;
pub(crate) mod mixed;
pub(crate) mod model;
pub(crate) mod pages;
pub(crate) mod pool;
pub(crate) mod raw;
pub(crate) mod seen;
pub(crate) mod threads;
pub(crate) mod walk;

pub(crate) use faults::Op;
pub(crate) use model::Story;
pub(crate) use pages::{Fault, Pages};
