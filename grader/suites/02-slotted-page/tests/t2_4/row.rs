//! The bytes of a row, and the values that decode from them.

use slotted_page::{ColumnType, Error, MAX_COLUMNS, MAX_ROW_LEN, Schema, Value};
use testkit::{check, check_eq};

use super::{TYPES, bytes, encoded, exact, rows, schema, text};

/// The bytes are those of the documented format: a file written by one program is read by another.
#[testkit::test]
fn row_has_the_documented_bytes() {
    let schema = schema(&TYPES);
    let row = [Value::Bool(true), Value::Int(-2), Value::Float(1.5), text("hé"), bytes(&[0, 255])];
    let mut expected = vec![5, 0, 0b0000_0000, 1];
    expected.extend((-2_i64).to_le_bytes());
    expected.extend(0x3FF8_0000_0000_0000_u64.to_le_bytes());
    expected.extend([27, 0, 29, 0]);
    expected.extend([b'h', 0xC3, 0xA9, 0, 255]);
    check_eq!(encoded(&schema, &row), expected, "the row (true, -2, 1.5, 'hé', x'00ff')");

    let nulls = [Value::Null, Value::Int(1), Value::Null, Value::Null, bytes(b"x")];
    let mut expected = vec![5, 0, 0b0000_1101, 0];
    expected.extend(1_i64.to_le_bytes());
    expected.extend([0; 8]);
    expected.extend([24, 0, 25, 0, b'x']);
    check_eq!(encoded(&schema, &nulls), expected, "the row (NULL, 1, NULL, NULL, x'78')");
}

/// Variable values are found by the ends before them, so mixing them with fixed columns changes no offset.
#[testkit::test]
fn fixed_columns_come_before_variable_ones_whatever_their_order() {
    use ColumnType::{Bool, Bytes, Int, Text};
    let schema = schema(&[Text, Int, Bytes, Bool, Text]);
    let row = [text("ab"), Value::Int(7), bytes(b""), Value::Bool(true), text("c")];
    let mut expected = vec![5, 0, 0];
    expected.extend(7_i64.to_le_bytes());
    expected.push(1);
    expected.extend([20, 0, 20, 0, 21, 0]);
    expected.extend(b"abc");
    let found = encoded(&schema, &row);
    check_eq!(found, expected, "text, int, bytes, bool, text");
    check_eq!(schema.decode(&found).map(|row| exact(&row)), Ok(exact(&row)), "decode of it");
}

/// A row is appended to the buffer, and its ends count from the row's first byte, not from the buffer's.
#[testkit::test]
fn encode_appends_and_counts_from_the_row() {
    let schema = schema(&[ColumnType::Text, ColumnType::Text]);
    let row = [text("left"), text("right")];
    let alone = encoded(&schema, &row);
    let mut out = vec![0xEE; 1_000];
    for round in 0..3 {
        check_eq!(schema.encode(&row, &mut out), Ok(()), "encode number {round} into one buffer");
    }
    check_eq!(out.len(), 1_000 + 3 * alone.len(), "length of a buffer of 1,000 bytes after three rows");
    check!(out[..1_000].iter().all(|&byte| byte == 0xEE), "what the buffer held before must stay");
    for (number, row) in out[1_000..].chunks(alone.len()).enumerate() {
        check_eq!(row, alone.as_slice(), "row {number} of the buffer");
    }
}

/// NULL, an empty text and an empty byte string are three different things.
#[testkit::test]
fn null_is_not_empty() {
    let schema = schema(&[ColumnType::Text, ColumnType::Text, ColumnType::Bytes, ColumnType::Bytes]);
    for row in [
        [Value::Null, text(""), Value::Null, bytes(b"")],
        [text(""), Value::Null, bytes(b""), Value::Null],
        [text("a"), Value::Null, Value::Null, bytes(b"b")],
    ] {
        let out = encoded(&schema, &row);
        check_eq!(schema.decode(&out), Ok(row.to_vec()), "decode");
        for (column, value) in row.iter().enumerate() {
            check_eq!(schema.decode_column(&out, column).as_ref(), Ok(value), "decode_column {column}");
        }
    }
}

