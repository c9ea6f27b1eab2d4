//! Workloads of the codecs (task 2.4): whole rows, one column of a wide row, keys.

use std::hint::black_box;

use slotted_page::{ColumnType, Schema, SortOrder, Value, decode_key, push_value};
use testkit::perf::Workload;

/// Rows or keys in a round.
const ROWS: usize = 4_000;
/// Columns of the wide row.
const WIDE_COLUMNS: usize = 48;
/// Columns read from wide rows in a round.
const COLUMN_READS: usize = 60_000;

/// The workloads of task 2.4.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::timed("row-codec", || {
            let (schema, rows) = rows();
            let mut buffer = Vec::new();
            Box::new(move || {
                for row in &rows {
                    buffer.clear();
                    schema.encode(row, &mut buffer).expect("the row fits its schema");
                    black_box(schema.decode(&buffer).expect("just written"));
                }
            })
        }),
        Workload::timed("row-column", || {
            let (schema, row) = wide_row();
            Box::new(move || {
                for n in 0..COLUMN_READS {
                    let column = (n * 7) % WIDE_COLUMNS;
                    black_box(schema.decode_column(black_box(&row), column).expect("a row of the schema"));
                }
            })
        }),
        Workload::timed("key-codec", || {
            let (_, rows) = rows();
            let mut key = Vec::new();
            Box::new(move || {
                for row in &rows {
                    key.clear();
                    for (column, value) in row.iter().enumerate() {
                        let is_odd = column % 2 == 1;
                        push_value(
                            &mut key,
                            value,
                            if is_odd { SortOrder::Descending } else { SortOrder::Ascending },
                        );
                    }
                    black_box(decode_key(black_box(&key)).expect("just written"));
                }
            })
        }),
    ]
}

/// Rows of every type, short and long texts, some zeros, some NULLs.
fn rows() -> (Schema, Vec<Vec<Value>>) {
    use ColumnType::{Bool, Bytes, Float, Int, Text};
    let schema = Schema::new(&[Int, Text, Float, Bytes, Bool, Int, Text, Int]).expect("few enough columns");
    let rows = (0..ROWS)
        .map(|n| {
            vec![
                Value::Int(n as i64 - 2_000),
                Value::Text(format!("customer number {n}")),
                Value::Float(n as f64 / 7.0 - 100.0),
                Value::Bytes((0..n % 40).map(|byte| if byte % 9 == 0 { 0 } else { byte as u8 }).collect()),
                Value::Bool(n % 3 == 0),
                if n % 5 == 0 { Value::Null } else { Value::Int(i64::MIN + n as i64) },
                Value::Text("a text that is longer than the others ".repeat(1 + n % 4)),
                Value::Int(7),
            ]
        })
        .collect();
    (schema, rows)
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
