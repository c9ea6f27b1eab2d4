//! Bytes that are not keys: an error with the reason, never a panic, never another key.

use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::{Error, KeyFault, SortOrder, Value, decode_key, encode_key, push_value, read_value};
use testkit::{check, check_eq};

use super::{any_value, bytes, text};

/// Checks that `key` is refused with `fault`.
fn refused(key: &[u8], fault: KeyFault) {
    check_eq!(decode_key(key), Err(Error::Key(fault)), "decode_key of {key:02x?}");
}

/// Each kind of damage is named, with the offset of the column.
#[testkit::test]
fn each_kind_of_damage_has_its_error() {
    refused(&[0], KeyFault::UnknownTag { offset: 0, tag: 0 });
    refused(&[7], KeyFault::UnknownTag { offset: 0, tag: 7 });
    refused(&[1, 0xFF], KeyFault::UnknownTag { offset: 1, tag: 0xFF });
    refused(&[1, 1, 0x80], KeyFault::UnknownTag { offset: 2, tag: 0x80 });
    refused(&[1, 0xF8], KeyFault::UnknownTag { offset: 1, tag: 0xF8 });
    refused(&[2], KeyFault::Truncated { offset: 0 });
    refused(&[1, 3, 0, 0, 0, 0, 0, 0, 0], KeyFault::Truncated { offset: 1 });
    refused(&[5, b'a'], KeyFault::Truncated { offset: 0 });
    refused(&[5, b'a', 0], KeyFault::Truncated { offset: 0 });
    refused(&[6, 0, 0xFF], KeyFault::Truncated { offset: 0 });
    refused(&[2, 2], KeyFault::NotCanonical { offset: 0 });
    refused(&[1, 5, 0, 2], KeyFault::NotCanonical { offset: 1 });
    refused(&[6, 0, 0, 0, 1], KeyFault::NotCanonical { offset: 0 });
    refused(&[5, b'a', 0xFF, 0, 1], KeyFault::NotUtf8 { offset: 0, valid_len: 1 });
    // The length counts the bytes of the value: a zero byte is one, and two of the key.
    refused(&[5, b'a', 0, 0xFF, 0xFF, 0, 1], KeyFault::NotUtf8 { offset: 0, valid_len: 2 });
    refused(&[1, 5, 0, 0xFF, 0, 0xFF, 0xC3, 0, 1], KeyFault::NotUtf8 { offset: 1, valid_len: 2 });
    refused(&[!5, !b'a', !0, !2], KeyFault::NotCanonical { offset: 0 });
}

/// With two keys of one value an index could have two entries for one row: only bytes that encoding writes
/// are accepted (K2).
#[testkit::test]
fn other_zeros_and_nans_are_refused() {
    let negative_zero = [4, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    let other_nan = [4, 0xFF, 0xF8, 0, 0, 0, 0, 0, 1];
    let negative_nan = [4, 0x00, 0x07, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    for key in [negative_zero, other_nan, negative_nan, [4, 0, 0, 0, 0, 0, 0, 0, 0]] {
        refused(&key, KeyFault::NotCanonical { offset: 0 });
        let flipped: Vec<u8> = key.iter().map(|byte| !byte).collect();
        refused(&flipped, KeyFault::NotCanonical { offset: 0 });
    }
    let nan = encode_key(&[Value::Float(f64::NAN)]);
    check_eq!(nan, [4, 0xFF, 0xF8, 0, 0, 0, 0, 0, 0], "the key of NaN");
}

/// A key cut inside a column is an error, at a column's end a shorter key: lengths are checked (K4).
#[testkit::test]
fn cut_keys_are_refused_inside_a_column() {
    let columns =
        [Value::Int(7), text("a\0b"), Value::Null, bytes(&[0, 0xFF]), Value::Float(2.5), Value::Bool(true)];
    for order in [SortOrder::Ascending, SortOrder::Descending] {
        let (mut key, mut ends) = (Vec::new(), vec![0]);
        for value in &columns {
            push_value(&mut key, value, order);
            ends.push(key.len());
        }
        for len in 0..=key.len() {
            let found = decode_key(&key[..len]);
            match ends.iter().position(|end| *end == len) {
                Some(count) => {
                    check_eq!(found.as_deref(), Ok(&columns[..count]), "the key cut after column {count}")
                }
                None => {
                    let offset = *ends.iter().rfind(|end| **end < len).expect("0 is an end");
                    let fault = KeyFault::Truncated { offset };
                    check_eq!(found, Err(Error::Key(fault)), "the key cut after {len} bytes, {order:?}");
                }
            }
        }
    }
}

/// An offset at or after the end is an ordinary error: a key may be shorter than expected.
#[testkit::test]
fn reading_past_the_end_is_an_error() {
    let key = encode_key(&[Value::Int(1)]);
    for offset in [key.len(), key.len() + 1, usize::MAX] {
        let found = read_value(&key, offset);
        check_eq!(
            found,
            Err(KeyFault::Truncated { offset }),
            "read_value at offset {offset} of {}",
            key.len()
        );
    }
    check_eq!(read_value(&[], 0), Err(KeyFault::Truncated { offset: 0 }), "read_value of an empty key");
}

/// Any bytes are an error or a key, and exactly the bytes that encoding writes are accepted.
#[testkit::test]
fn any_bytes_are_a_key_or_an_error() {
    let byte = prop_oneof![
        prop::sample::select(vec![0, 1, 2, 3, 4, 5, 6, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF]),
        any::<u8>()
    ];
    testkit::prop::check(600, vec(byte, 0..30), |key| check_never_wrong(&key));
}

/// A valid key with a few bytes changed is an error or another key that encodes to just these bytes.
#[testkit::test]
fn damaged_keys_are_a_key_or_an_error() {
    let change = (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xFF)]);
    let columns = vec((any_value(), any::<bool>()), 1..5);
    testkit::prop::check(600, (columns, vec(change, 1..4)), |(columns, changes)| {
        let mut key = Vec::new();
        for (value, is_descending) in &columns {
            push_value(
                &mut key,
                value,
                if *is_descending { SortOrder::Descending } else { SortOrder::Ascending },
            );
        }
        for (at, byte) in changes {
            let at = at.index(key.len());
            key[at] = byte;
        }
        check_never_wrong(&key);
    });
}

/// Decodes any bytes: no panic, and success only for bytes that encoding writes.
fn check_never_wrong(key: &[u8]) {
    testkit::scene::invariant("K2", "decoding accepts nothing but what encoding writes");
    testkit::step!("decode_key(&{key:02x?})");
    let whole = decode_key(key);
    check!(
        matches!(whole, Ok(_) | Err(Error::Key(_))),
        "decode_key gives values or Error::Key, not {whole:?}"
    );
    let (mut again, mut offset) = (Vec::new(), 0);
    while let Ok((value, order, next)) = read_value(key, offset) {
        check!(
            next > offset && next <= key.len(),
            "read_value at {offset} says the next column is at {next}"
        );
        push_value(&mut again, &value, order);
        check_eq!(
            again.as_slice(),
            &key[..next],
            "what read_value gave at {offset}, {value:?}, encoded again"
        );
        offset = next;
    }
    check_eq!(
        whole.is_ok(),
        offset == key.len(),
        "whether decode_key accepts what read_value reads to the end"
    );
}
