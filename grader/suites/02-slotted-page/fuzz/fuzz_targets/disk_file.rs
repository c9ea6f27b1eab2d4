//! Any changes to a file of pages, which is then opened and used.
#![no_main]

#[path = "../../tests/disk_fuzz.rs"]
mod disk_fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| disk_fuzz::run(input));
