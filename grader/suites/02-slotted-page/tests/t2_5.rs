//! Task 2.5: checksums.

use std::cell::Cell;

use proptest::prelude::*;
use slotted_page::header::{CHECKSUM_AT, HEADER_SIZE, MAGIC, MAGIC_AT, PAGE_ID_AT, put_u32};
use slotted_page::{
    Corruption, Error, Lsn, PAGE_SIZE, PageBuf, PageId, PageKind, crc32c, crc32c_append, header,
    page_checksum, seal, verify,
};
use testkit::{Failure, check, check_eq, check_ne, step};

const ID: PageId = PageId(0x0A0B_0C0D);

/// CRC32C one bit at a time, from its definition.
fn slow_crc32c(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            register = (register >> 1) ^ (0x82F6_3B78 * (register & 1));
        }
    }
    !register
}

/// The checksum that a page must carry, from its definition (S1).
fn slow_page_checksum(page: &PageBuf) -> u32 {
    let mut copy = *page;
    copy[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
    slow_crc32c(&copy)
}

/// A page with noise in its body and all header fields in use, not sealed.
fn noisy_page(seed: u64) -> Box<PageBuf> {
    let mut page = Box::new([0; PAGE_SIZE]);
    header::init(&mut page, ID, PageKind::HEAP);
    header::set_lsn(&mut page, Lsn(0x1122_3344_5566_7788 ^ seed));
    header::set_flags(&mut page, 0x0101);
    let mut state = seed;
    for byte in &mut page[HEADER_SIZE..] {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        *byte = (state >> 56) as u8;
    }
    page
}

/// The same, sealed without the code under test.
fn sealed_page(seed: u64) -> Box<PageBuf> {
    let mut page = noisy_page(seed);
    let checksum = slow_page_checksum(&page);
    header::set_checksum(&mut page, checksum);
    page
}

/// Fails unless `verify` finds damage that a checksum finds.
fn check_damage_found(page: &PageBuf, what: std::fmt::Arguments<'_>) {
    let found = verify(page, ID);
    let is_found = match &found {
        Err(Error::Corrupt(Corruption::BadChecksum { .. })) => header::magic(page) == MAGIC,
        Err(Error::Corrupt(Corruption::BadMagic { found })) => {
            *found != MAGIC && *found == header::magic(page)
        }
        _ => false,
    };
    if !is_found {
        let kind = if header::magic(page) == MAGIC { "BadChecksum" } else { "BadMagic" };
        Failure::new(format!("verify of a sealed page after {what}"))
            .invariant("S3", "verify never lets a page through that is not the one asked for, as last sealed")
            .expected_text(format!("Err(Corrupt({kind} {{ .. }}))"))
            .found_text(format!("{found:?}"))
            .raise();
    }
}

/// The published values: another polynomial (zip's), another bit order or a missing inversion gives others.
#[testkit::test]
fn returns_the_published_values() {
    let up: Vec<u8> = (0..32).collect();
    let down: Vec<u8> = (0..32).rev().collect();
    let vectors: [(&str, &[u8], u32); 8] = [
        ("no bytes", b"", 0),
        ("the letter a", b"a", 0xC1D0_4330),
        ("123456789", b"123456789", 0xE306_9283),
        ("32 bytes of 0x00 (RFC 3720)", &[0; 32], 0x8A91_36AA),
        ("32 bytes of 0xFF (RFC 3720)", &[0xFF; 32], 0x62A8_AB43),
        ("bytes 0 to 31 (RFC 3720)", &up, 0x46DD_794E),
        ("bytes 31 to 0 (RFC 3720)", &down, 0x113F_DB5C),
        ("a sentence", b"The quick brown fox jumps over the lazy dog", 0x2262_0404),
    ];
    for (what, bytes, expected) in vectors {
        let found = crc32c(bytes);
        check!(found == expected, "crc32c of {what} is {expected:#010x}, but {found:#010x} was found");
    }
}

/// Every length and every start: code that processes several bytes at once must handle the remaining bytes
/// too.
#[testkit::test]
fn agrees_with_the_definition_at_every_length() {
    let bytes = sealed_page(5);
    for start in 0..9 {
        for len in (0..70).chain([127, 128, 129, 255, 256, 1_000, 4_000]) {
            let part = &bytes[start..start + len];
            check_eq!(crc32c(part), slow_crc32c(part), "crc32c of {len} bytes of noise");
        }
    }
}

/// Zero bytes at the start and at the end change the result: a register that starts as zero ignores the
/// leading ones.
#[testkit::test]
fn counts_zero_bytes() {
    let mut seen = std::collections::BTreeMap::new();
    for len in 0..200 {
        let crc = crc32c(&vec![0; len]);
        check_eq!(crc, slow_crc32c(&vec![0; len]), "crc32c of {len} zero bytes");
        check_eq!(seen.insert(crc, len), None, "a shorter run of zero bytes with the crc of {len}");
    }
}

/// A message in pieces has the crc of the whole, for any cut: the log (lab 6) and the page checksum need
/// this.
#[testkit::test]
fn a_message_may_be_passed_in_pieces() {
    let pieces = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8);
    testkit::prop::check(200, pieces, |pieces| {
        let whole = pieces.concat();
        let crc = pieces.iter().fold(0, |crc, piece| crc32c_append(crc, piece));
        check_eq!(crc, slow_crc32c(&whole), "crc32c_append over {} pieces", pieces.len());
        check_eq!(crc32c_append(crc, b""), crc, "crc32c_append of nothing");
    });
}

