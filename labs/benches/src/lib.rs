//! Criterion benches of the labs, in a package of their own so that a lab's first
//! `cargo test` does not build criterion. Run one with `cargo bench -p benches --bench structures_maps`.
