//! Performance workloads.