/// The checksum covers every byte but its own four, which count as zero: the header too, and the last byte.
#[testkit::test]
fn the_checksum_covers_every_byte_but_its_own() {
    let mut page = noisy_page(1);
    let checksum = slow_page_checksum(&page);
    check_eq!(page_checksum(&page), checksum, "page_checksum with zero in the checksum field");
    for at in 0..PAGE_SIZE {
        page[at] ^= 1 << (at % 8);
        if (CHECKSUM_AT..CHECKSUM_AT + 4).contains(&at) {
            check_eq!(page_checksum(&page), checksum, "page_checksum after a change of byte {at}, its own");
        } else {
            check_ne!(page_checksum(&page), checksum, "page_checksum after a change of byte {at}");
        }
        page[at] ^= 1 << (at % 8);
    }
}

/// Seal writes only the four bytes of the checksum, and a sealed page verifies, also after the page changed
/// and was sealed again.
#[testkit::test]
fn seal_changes_the_checksum_and_nothing_else() {
    let mut page = noisy_page(2);
    for round in 0..20 {
        page[100 + round] ^= 0xFF;
        let before = page.clone();
        check_eq!(seal(&mut page, ID), Ok(()), "seal");
        check_eq!(header::checksum(&page), slow_page_checksum(&page), "the stored checksum");
        check!(page[..CHECKSUM_AT] == before[..CHECKSUM_AT], "the bytes before the checksum are as before");
        check!(page[PAGE_ID_AT..] == before[PAGE_ID_AT..], "the bytes after the checksum are as before");
        check_eq!(verify(&page, ID), Ok(()), "verify after seal (S2)");
    }
}

/// A page that other code sealed by the same rules verifies, also if its page id is 0 or the largest.
#[testkit::test]
fn verifies_pages_sealed_by_others() {
    for id in [PageId(0), PageId(1), PageId(0x0100_0000), PageId(u32::MAX)] {
        let mut page = Box::new([0; PAGE_SIZE]);
        header::init(&mut page, id, PageKind::META);
        let checksum = slow_page_checksum(&page);
        header::set_checksum(&mut page, checksum);
        check_eq!(verify(&page, id), Ok(()), "verify of an otherwise empty meta page, {id}");
    }
}

