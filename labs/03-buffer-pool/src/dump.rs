//! Text pictures of a pool and of a heap, for your own debugging and for the grader's reports. Given.

mod heap;
mod pool;

pub use heap::dump_heap;
pub use pool::dump_pool;
