//! Performance workloads of lab 3, built once with the learner's crate and once with the reference.

mod heap;
mod pool;

use testkit::perf::Workload;

/// All workloads; their ids are those of `lab.toml`.
pub fn workloads() -> Vec<Workload> {
    let parts = [pool::workloads(), heap::workloads()];
    parts.into_iter().flatten().collect()
}
