//! Bytes that are not rows: an error with the reason, never a panic, never another row.

use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::{ColumnType, Error, RowFault, Schema, Value};
use testkit::{Failure, check, check_eq};

use super::{TYPES, bytes, encoded, exact, rows, schema, text};

/// A row of the columns (bool, text, int, bytes) to damage: header 3, fixed 9, ends 4, data 5 bytes.
fn sample() -> (Schema, Vec<u8>) {
    use ColumnType::{Bool, Bytes, Int, Text};
    let schema = schema(&[Bool, Text, Int, Bytes]);
    let row = encoded(&schema, &[Value::Bool(true), text("abc"), Value::Int(5), bytes(b"xy")]);
    check_eq!(row.len(), 21, "bytes of the row (true, 'abc', 5, x'7879')");
    (schema, row)
}

/// Checks that `row` is refused with `fault`.
fn refused(schema: &Schema, row: &[u8], fault: RowFault, what: &str) {
    check_eq!(schema.decode(row), Err(Error::Row(fault)), "decode of a row {what}");
}

/// Each kind of damage is named with the facts needed to find it.
#[testkit::test]
fn each_kind_of_damage_has_its_error() {
    let (schema, row) = sample();
    let with = |at: usize, byte: u8| {
        let mut row = row.clone();
        row[at] = byte;
        row
    };
    refused(&schema, &[], RowFault::TooShort { needed: 16, found: 0 }, "of no bytes");
    refused(&schema, &row[..15], RowFault::TooShort { needed: 16, found: 15 }, "cut inside its ends");
    refused(&schema, &with(0, 3), RowFault::Count { expected: 4, found: 3 }, "that says it has 3 columns");
    refused(
        &schema,
        &with(1, 1),
        RowFault::Count { expected: 4, found: 260 },
        "that says it has 260 columns",
    );
    refused(&schema, &with(2, 0x10), RowFault::SpareBits { byte: 0x10 }, "with bit 4 of the null map set");
    refused(&schema, &with(3, 2), RowFault::BadBool { column: 0, byte: 2 }, "with a bool of 2");
    refused(&schema, &with(2, 1), RowFault::NullNotEmpty { column: 0 }, "with a bool that is NULL and 1");
    refused(&schema, &with(2, 2), RowFault::NullNotEmpty { column: 1 }, "with a text that is NULL and 'abc'");
    let mut zeros = with(2, 2);
    zeros[16..19].fill(0);
    let what = "with a text that is NULL and three zero bytes";
    refused(&schema, &zeros, RowFault::NullNotEmpty { column: 1 }, what);
    let mut int = with(2, 4);
    int[4..12].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
    refused(&schema, &int, RowFault::NullNotEmpty { column: 2 }, "with an int that is NULL and 2^56");
    let fault = RowFault::BadEnd { column: 1, start: 16, end: 15, len: 21 };
    refused(&schema, &with(12, 15), fault, "whose text ends before it begins");
    let fault = RowFault::BadEnd { column: 1, start: 16, end: 22, len: 21 };
    refused(&schema, &with(12, 22), fault, "whose text ends past the row");
    let fault = RowFault::BadEnd { column: 3, start: 19, end: 18, len: 21 };
    refused(&schema, &with(14, 18), fault, "whose bytes end before the text does");
    refused(
        &schema,
        &with(14, 20),
        RowFault::TrailingBytes { expected: 20, found: 21 },
        "with a byte left over",
    );
    refused(
        &schema,
        &with(17, 0xFF),
        RowFault::NotUtf8 { column: 1, valid_len: 1 },
        "with an FF in its text",
    );
}

/// The spare bits are those of the last byte of the null map, however many bytes it has: nine columns leave
/// seven, eight or sixteen columns none.
#[testkit::test]
fn spare_bits_are_checked_in_the_last_byte_of_the_null_map() {
    for columns in [1, 7, 8, 9, 15, 16, 17, 63, 64, 65] {
        let schema = schema(&vec![ColumnType::Text; columns]);
        let row = encoded(&schema, &vec![text(""); columns]);
        for bit in 0..8 * columns.div_ceil(8) {
            let (at, mask) = (2 + bit / 8, 1 << (bit % 8));
            let mut changed = row.clone();
            changed[at] |= mask;
            if bit < columns {
                let mut expected = vec![text(""); columns];
                expected[bit] = Value::Null;
                let what = format!("decode of a row of {columns} texts with bit {bit} of the null map set");
                check_eq!(schema.decode(&changed), Ok(expected), "{what}");
            } else {
                let what = format!("of {columns} columns with bit {bit} of the null map set");
                refused(&schema, &changed, RowFault::SpareBits { byte: mask }, &what);
            }
        }
    }
}

/// A row that is cut anywhere, or has a byte too many, is refused: every length in it is checked (C2).
#[testkit::test]
fn cut_and_lengthened_rows_are_refused() {
    let (schema, row) = sample();
    for len in 0..row.len() {
        check!(schema.decode(&row[..len]).is_err(), "decode of the first {len} of 21 bytes must be an error");
        for column in 0..4 {
            let _ = schema.decode_column(&row[..len], column);
        }
    }
    for byte in [0, 1, 0xFF] {
        let mut longer = row.clone();
        longer.push(byte);
        check!(
            schema.decode(&longer).is_err(),
            "decode with a byte {byte:#04x} behind the row must be an error"
        );
    }
    let ints = self::schema(&[ColumnType::Int]);
    let mut longer = encoded(&ints, &[Value::Int(1)]);
    longer.push(0);
    refused(
        &ints,
        &longer,
        RowFault::TrailingBytes { expected: 11, found: 12 },
        "of one int and a byte more",
    );
}

