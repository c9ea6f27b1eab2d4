//! Any bytes as a row of any types, and as a key.
#![no_main]

#[path = "../../tests/codec_fuzz.rs"]
mod codec_fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| codec_fuzz::run(input));
