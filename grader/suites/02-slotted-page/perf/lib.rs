//! Performance workloads of lab 2, built once with the learner's crate and once with the reference.

mod codec;
mod disk;
mod page;

use testkit::perf::Workload;

/// All workloads; their ids are those of `lab.toml`.
pub fn workloads() -> Vec<Workload> {
    let parts = [page::workloads(), codec::workloads(), disk::workloads()];
    parts.into_iter().flatten().collect()
}
