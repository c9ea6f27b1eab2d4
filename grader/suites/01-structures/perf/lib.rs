//! Performance workloads of lab 1, built once with the learner's crate and once with the reference.

mod btree;
mod channel;
mod hash_map;
mod lru;
mod queue;

use testkit::perf::Workload;

/// All workloads; their ids are those of `lab.toml`.
pub fn workloads() -> Vec<Workload> {
    let mut all = queue::workloads();
    all.extend(channel::workloads());
    all.extend(hash_map::workloads());
    all.extend(lru::workloads());
    all.extend(btree::workloads());
    all
}
