//! Performance workloads of lab 1, built once with the learner's crate and once with the reference.

mod btree;
mod hash_map;

use testkit::perf::Workload;

/// All workloads; their ids are those of `lab.toml`.
pub fn workloads() -> Vec<Workload> {
    let mut all = hash_map::workloads();
    all.extend(btree::workloads());
    all
}
