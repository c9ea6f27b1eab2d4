//! The locks and transactions of lab 5 beside what people use. The work is in `peers.rs`.
