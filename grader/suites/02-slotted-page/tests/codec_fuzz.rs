//! Any input as a row and as a key. The same body runs under cargo-fuzz (`fuzz/`) and as a property of
//! task 2.4.

use slotted_page::{ColumnType, Schema, dump_key, dump_row, push_value, read_value};

/// Takes the first byte of `input` for the number of columns, the next ones for their types, the rest for a
/// row and for a key. Panics if the code under test does, or if it accepts bytes that encoding does not
/// write.
pub(crate) fn run(input: &[u8]) {
    let Some((&count, rest)) = input.split_first() else { return };
    let (types, bytes) = rest.split_at(rest.len().min(usize::from(count % 24)));
    row(types, bytes);
    key(bytes);
}

fn row(types: &[u8], bytes: &[u8]) {
    const TYPES: [ColumnType; 5] =
        [ColumnType::Int, ColumnType::Text, ColumnType::Bool, ColumnType::Bytes, ColumnType::Float];
    let types: Vec<ColumnType> = types.iter().map(|byte| TYPES[usize::from(byte % 5)]).collect();
    let schema = Schema::new(&types).expect("at most 23 columns");
    let _ = dump_row(&schema, bytes);
    let whole = schema.decode(bytes);
    for column in 0..=types.len() {
        let one = schema.decode_column(bytes, column);
        if let (Ok(row), true) = (&whole, column < types.len()) {
            assert_eq!(one.as_ref(), Ok(&row[column]), "column {column} alone and in its row");
        }
    }
    if let Ok(row) = whole {
        let mut again = Vec::new();
        schema.encode(&row, &mut again).expect("decode gives a row of the schema");
        assert_eq!(again, bytes, "C1: a row has one encoding");
    }
}

fn key(bytes: &[u8]) {
    let _ = dump_key(bytes);
    let _ = slotted_page::prefix_end(bytes);
    let (mut again, mut offset) = (Vec::new(), 0);
    while let Ok((value, order, next)) = read_value(bytes, offset) {
        assert!(next > offset && next <= bytes.len(), "K4: a column ends inside the key");
        push_value(&mut again, &value, order);
        assert_eq!(again, bytes[..next], "K2: a value has one encoding");
        offset = next;
    }
    assert_eq!(
        slotted_page::decode_key(bytes).is_ok(),
        offset == bytes.len(),
        "decode_key beside read_value"
    );
}
