//! Performance workloads of lab 5, built once with the learner's crate and once with the reference.

mod locks;
mod rows;
mod snapshots;

use testkit::perf::Workload;

/// All workloads; their ids are those of the `[[perf]]` tables in `lab.toml`.
pub fn workloads() -> Vec<Workload> {
    let mut all = locks::workloads();
    all.extend(rows::workloads());
    all.extend(snapshots::workloads());
    all
}
