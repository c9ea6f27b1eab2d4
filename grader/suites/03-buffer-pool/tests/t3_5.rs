//! Task 3.5: the table heap. Where a record goes is the heap's own business; what is tested is what its
//! documentation promises: records, record ids, the format of the pages, and how many pages it asks for.

mod admit;
mod basic;
mod chain;
mod costs;
mod destroy;
mod ends;
mod errors;
mod hostile;
mod model;
mod moves;
mod order;
mod pagers;
mod room;
mod threads;
mod two_heaps;
