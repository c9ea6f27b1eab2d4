//! Any bytes as a page, and any operations on it.
#![no_main]

#[path = "../../tests/page_fuzz.rs"]
mod page_fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut page = [0; slotted_page::PAGE_SIZE];
    let len = input.len().min(page.len());
    page[..len].copy_from_slice(&input[..len]);
    let _ = slotted_page::verify(&page, slotted_page::PageId(1));
    page_fuzz::run(input);
});