/// The null map grows by a byte after every eight columns; an off-by-one shows at 8, 9, 16 and 17.
#[testkit::test]
fn null_map_fits_any_number_of_columns() {
    for columns in [0, 1, 7, 8, 9, 15, 16, 17, 64, 65, MAX_COLUMNS] {
        let schema = schema(&vec![ColumnType::Int; columns]);
        let row: Vec<Value> = (0..columns)
            .map(|n| if n % 3 == 0 || n + 1 == columns { Value::Null } else { Value::Int(n as i64) })
            .collect();
        let out = encoded(&schema, &row);
        check_eq!(out.len(), 2 + columns.div_ceil(8) + 8 * columns, "bytes of a row of {columns} ints");
        check_eq!(schema.decode(&out), Ok(row.clone()), "decode of {columns} columns");
        for (column, value) in row.iter().enumerate() {
            check_eq!(schema.decode_column(&out, column).as_ref(), Ok(value), "column {column} of {columns}");
        }
    }
}

/// A row keeps every bit of a float: the sign of a zero and the payload of a NaN too (C3).
#[testkit::test]
fn floats_keep_their_bits() {
    let schema = schema(&[ColumnType::Float]);
    let all = [0, 1 << 63, 1, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000, 0x7FF8_0000_0000_0000];
    for bits in all.into_iter().chain([0xFFF8_0000_0000_0001, 0x7FF0_0000_0000_0001, u64::MAX]) {
        let row = [Value::Float(f64::from_bits(bits))];
        let out = encoded(&schema, &row);
        check_eq!(schema.decode(&out).map(|row| exact(&row)), Ok(exact(&row)), "decode");
        let column = schema.decode_column(&out, 0).map(|value| exact(&[value]));
        check_eq!(column, Ok(exact(&row)), "decode_column");
    }
}

/// Wrong values are refused before the first byte is written, so that the buffer has no part of a row.
#[testkit::test]
fn refused_rows_do_not_change_the_buffer() {
    use ColumnType::{Int, Text};
    let schema = schema(&[Text, Int]);
    let refused = |values: &[Value], error: Error| {
        let mut out = b"before".to_vec();
        check_eq!(schema.encode(values, &mut out), Err(error), "encode of {values:?} as (text, int)");
        check_eq!(out.as_slice(), b"before", "the buffer after encode of {values:?} was refused");
    };
    refused(&[], Error::ColumnCount { expected: 2, found: 0 });
    refused(&[text("a")], Error::ColumnCount { expected: 2, found: 1 });
    refused(&[text("a"), Value::Int(1), Value::Null], Error::ColumnCount { expected: 2, found: 3 });
    refused(&[Value::Int(1), Value::Int(1)], Error::ColumnType { column: 0, expected: Text, found: Int });
    refused(&[text("a"), text("1")], Error::ColumnType { column: 1, expected: Int, found: Text });
    refused(
        &[text("a"), Value::Float(1.0)],
        Error::ColumnType { column: 1, expected: Int, found: ColumnType::Float },
    );
    let long = MAX_ROW_LEN - schema.data_start() + 1;
    let too_large = Error::RowTooLarge { len: MAX_ROW_LEN + 1, max: MAX_ROW_LEN };
    refused(&[text(&"x".repeat(long)), Value::Int(1)], too_large);
}

/// Ends have 16 bits: a row of 65,535 bytes works, one more is refused and never wraps round.
#[testkit::test]
fn longest_row_works_and_no_length_wraps() {
    let schema = schema(&[ColumnType::Bytes, ColumnType::Text]);
    let room = MAX_ROW_LEN - schema.data_start();
    for first in [0, 1, 255, 256, room - 1, room] {
        let row = [bytes(&vec![7; first]), text(&"x".repeat(room - first))];
        let mut out = Vec::new();
        check_eq!(schema.encode(&row, &mut out), Ok(()), "encode of {first} bytes and {} more", room - first);
        check_eq!(out.len(), MAX_ROW_LEN, "length of the longest row");
        check!(schema.decode(&out).as_deref() == Ok(&row[..]), "the longest row comes back");
        check!(schema.decode_column(&out, 1).as_ref() == Ok(&row[1]), "its last column comes back");
    }
    for (first, second) in
        [(room, 1), (1, room), (40_000, 40_000), (65_535, 0), (65_536, 0), (65_536, 65_536)]
    {
        let row = [bytes(&vec![7; first]), text(&"x".repeat(second))];
        let len = schema.data_start() + first + second;
        let mut out = Vec::new();
        let error = Error::RowTooLarge { len, max: MAX_ROW_LEN };
        check_eq!(
            schema.encode(&row, &mut out),
            Err(error),
            "encode of {first} bytes and a text of {second}"
        );
        check!(out.is_empty(), "nothing is written of a row that is too long");
    }
}

