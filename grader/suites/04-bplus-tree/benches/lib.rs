//! The tree of lab 4 beside what people use. The work is in `peers.rs`.
