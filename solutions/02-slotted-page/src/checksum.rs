//! CRC32C, and the seal that every page carries on disk.
//!
//! The disk manager (task 2.6) seals a page before it writes it and verifies it after reading, and the
//! log (lab 6) puts the same CRC on its records. Both functions work on bytes in memory only.
//!
//! A cyclic redundancy check reads the message as one long polynomial with coefficients 0 and 1, divides
//! it by a fixed polynomial, and keeps the remainder. Each bit of the message goes through a 32-bit
//! register, lowest bit of each byte first:
//!
//! ```text
//!    next bit            register, 32 bits
//!   --------> (xor) <--- [ b0  b1  b2  ...  b31 ] <--- 0
//!               |              ^   ^         ^
//!               |              |   |         |    xor with POLYNOMIAL,
//!               +--- is 1? ----+---+---------+    after the shift
//! ```
//!
//! In words: xor the bit with the register's lowest bit, shift the register right by one, and if the xor
//! gave 1, xor [`POLYNOMIAL`] into it. The register starts as all ones, so that leading zero bytes count,
//! and it is inverted at the end. `crc32c(b"123456789")` is `0xE306_9283`.
//!
//! What a page goes through, and who notices:
//!
//! ```text
//!   flipped bits, half a page written ....... checksum
//!   a whole, sound page in the wrong place .. page id
//!   not one of our pages .................... magic
//!   allocated, but never written ............ every byte is zero
//! ```
//!
//! - S1: a sealed page's checksum is the CRC32C of all 4,096 bytes with the four bytes of the checksum
//!   itself taken as zero. So the header is covered as well.
//! - S2: after `seal(page, id)` returned `Ok` and no byte has changed since, `verify(page, id)` is `Ok`.
//! - S3: `verify` never lets a page through that is not the one asked for, as last sealed, whatever the
//!   bytes. Every change of up to 32 bits in a row, and every odd number of flipped bits, is found for
//!   certain; other damage escapes once in 2^32 times.
//!
//! Left out: processors have an instruction for this very polynomial, but it takes `unsafe` or a crate to
//! reach. In software a page costs a few microseconds, which is little beside the read or write it guards.
//!
//! Source: Castagnoli, Bräuer, Herrmann, "Optimization of cyclic redundancy-check codes with 24 and 32 parity
//! bits" (1993) for the polynomial; RFC 3720, appendix B.4 for test vectors; Kounavis and Berry, "A systematic
//! approach to building high performance software-based CRC generators" (2005) for the eight tables.

use crate::header::{self, MAGIC};
use crate::{Corruption, Error, PageBuf, PageId};

//# hide
use crate::header::{CHECKSUM_AT, PAGE_ID_AT, get_u64};
//# end

/// The Castagnoli polynomial, bit-reversed because bits are taken lowest first. The coefficient of x^32 is
/// implied.
pub const POLYNOMIAL: u32 = 0x82F6_3B78;

/// CRC32C of `bytes`. The CRC of no bytes is 0.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// CRC32C of a message that came before and `bytes` after it, where `crc` is the CRC of the message so far.
///
/// # Ensures
/// `crc32c_append(crc32c(a), b)` is `crc32c` of `a` and `b` joined, wherever the message is cut; and
/// `crc32c_append(0, b)` is `crc32c(b)`.
///
/// # Cost
/// One pass over `bytes`, no allocation. A bit at a time is right and enough for full marks; a table of 256
/// remainders takes a byte at a time; the reference takes eight bytes at a time from eight tables.
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    //# task 2.5 compute CRC32C
    //+ // Nudge: `crc` was inverted when it was handed out; undo that first.
    let mut register = !crc;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        register = eight_bytes(register, get_u64(word, 0));
    }
    for &byte in words.remainder() {
        register = TABLES[0][(register as u8 ^ byte) as usize] ^ (register >> 8);
    }
    !register
    //# end
}

/// The checksum that `page` must carry (S1). The stored one plays no part.
pub fn page_checksum(page: &PageBuf) -> u32 {
    //# task 2.5 checksum a page without its checksum field
    //+ // Nudge: three calls of `crc32c_append`.
    let before = crc32c(&page[..CHECKSUM_AT]);
    let field = crc32c_append(before, &[0; PAGE_ID_AT - CHECKSUM_AT]);
    crc32c_append(field, &page[PAGE_ID_AT..])
    //# end
}

/// Stores the checksum in `page`, which is about to be written as page `id`.
///
/// # Ensures
/// S2. Bytes other than the checksum's are as before.
///
/// # Errors
/// A page that `verify` would refuse is not sealed, and not changed: [`Corruption::BadMagic`] if the header was
/// never made or was overwritten, [`Corruption::Misplaced`] if the header says another page. Both are mistakes of
/// the program, caught here before they reach the disk.
pub fn seal(page: &mut PageBuf, id: PageId) -> Result<(), Error> {
    //# task 2.5 seal a page
    check_identity(page, id)?;
    let checksum = page_checksum(page);
    header::set_checksum(page, checksum);
    Ok(())
    //# end
}

/// Checks that `page`, which was just read from the place of page `id`, is that page and whole.
///
/// # Errors
/// The first of these that holds:
///
/// 1. [`Corruption::NeverWritten`]: all bytes are zero.
/// 2. [`Corruption::BadMagic`]: the magic is not ours.
/// 3. [`Corruption::BadChecksum`]: the bytes are not those that were sealed.
/// 4. [`Corruption::Misplaced`]: they are, but the page is another one.
///
/// The order matters: the page id can be believed only after the checksum was right.
pub fn verify(page: &PageBuf, id: PageId) -> Result<(), Error> {
    //# task 2.5 verify a page
    if page.iter().all(|&byte| byte == 0) {
        return Err(Corruption::NeverWritten { page: id }.into());
    }
    if header::magic(page) != MAGIC {
        return Err(Corruption::BadMagic { found: header::magic(page) }.into());
    }
    let (stored, computed) = (header::checksum(page), page_checksum(page));
    if stored != computed {
        return Err(Corruption::BadChecksum { page: id, stored, computed }.into());
    }
    check_identity(page, id)
    //# end
}

//# hide
/// Checks the two header fields that say which page this is.
fn check_identity(page: &PageBuf, id: PageId) -> Result<(), Error> {
    let (magic, found) = (header::magic(page), header::id(page));
    if magic != MAGIC {
        return Err(Corruption::BadMagic { found: magic }.into());
    }
    if found != id {
        return Err(Corruption::Misplaced { expected: id, found }.into());
    }
    Ok(())
}

/// The register after eight more bytes, `word` read little-endian.
///
/// Division is linear: the remainder of a sum is the sum of the remainders. So each of the eight bytes can
/// be looked up alone, in the table that also accounts for the zero bytes which follow it in the word, and
/// the results are xored. The eight look-ups do not wait for each other; byte by byte, each waits for
/// the one before.
fn eight_bytes(register: u32, word: u64) -> u32 {
    let word = (word ^ u64::from(register)).to_le_bytes();
    let mut sum = 0;
    for (table, byte) in TABLES.iter().rev().zip(word) {
        sum ^= table[byte as usize];
    }
    sum
}

/// `TABLES[n][b]` is the register after byte `b` and then `n` zero bytes, from a register of zero.
static TABLES: [[u32; 256]; 8] = tables();

/// Works out [`TABLES`] when the crate is compiled.
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let is_one = register & 1 == 1;
            register = (register >> 1) ^ if is_one { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = register;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        zeros += 1;
    }
    tables
}
//# end