/// A page that verify would refuse must not be sealed: otherwise a page with another id or no magic gets a
/// right checksum.
#[testkit::test]
fn seal_refuses_another_page() {
    let mut page = noisy_page(3);
    let before = page.clone();
    let misplaced = Corruption::Misplaced { expected: PageId(9), found: ID };
    check_eq!(seal(&mut page, PageId(9)), Err(misplaced.into()), "seal of a page with another id");
    check!(page == before, "a page that was not sealed is as before");
    put_u32(&mut page[..], MAGIC_AT, MAGIC ^ 1);
    let before = page.clone();
    check_eq!(
        seal(&mut page, ID),
        Err(Corruption::BadMagic { found: MAGIC ^ 1 }.into()),
        "seal without magic"
    );
    check!(page == before, "a page that was not sealed is as before");
    let mut zero = [0; PAGE_SIZE];
    check_eq!(
        seal(&mut zero, PageId(0)),
        Err(Corruption::BadMagic { found: 0 }.into()),
        "seal of a zero page"
    );
    check!(zero == [0; PAGE_SIZE], "a page of zeros that was not sealed is as before");
}

/// One flipped bit is found in every bit of the header, and in every byte of the body.
#[testkit::test]
fn finds_every_flipped_bit() {
    let mut page = sealed_page(4);
    check_eq!(verify(&page, ID), Ok(()), "verify of the sealed page");
    let header_bits = (0..HEADER_SIZE * 8).map(|bit| (bit / 8, bit % 8));
    let body_bits = (HEADER_SIZE..PAGE_SIZE).map(|at| (at, (at * 5) % 8));
    for (at, bit) in header_bits.chain(body_bits) {
        page[at] ^= 1 << bit;
        check_damage_found(&page, format_args!("a flip of bit {bit} of byte {at}"));
        page[at] ^= 1 << bit;
    }
    check_eq!(verify(&page, ID), Ok(()), "verify after every bit was flipped back");
}

/// Damage within 32 consecutive bits is always found, for any pattern.
#[testkit::test]
fn finds_every_short_burst_of_damage() {
    testkit::prop::check(300, (8..PAGE_SIZE - 4, 1..=u32::MAX, any::<u64>()), |(at, burst, seed)| {
        let mut page = sealed_page(seed);
        let damaged = header::get_u32(&page[..], at) ^ burst;
        put_u32(&mut page[..], at, damaged);
        step!("// bytes {at}..{} of a sealed page xored with {burst:#010x}", at + 4);
        check_damage_found(&page, format_args!("damage at byte {at}"));
    });
}

/// A page of which some sectors are from before the write is neither the old nor the new page.
#[testkit::test]
fn finds_every_torn_write() {
    let (old, new) = (sealed_page(6), sealed_page(7));
    for arrived in 0..=255_u32 {
        let mut page = old.clone();
        for sector in (0..8).filter(|sector| arrived >> sector & 1 == 1) {
            page[sector * 512..(sector + 1) * 512].copy_from_slice(&new[sector * 512..(sector + 1) * 512]);
        }
        if arrived == 0 || arrived == 255 {
            check_eq!(verify(&page, ID), Ok(()), "verify of a whole page");
        } else {
            check_damage_found(&page, format_args!("a torn write (sectors {arrived:#010b} are new)"));
        }
    }
}

/// The first write of a page torn: the sectors that did not arrive are zero. If the first is among them,
/// there is no magic; only all of them make a page never written.
#[testkit::test]
fn distinguishes_half_written_from_never_written_pages() {
    let new = sealed_page(8);
    for arrived in 0..255_u32 {
        let mut page = [0; PAGE_SIZE];
        for sector in (0..8).filter(|sector| arrived >> sector & 1 == 1) {
            page[sector * 512..(sector + 1) * 512].copy_from_slice(&new[sector * 512..(sector + 1) * 512]);
        }
        if arrived == 0 {
            let never = Corruption::NeverWritten { page: ID };
            check_eq!(verify(&page, ID), Err(never.into()), "verify of a page of zeros");
        } else {
            check_damage_found(&page, format_args!("a first write of sectors {arrived:#010b} only"));
        }
    }
    for at in [0, 3, 4, 7, 8, 100, 2_048, PAGE_SIZE - 1] {
        let mut page = [0; PAGE_SIZE];
        page[at] = 1;
        let found = header::magic(&page);
        check_eq!(
            verify(&page, ID),
            Err(Corruption::BadMagic { found }.into()),
            "verify of zeros but byte {at}"
        );
    }
}

