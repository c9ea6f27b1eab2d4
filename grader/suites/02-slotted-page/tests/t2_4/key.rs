//! Keys compare as their tuples do, and prefixes are ranges.

use std::cmp::Ordering;

use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::{SortOrder, Value, decode_key, encode_key, prefix_end, push_value, read_value};
use testkit::{check, check_eq};

use super::{any_value, bytes, compare, exact, text, tricky_bytes, tuple_order};
use SortOrder::{Ascending, Descending};

/// The key of one column.
fn one(value: &Value, order: SortOrder) -> Vec<u8> {
    let mut out = Vec::new();
    push_value(&mut out, value, order);
    out
}

/// Checks that the keys of `values`, which ascend strictly, ascend strictly, and descend when descending.
fn check_ascends(values: &[Value]) {
    testkit::scene::invariant("K1", "bytes compare as the tuples do");
    for (at, a) in values.iter().enumerate() {
        for (bt, b) in values.iter().enumerate() {
            let (up_a, up_b) = (one(a, Ascending), one(b, Ascending));
            check_eq!(up_a.cmp(&up_b), at.cmp(&bt), "{a:?} against {b:?}, keys {up_a:02x?} and {up_b:02x?}");
            let (down_a, down_b) = (one(a, Descending), one(b, Descending));
            check_eq!(
                down_a.cmp(&down_b),
                bt.cmp(&at),
                "{a:?} against {b:?} descending, keys {down_a:02x?} and {down_b:02x?}"
            );
        }
    }
}