/// A column is returned only if its own bytes are valid: decode_column checks everything that it reads (C2).
#[testkit::test]
fn one_column_is_checked_before_it_is_used() {
    let (schema, row) = sample();
    let with = |at: usize, byte: u8| {
        let mut row = row.clone();
        row[at] = byte;
        row
    };
    let refused = |row: &[u8], column, what: &str| {
        let found = schema.decode_column(row, column);
        if !matches!(found, Err(Error::Row(_))) {
            let looked_at = format!("decode_column {column} of a row {what}");
            Failure::new(looked_at).expected_text("Err(Row(..))").found(found).raise();
        }
    };
    refused(&row[..15], 0, "that is too short for its ends");
    refused(&[], 2, "of no bytes");
    refused(&with(0, 5), 0, "with another column count");
    refused(&with(3, 9), 0, "with a bool of 9");
    refused(&with(12, 22), 1, "with a text that ends past the row");
    refused(&with(12, 3), 1, "with a text that ends in the row's header");
    refused(&with(13, 0xFF), 3, "with a value that begins past the row");
    refused(&with(14, 17), 3, "with a value that ends before it begins");
    refused(&with(18, 0xC3), 1, "with a text that ends inside a character");
    // This value begins in the header, because the end before it is wrong: an error or any value.
    let _ = schema.decode_column(&with(12, 3), 3);
}

/// A row is read with the schema that wrote it; with another it is an error or other values, never a panic.
#[testkit::test]
fn rows_of_another_schema_do_not_panic() {
    testkit::prop::check(200, (rows(), rows()), |((types, row), (others, _))| {
        let out = encoded(&schema(&types), &row);
        check_never_wrong(&schema(&others), &out);
    });
}

/// Any bytes are an error or a row, and exactly the bytes that encode writes are accepted (C1, C2).
#[testkit::test]
fn any_bytes_are_a_row_or_an_error() {
    let noise = (vec(prop::sample::select(TYPES.to_vec()), 0..12), vec(any::<u8>(), 0..80));
    testkit::prop::check(400, noise, |(types, mut noise)| {
        let schema = schema(&types);
        check_never_wrong(&schema, &noise);
        // With the right count in front, the bytes get as far as the null map and the ends.
        if noise.len() >= 2 {
            noise[..2].copy_from_slice(&(types.len() as u16).to_le_bytes());
            check_never_wrong(&schema, &noise);
        }
    });
}

/// A valid row with a few bytes changed is an error or another row that encodes to just these bytes.
#[testkit::test]
fn damaged_rows_are_a_row_or_an_error() {
    let change = (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xFF)]);
    testkit::prop::check(500, (rows(), vec(change, 1..4)), |((types, row), changes)| {
        let schema = schema(&types);
        let mut out = encoded(&schema, &row);
        for (at, byte) in changes {
            let at = at.index(out.len());
            out[at] = byte;
        }
        check_never_wrong(&schema, &out);
    });
}

/// Decodes any bytes: no panic, and success only for bytes that encode writes.
fn check_never_wrong(schema: &Schema, bytes: &[u8]) {
    testkit::step!("schema of {:?}", schema.types());
    testkit::step!("schema.decode(&{bytes:?})");
    testkit::scene::invariant("C1", "a row has exactly one encoding");
    let whole = schema.decode(bytes);
    check!(matches!(whole, Ok(_) | Err(Error::Row(_))), "decode gives a row or Error::Row, not {whole:?}");
    if let Ok(row) = &whole {
        let mut again = Vec::new();
        check_eq!(schema.encode(row, &mut again), Ok(()), "encode of what decode gave, {row:?}");
        check_eq!(again.as_slice(), bytes, "encode of what decode gave, {row:?}");
    }
    for column in 0..schema.types().len() {
        let one = schema.decode_column(bytes, column);
        check!(
            matches!(one, Ok(_) | Err(Error::Row(_))),
            "decode_column {column} gives a value or Error::Row, not {one:?}"
        );
        if let (Ok(row), Ok(value)) = (&whole, &one) {
            check_eq!(
                exact(std::slice::from_ref(value)),
                exact(&row[column..=column]),
                "decode_column {column}"
            );
        }
        check!(
            whole.is_err() || one.is_ok(),
            "decode_column {column} of a row that decode accepts gave {one:?}"
        );
    }
}

/// The fuzz target `codec` for a short time: any bytes as a row of any types and as a key.
#[testkit::test]
fn a_short_fuzzing_run_finds_nothing() {
    let byte = prop_oneof![prop::sample::select(vec![0, 1, 2, 3, 4, 5, 6, 8, 16, 0xFF]), any::<u8>()];
    testkit::prop::check(600, vec(byte, 1..60), |input| crate::codec_fuzz::run(&input));
}
