//! Any bytes as a page, and any operations on it.
#![no_main]

#[path = "../../tests/page_fuzz.rs"]
mod page_fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| page_fuzz::run(input));
