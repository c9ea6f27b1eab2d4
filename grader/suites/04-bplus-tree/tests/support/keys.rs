//! Keys: short ones, long ones, and such as differ only far behind.

use std::collections::BTreeSet;

use bplus_tree::MAX_KEY_LEN;
use buffer_pool::RecordId;
use slotted_page::{PageId, SlotId};
use testkit::Rng;

/// A key of eight bytes that sorts as the number.
pub(crate) fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A key of `len` bytes (10 or more) that sorts as the number.
pub(crate) fn long(number: u64, len: usize) -> Vec<u8> {
    let mut key = format!("{number:010}").into_bytes();
    key.resize(len, b'.');
    key
}

/// The record id for a number.
pub(crate) fn record(number: u64) -> RecordId {
    RecordId { page: PageId(1 + (number >> 8) as u32), slot: SlotId((number & 0xFF) as u16) }
}

/// `count` different keys, sorted: empty, of few letters, of the longest length, with long shared prefixes,
/// with zero bytes and 0xFF.
pub(crate) fn hard(rng: &mut Rng, count: usize) -> Vec<Vec<u8>> {
    let mut keys =
        BTreeSet::from([Vec::new(), vec![0], vec![0xFF], vec![0xFF; MAX_KEY_LEN], vec![0; MAX_KEY_LEN]]);
    let prefix: Vec<u8> = (0..MAX_KEY_LEN).map(|at| [b'p', 0, 0xFF][at % 3]).collect();
    let letters = [0, 1, b'a', b'b', 0x7F, 0x80, 0xFF];
    while keys.len() < count {
        let key: Vec<u8> = match rng.u32(..8) {
            // A prefix of others, and others with it as their prefix.
            0 => prefix[..rng.usize(..=MAX_KEY_LEN)].to_vec(),
            1 | 2 => {
                let mut key = prefix[..rng.usize(..MAX_KEY_LEN - 8)].to_vec();
                key.extend((0..rng.usize(1..8)).map(|_| letters[rng.usize(..letters.len())]));
                key
            }
            // Long and different only in the last bytes.
            3 | 4 => {
                let mut key = prefix[..MAX_KEY_LEN - 3].to_vec();
                key.extend((0..3).map(|_| rng.u8(..)));
                key
            }
            5 => vec![letters[rng.usize(..letters.len())]; rng.usize(1..=MAX_KEY_LEN)],
            _ => (0..rng.usize(..6)).map(|_| letters[rng.usize(..letters.len())]).collect(),
        };
        keys.insert(key);
    }
    keys.into_iter().take(count).collect()
}

/// The numbers 0 to `count - 1` in six orders: a split must find the place of the new entry on either side,
/// at either end.
pub(crate) fn orders(count: u64) -> Vec<(&'static str, Vec<u64>)> {
    let both_ends = (0..count).map(|at| if at % 2 == 0 { at / 2 } else { count - 1 - at / 2 }).collect();
    let inside_out =
        (0..count).map(|at| if at % 2 == 0 { count / 2 + at / 2 } else { count / 2 - 1 - at / 2 });
    let mut shuffled: Vec<u64> = (0..count).collect();
    testkit::rng().shuffle(&mut shuffled);
    let strides = (0..count).map(|at| at * 7 % count).collect();
    vec![
        ("ascending", (0..count).collect()),
        ("descending", (0..count).rev().collect()),
        ("from both ends", both_ends),
        ("from the middle", inside_out.collect()),
        ("shuffled", shuffled),
        ("every seventh", strides),
    ]
}

/// A key as a test shows it: readable where it is text or a number, and cut when it is long.
pub(crate) fn shown(key: &[u8]) -> String {
    let text = match <[u8; 8]>::try_from(key) {
        Ok(bytes) if bytes[0] == 0 => return format!("number({})", u64::from_be_bytes(bytes)),
        _ => key[..key.len().min(16)].escape_ascii().to_string(),
    };
    if key.len() > 16 { format!("b\"{text}..\" of {} bytes", key.len()) } else { format!("b\"{text}\"") }
}
