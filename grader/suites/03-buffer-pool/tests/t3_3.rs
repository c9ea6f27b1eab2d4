//! Task 3.3: guards, through which alone anybody sees the bytes of a page.

mod basic;
mod freeing;
mod model;
mod reuse;
mod threads;
mod write_new;
