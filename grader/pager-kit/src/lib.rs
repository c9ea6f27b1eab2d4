//! Pagers that only hidden tests use. Each stands where a program has its
//! [`BufferPool`](buffer_pool::BufferPool), so what is written against [`Pager`](buffer_pool::Pager) cannot
//! tell them apart.
//!
//! ```text
//!   test --> heap or tree --> BatchPager --> CountingPager --> BufferPool, MemPager
//!                             keeps changed   counts, fails,    keeps pages
//!                             pages           watches rule U1
//! ```
//!
//! - [`MemPager`]: pages in memory, under numbers that no pool would give out.
//! - [`CountingPager`]: exact counts, an error at a chosen call, a panic where rule U1 is broken.
//! - [`BatchPager`]: keeps the write guards of changed pages until the end, as the mini-transactions of lab 6
//!   do.

mod batch;
mod counting;
mod mem;

pub use batch::{BatchPager, BatchRead, BatchWrite, PageChange, in_batch};
pub use counting::{Call, CountedRead, CountedWrite, CountingPager, Counts, Event, What};
pub use mem::{MemPager, MemRead, MemWrite};

#[cfg(test)]
mod tests;