/// An undamaged page in the wrong place is `Misplaced`; a damaged page is `BadChecksum`, also if the damage
/// is in the page id.
#[testkit::test]
fn checks_the_page_id_only_after_the_checksum() {
    let page = sealed_page(9);
    for asked in [0, 1, ID.0 ^ 1, ID.0 + 1, ID.0 ^ 0x0100_0000, u32::MAX].map(PageId) {
        let misplaced = Corruption::Misplaced { expected: asked, found: ID };
        check_eq!(verify(&page, asked), Err(misplaced.into()), "verify of {ID} in the place of {asked}");
        let mut damaged = page.clone();
        put_u32(&mut damaged[..], PAGE_ID_AT, asked.0);
        let (stored, computed) = (header::checksum(&page), slow_page_checksum(&damaged));
        let bad = Corruption::BadChecksum { page: asked, stored, computed };
        check_eq!(verify(&damaged, asked), Err(bad.into()), "verify of {ID} whose id was changed to {asked}");
        let bad = Corruption::BadChecksum { page: ID, stored, computed };
        check_eq!(
            verify(&damaged, ID),
            Err(bad.into()),
            "verify of {ID} whose id was changed, in its own place"
        );
    }
}

/// A wrong stored checksum is reported with both values, as is a page that was changed after it was sealed.
#[testkit::test]
fn reports_the_stored_and_the_computed_checksum() {
    let mut page = sealed_page(10);
    let right = header::checksum(&page);
    for stored in [0, right ^ 1, !right, right.swap_bytes()] {
        header::set_checksum(&mut page, stored);
        let bad = Corruption::BadChecksum { page: ID, stored, computed: right };
        check_eq!(verify(&page, ID), Err(bad.into()), "verify with {stored:#010x} for {right:#010x}");
    }
    header::set_checksum(&mut page, right);
    page[PAGE_SIZE - 1] ^= 0x80;
    let bad = Corruption::BadChecksum { page: ID, stored: right, computed: slow_page_checksum(&page) };
    check_eq!(verify(&page, ID), Err(bad.into()), "verify after the last bit of the page changed");
}

/// For any bytes `verify` returns, and it returns Ok only for the named page with the right checksum.
#[testkit::test]
fn verify_accepts_no_other_bytes() {
    let (sound, refused) = (Cell::new(0), Cell::new(0));
    let damage = proptest::collection::vec((0..PAGE_SIZE, any::<u8>()), 0..4);
    let asked = prop_oneof![3 => Just(ID), 1 => any::<u32>().prop_map(PageId)];
    testkit::prop::check(
        300,
        (any::<u64>(), damage, asked, any::<bool>()),
        |(seed, damage, asked, is_resealed)| {
            let mut page = sealed_page(seed);
            for (at, byte) in damage {
                page[at] = byte;
            }
            if is_resealed {
                let checksum = slow_page_checksum(&page);
                header::set_checksum(&mut page, checksum);
            }
            let is_sound = header::magic(&page) == MAGIC
                && header::checksum(&page) == slow_page_checksum(&page)
                && header::id(&page) == asked;
            let found = verify(&page, asked);
            check_eq!(found.is_ok(), is_sound, "whether verify for {asked} lets the page through: {found:?}");
            let counter = if is_sound { &sound } else { &refused };
            counter.set(counter.get() + 1);
        },
    );
    check!(sound.get() >= 20 && refused.get() >= 20, "the test saw both outcomes");
}
