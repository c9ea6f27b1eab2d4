//! Performance workloads of lab {{number}}, built once with the learner's crate and once with the reference.

use testkit::perf::Workload;

/// All workloads; their ids are those of the `[[perf]]` tables in `lab.toml`.
///
/// TO WRITE: `Workload::counted` for what can be counted, `Workload::timed` for the rest, and a `[[perf]]`
/// table for each. A timed round returns a `Digest` of what every correct design computes.
pub fn workloads() -> Vec<Workload> {
    Vec::new()
}
