//! The workload of the codecs (task 2.4): one column of a wide row.

use std::hint::black_box;

use slotted_page::{ColumnType, Schema, Value};
use testkit::perf::{Digest, Workload};

/// Columns of the wide row.
const WIDE_COLUMNS: usize = 48;
/// Columns read from wide rows in a round.
const COLUMN_READS: usize = 60_000;

/// The workload of task 2.4.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![Workload::timed("row-column", || {
        let (schema, row) = wide_row();
        Box::new(move || {
            let mut digest = Digest::new();
            for n in 0..COLUMN_READS {
                let column = (n * 7) % WIDE_COLUMNS;
                match schema.decode_column(black_box(&row), column).expect("a row of the schema") {
                    Value::Int(number) => digest.add(number as u64),
                    Value::Text(text) => digest.add(text.bytes().map(u64::from).sum()),
                    _ => digest.add(u64::MAX),
                }
            }
            digest
        })
    })]
}

/// A wide row of integers and short texts by turns.
fn wide_row() -> (Schema, Vec<u8>) {
    let types: Vec<ColumnType> =
        (0..WIDE_COLUMNS).map(|n| if n % 2 == 0 { ColumnType::Int } else { ColumnType::Text }).collect();
    let values: Vec<Value> = (0..WIDE_COLUMNS)
        .map(|n| if n % 2 == 0 { Value::Int(n as i64) } else { Value::Text(format!("value {n}")) })
        .collect();
    let schema = Schema::new(&types).expect("few enough columns");
    let mut row = Vec::new();
    schema.encode(&values, &mut row).expect("the row fits its schema");
    (schema, row)
}
