//! Lab 2 beside a library in common use: `cargo bench -p slotted-page-suite --bench peers`, in `solutions/`.

use std::hint::black_box;

use testkit::perf::Peers;

/// Bytes without a pattern.
fn noise(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn main() {
    // Ours takes eight bytes at a time from tables, without SIMD. The crate uses the processor's own CRC32C
    // instruction, which needs `unsafe`, so it is faster on every machine that has one.
    Peers::new("CRC32C")
        .row("1,000 pages of 4 KiB", || {
            let page = noise(4_096);
            Box::new(move || {
                for _ in 0..1_000 {
                    black_box(slotted_page::crc32c(black_box(&page)));
                }
            })
        })
        .against("crc32c (SSE 4.2)", || {
            let page = noise(4_096);
            Box::new(move || {
                for _ in 0..1_000 {
                    black_box(crc32c::crc32c(black_box(&page)));
                }
            })
        })
        .row("50,000 log records of 40 bytes", || {
            let record = noise(40);
            Box::new(move || {
                for _ in 0..50_000 {
                    black_box(slotted_page::crc32c(black_box(&record)));
                }
            })
        })
        .against("crc32c (SSE 4.2)", || {
            let record = noise(40);
            Box::new(move || {
                for _ in 0..50_000 {
                    black_box(crc32c::crc32c(black_box(&record)));
                }
            })
        })
        .print();
}