/// Writing a row costs its bytes: what the buffer holds already, earlier columns of the row among it, is not
/// copied for each column.
#[testkit::test]
fn writing_a_row_copies_no_earlier_bytes() {
    for (columns, value) in [(1_000, bytes(&[7; 60])), (1_000, Value::Null), (1, bytes(&[7; 60_000]))] {
        let schema = schema(&vec![ColumnType::Bytes; columns]);
        let row = vec![value; columns];
        let mut out = Vec::with_capacity(400_000);
        out.resize(200_000, 0xEE);
        let (counts, result) = testkit::alloc::count_with(|| schema.encode(&row, &mut out));
        check_eq!(result, Ok(()), "encode of {columns} columns into a buffer with room");
        let len = out.len() - 200_000;
        check!(
            counts.bytes <= 8 * len as u64,
            "writing a row of {len} bytes in {columns} columns, into a buffer with room, allocated {} bytes",
            counts.bytes
        );
    }
}

/// Reading one column costs only that column: a long text must not be copied to read the id.
#[testkit::test]
fn one_column_is_read_without_the_others() {
    let schema = schema(&[ColumnType::Int, ColumnType::Text, ColumnType::Bytes, ColumnType::Text]);
    let row = [Value::Int(42), text(&"long ".repeat(8_000)), bytes(b"abc"), text("last")];
    let out = encoded(&schema, &row);
    for column in [0, 2, 3] {
        let (counts, value) = testkit::alloc::count_with(|| schema.decode_column(&out, column));
        check_eq!(value.as_ref(), Ok(&row[column]), "decode_column {column}");
        check!(counts.bytes < 1_000, "reading column {column} allocated {} bytes", counts.bytes);
    }
    let missing = Error::NoSuchColumn { column: 4, columns: 4 };
    check_eq!(schema.decode_column(&out, 4), Err(missing), "decode_column 4 of 4 columns");
    let missing = Error::NoSuchColumn { column: usize::MAX, columns: 4 };
    check_eq!(schema.decode_column(&out, usize::MAX), Err(missing), "decode_column of the largest number");
}

/// decode and decode_column return the encoded values, for any types and values (C1, C3).
#[testkit::test]
fn any_row_decodes_to_its_values() {
    testkit::prop::check(300, rows(), |(types, row)| {
        let schema = Schema::new(&types).expect("few enough columns");
        let out = encoded(&schema, &row);
        check_eq!(schema.decode(&out).map(|row| exact(&row)), Ok(exact(&row)), "decode");
        for (column, value) in row.iter().enumerate() {
            let found = schema.decode_column(&out, column).map(|value| exact(&[value]));
            check_eq!(found, Ok(exact(std::slice::from_ref(value))), "decode_column {column}");
        }
    });
}

/// Several rows can be encoded one after the other in one buffer.
#[testkit::test]
fn any_rows_share_a_buffer() {
    testkit::prop::check(80, (rows(), rows()), |((types_a, a), (types_b, b))| {
        let (schema_a, schema_b) = (schema(&types_a), schema(&types_b));
        let mut out = encoded(&schema_a, &a);
        let cut = out.len();
        check_eq!(schema_b.encode(&b, &mut out), Ok(()), "encode of a second row");
        check_eq!(schema_a.decode(&out[..cut]).map(|row| exact(&row)), Ok(exact(&a)), "the first row");
        check_eq!(schema_b.decode(&out[cut..]).map(|row| exact(&row)), Ok(exact(&b)), "the second row");
    });
}