/// The bytes are those of the documented format, so that another program can read the index.
#[testkit::test]
fn key_has_the_documented_bytes() {
    let tuple = [Value::Null, Value::Bool(false), Value::Bool(true), Value::Int(-2), Value::Int(1)];
    let expected = [
        &[1, 2, 0, 2, 1][..],
        &[3, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE],
        &[3, 0x80, 0, 0, 0, 0, 0, 0, 1],
    ];
    check_eq!(encode_key(&tuple), expected.concat(), "the key of (NULL, false, true, -2, 1)");
    let tuple = [Value::Float(1.5), Value::Float(-1.5), text("a\0b"), bytes(&[0xFF, 0])];
    let expected = [
        &[4, 0xBF, 0xF8, 0, 0, 0, 0, 0, 0][..],
        &[4, 0x40, 0x07, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        &[5, b'a', 0, 0xFF, b'b', 0, 1],
        &[6, 0xFF, 0, 0xFF, 0, 1],
    ];
    check_eq!(encode_key(&tuple), expected.concat(), "the key of (1.5, -1.5, 'a\\0b', x'ff00')");
    check_eq!(one(&text("a"), Descending), [!5, !b'a', !0, !1], "the key of 'a' descending");
    check_eq!(encode_key(&[]), Vec::<u8>::new(), "the key of no columns");
}

/// Negative integers come before positive ones, although their sign bit is 1.
#[testkit::test]
fn ints_sort_by_number() {
    let numbers = [i64::MIN, i64::MIN + 1, -65_537, -256, -255, -2, -1, 0, 1, 2, 255, 256, 65_536];
    let numbers = numbers.into_iter().chain([1 << 32, i64::MAX - 1, i64::MAX]);
    check_ascends(&numbers.map(Value::Int).collect::<Vec<_>>());
}

/// Negative floats sort backwards by their bits; infinities, subnormals and NaN have their places in the
/// order.
#[testkit::test]
fn floats_sort_by_number_and_nan_last() {
    let numbers = [f64::NEG_INFINITY, f64::MIN, -1.5, -1.0, -f64::MIN_POSITIVE, -5e-324, 0.0, 5e-324];
    let numbers = numbers.into_iter().chain([f64::MIN_POSITIVE, 1.0, 1.5, f64::MAX, f64::INFINITY, f64::NAN]);
    check_ascends(&numbers.map(Value::Float).collect::<Vec<_>>());
}

/// Equal values have equal keys: `-0.0` finds the row stored under `0.0`, and any NaN any other (K2).
#[testkit::test]
fn equal_floats_have_equal_keys() {
    for order in [Ascending, Descending] {
        let zero = one(&Value::Float(0.0), order);
        check_eq!(one(&Value::Float(-0.0), order), zero, "-0.0 beside 0.0, {order:?}");
        let nan = one(&Value::Float(f64::NAN), order);
        for bits in
            [0xFFF8_0000_0000_0000, 0x7FF0_0000_0000_0001, 0xFFFF_FFFF_FFFF_FFFF, 0x7FF8_0000_0000_0001]
        {
            let other = one(&Value::Float(f64::from_bits(bits)), order);
            check_eq!(other, nan, "the NaN of bits {bits:#x}, {order:?}");
        }
    }
}

/// A prefix sorts before longer texts, also when the next byte is 0: the end mark must be smaller than all
/// other bytes.
#[testkit::test]
fn texts_sort_with_zeros_and_prefixes() {
    let texts = ["", "\0", "\0\0", "\0\u{1}", "\0a", "\u{1}", "a", "a\0", "a\0\0", "a\0\u{1}", "a\0a"];
    let texts = texts.into_iter().chain(["a\u{1}", "a\u{2}", "aa", "ab", "b", "é", "\u{FFFF}", "😀"]);
    check_ascends(&texts.map(text).collect::<Vec<_>>());
    let strings: [&[u8]; 9] =
        [&[], &[0], &[0, 0], &[0, 0xFF], &[1], &[0xFE], &[0xFF], &[0xFF, 0], &[0xFF, 0xFF]];
    check_ascends(&strings.map(bytes));
}

/// NULL is first and the types keep their order; a descending column reverses all of it.
#[testkit::test]
fn types_have_their_order() {
    check_ascends(&[
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Float(f64::NEG_INFINITY),
        Value::Float(f64::NAN),
        text(""),
        text("\u{10FFFF}"),
        bytes(&[]),
        bytes(&[0xFF]),
    ]);
}

/// The bytes of a column must not be compared with the bytes of the next column of the other key.
#[testkit::test]
fn columns_are_compared_one_by_one() {
    let tuples = [
        vec![text("")],
        vec![text(""), text("z")],
        vec![text("\0")],
        vec![text("a"), Value::Null],
        vec![text("a"), Value::Int(9)],
        vec![text("a"), text("")],
        vec![text("a"), text("b")],
        vec![text("a"), text("b"), Value::Null],
        vec![text("a\0"), text("")],
        vec![text("a\0b")],
        vec![text("ab"), text("")],
        vec![text("b")],
    ];
    for (at, a) in tuples.iter().enumerate() {
        for (bt, b) in tuples.iter().enumerate() {
            check_eq!(encode_key(a).cmp(&encode_key(b)), at.cmp(&bt), "{a:?} against {b:?}");
        }
    }
}

/// For any two tuples, bytes compare as the tuples do (K1), and equal tuples have equal bytes (K2).
#[testkit::test]
fn any_tuples_sort_as_their_keys() {
    let tuples = vec(any_value(), 0..4);
    testkit::prop::check(600, (tuples.clone(), tuples), |(a, b)| {
        testkit::scene::invariant("K1", "bytes compare as the tuples do");
        let (key_a, key_b) = (encode_key(&a), encode_key(&b));
        testkit::step!("encode_key(&{a:?}) == {key_a:02x?}");
        testkit::step!("encode_key(&{b:?}) == {key_b:02x?}");
        check_eq!(key_a.cmp(&key_b), tuple_order(&a, &b), "order of the two keys");
    });
}

/// The same for strings chosen so that one is often a prefix of the other or full of zeros.
#[testkit::test]
fn any_tricky_strings_sort_as_their_keys() {
    let pair = (tricky_bytes(), tricky_bytes());
    testkit::prop::check(1_000, (pair.clone(), pair), |(a, b)| {
        let tuple = |(first, second): &(Vec<u8>, Vec<u8>)| [bytes(first), bytes(second)];
        let (key_a, key_b) = (encode_key(&tuple(&a)), encode_key(&tuple(&b)));
        check_eq!(
            key_a.cmp(&key_b),
            a.cmp(&b),
            "{a:02x?} against {b:02x?}, keys {key_a:02x?} and {key_b:02x?}"
        );
    });
}

/// Each column of a key has its own sort order (`ORDER BY a, b DESC`).
#[testkit::test]
fn any_sort_orders_can_be_mixed() {
    let column = (any_value(), any_value(), any::<bool>());
    testkit::prop::check(400, vec(column, 1..4), |columns| {
        let (mut key_a, mut key_b, mut expected) = (Vec::new(), Vec::new(), Ordering::Equal);
        for (a, b, is_descending) in &columns {
            let order = if *is_descending { Descending } else { Ascending };
            testkit::step!("push {a:?} and {b:?}, {order:?}");
            push_value(&mut key_a, a, order);
            push_value(&mut key_b, b, order);
            let here = compare(a, b);
            expected = expected.then(if *is_descending { here.reverse() } else { here });
        }
        check_eq!(key_a.cmp(&key_b), expected, "keys {key_a:02x?} and {key_b:02x?}");
    });
}

/// Keys are decoded column by column, with their sort orders; zeros and NaNs decode to the one that is
/// stored for them.
#[testkit::test]
fn any_key_decodes_to_its_values() {
    testkit::prop::check(400, vec((any_value(), any::<bool>()), 0..5), |columns| {
        let mut key = Vec::new();
        let mut ends = Vec::new();
        for (value, is_descending) in &columns {
            push_value(&mut key, value, if *is_descending { Descending } else { Ascending });
            ends.push(key.len());
        }
        let folded: Vec<Value> = columns.iter().map(|(value, _)| fold(value)).collect();
        testkit::step!("decode_key(&{key:02x?})");
        let found = decode_key(&key).map(|values| exact(&values));
        check_eq!(found, Ok(exact(&folded)), "decode_key of {columns:?}");
        let mut offset = 0;
        for (column, (_, is_descending)) in columns.iter().enumerate() {
            let order = if *is_descending { Descending } else { Ascending };
            let found = read_value(&key, offset).map(|(value, way, next)| (exact(&[value]), way, next));
            let expected = (exact(&folded[column..=column]), order, ends[column]);
            check_eq!(found, Ok(expected), "read_value at offset {offset}");
            offset = ends[column];
        }
    });
}

/// The value that a key stores for a value.
fn fold(value: &Value) -> Value {
    match value {
        Value::Float(float) if float.is_nan() => Value::Float(f64::from_bits(0x7FF8_0000_0000_0000)),
        Value::Float(float) if *float == 0.0 => Value::Float(0.0),
        other => other.clone(),
    }
}

/// A column is appended to the buffer and does not change the bytes before it, also if it is descending.
#[testkit::test]
fn pushing_does_not_change_earlier_columns() {
    for order in [Ascending, Descending] {
        let mut key = vec![9, 0, 0xFF, 1];
        for value in [Value::Int(3), text("a\0"), Value::Null, Value::Float(-2.0), Value::Bool(true)] {
            let before = key.clone();
            push_value(&mut key, &value, order);
            check_eq!(&key[..before.len()], &before[..], "bytes before {value:?}, {order:?}");
            check_eq!(&key[before.len()..], one(&value, order), "bytes of {value:?}, {order:?}");
        }
    }
}

/// Writing a column costs its bytes: what the buffer holds already, earlier columns of the key among it, is
/// not copied.
#[testkit::test]
fn pushing_copies_no_earlier_bytes() {
    for order in [Ascending, Descending] {
        let mut key = Vec::with_capacity(400_000);
        key.resize(200_000, 0xEE);
        for value in [Value::Null, Value::Int(3), Value::Float(-2.0), text(&"a\0".repeat(20_000))] {
            let before = key.len();
            let counts = testkit::alloc::count(|| push_value(&mut key, &value, order));
            let len = key.len() - before;
            check!(
                counts.bytes <= 1_000 + 8 * len as u64,
                "pushing a column of {len} bytes, into a buffer with room, allocated {} bytes",
                counts.bytes
            );
        }
    }
}

/// Byte prefixes are tuple prefixes and the other way round: a scan for `(a)` must not meet `(a\0b)` (K3).
#[testkit::test]
fn any_byte_prefix_is_a_tuple_prefix() {
    let value = prop_oneof![2 => tricky_bytes().prop_map(Value::Bytes), 1 => any_value()];
    let tuple = vec(value, 0..4);
    testkit::prop::check(600, (tuple.clone(), tuple, 0..4_usize), |(mut a, b, shared)| {
        let shared = shared.min(a.len()).min(b.len());
        a[..shared].clone_from_slice(&b[..shared]);
        let is_prefix = a.len() <= b.len() && tuple_order(&a, &b[..a.len()]) == Ordering::Equal;
        let (key_a, key_b) = (encode_key(&a), encode_key(&b));
        testkit::step!("encode_key(&{a:?}) == {key_a:02x?}");
        testkit::step!("encode_key(&{b:?}) == {key_b:02x?}");
        testkit::scene::invariant("K3", "a byte prefix is a tuple prefix, and the other way round");
        check_eq!(key_b.starts_with(&key_a), is_prefix, "whether the first key is a prefix of the second");
    });
}

/// The end of a prefix drops the FFs at its end before it counts up; if only FFs are left there is none.
#[testkit::test]
fn prefix_end_is_the_first_string_after_all_with_the_prefix() {
    let end = |prefix: &[u8]| prefix_end(prefix);
    check_eq!(end(b"ab"), Some(b"ac".to_vec()), "prefix_end of 'ab'");
    check_eq!(end(&[1, 0xFF]), Some(vec![2]), "prefix_end of 01 ff");
    check_eq!(end(&[1, 0xFF, 0, 0xFF, 0xFF]), Some(vec![1, 0xFF, 1]), "prefix_end of 01 ff 00 ff ff");
    check_eq!(end(&[0xFE]), Some(vec![0xFF]), "prefix_end of fe");
    check_eq!(end(&[0]), Some(vec![1]), "prefix_end of 00");
    check_eq!(end(&[0xFF]), None, "prefix_end of ff");
    check_eq!(end(&[0xFF, 0xFF, 0xFF]), None, "prefix_end of ff ff ff");
    check_eq!(end(&[]), None, "prefix_end of nothing");
}

/// `prefix..prefix_end` holds exactly the strings that start with the prefix.
#[testkit::test]
fn any_prefix_is_one_range() {
    testkit::prop::check(
        600,
        (tricky_bytes(), tricky_bytes(), any::<bool>()),
        |(prefix, tail, is_extended)| {
            let string = if is_extended { [prefix.clone(), tail].concat() } else { tail };
            let end = prefix_end(&prefix);
            let is_inside = string >= prefix && end.as_ref().is_none_or(|end| string < *end);
            check_eq!(
                is_inside,
                string.starts_with(&prefix),
                "whether {string:02x?} is in the range from {prefix:02x?} to {end:02x?}"
            );
        },
    );
}

/// All rows of one value of the first column are one range of keys, and no others are in it (K3).
#[testkit::test]
fn all_tuples_of_a_first_column_are_one_range() {
    let names = ["", "a", "a\0", "a\0b", "a\u{1}", "aa", "b"];
    let keys: Vec<(&str, Vec<u8>)> = names
        .iter()
        .flat_map(|name| {
            let seconds =
                [Value::Null, Value::Int(-1), Value::Int(i64::MAX), text("\u{10FFFF}"), bytes(&[0xFF; 3])];
            seconds.map(|second| (*name, encode_key(&[text(name), second])))
        })
        .collect();
    for name in names {
        let from = encode_key(&[text(name)]);
        let to = prefix_end(&from);
        check!(to.is_some(), "the prefix {from:02x?} has an end");
        for (other, key) in &keys {
            let is_inside = *key >= from && to.as_ref().is_none_or(|to| key < to);
            check_eq!(is_inside, *other == name, "whether a key of {other:?} is in the range of {name:?}");
        }
    }
}
