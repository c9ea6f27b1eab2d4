//! Task 2.4: row and key codecs.

mod key;
mod key_hostile;
mod row;
mod row_hostile;

use std::cmp::Ordering;

use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::{ColumnType, Schema, Value};

/// Every column type.
const TYPES: [ColumnType; 5] =
    [ColumnType::Bool, ColumnType::Int, ColumnType::Float, ColumnType::Text, ColumnType::Bytes];

/// The schema of `types`.
fn schema(types: &[ColumnType]) -> Schema {
    Schema::new(types).expect("few enough columns")
}

/// A text value.
fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A bytes value.
fn bytes(value: &[u8]) -> Value {
    Value::Bytes(value.to_vec())
}

/// The bytes of a row that must be accepted.
fn encoded(schema: &Schema, values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    testkit::step!("schema.encode(&{}, &mut out)", shortened(values));
    let result = schema.encode(values, &mut out);
    testkit::check_eq!(result, Ok(()), "encode of a row of the schema's types, {}", shortened(values));
    out
}

/// Values with the bits of floats shown: `==` on values says that all NaNs and both zeros are the same.
fn exact(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .map(|value| match value {
            Value::Float(float) => format!("Float({float:?}, bits {:#018x})", float.to_bits()),
            other => format!("{other:?}"),
        })
        .collect()
}

/// The order of values, written a second time: the tests do not depend on the crate's own.
fn compare(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::Text(_) => 4,
        Value::Bytes(_) => 5,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => match (a.is_nan(), b.is_nan()) {
            (false, false) if a < b => Ordering::Less,
            (false, false) if a > b => Ordering::Greater,
            (a, b) => a.cmp(&b),
        },
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// The order of tuples: the first column that differs decides, then the shorter comes first.
fn tuple_order(a: &[Value], b: &[Value]) -> Ordering {
    let columns = a.iter().zip(b).map(|(a, b)| compare(a, b));
    columns.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
}

/// Integers, the edges often.
fn ints() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![
        Just(i64::MIN),
        Just(i64::MAX),
        -3..4_i64,
        prop::sample::select(vec![-257, -256, -255, -129, -128, 127, 128, 255, 256, 257, 65_535, 65_536]),
        any::<i64>(),
    ]
}

/// Floats by their bits: zeros, subnormals, infinities and NaNs of both signs among them.
fn floats() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            -f64::NAN
        ]),
        prop::sample::select(vec![
            f64::MIN_POSITIVE,
            -f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            f64::MAX,
            f64::MIN
        ]),
        -3.0..3.0_f64,
        any::<u64>().prop_map(f64::from_bits),
    ]
}

/// Short strings of the bytes that an escaping can get wrong, so that one is often a prefix of another.
fn tricky_bytes() -> impl Strategy<Value = Vec<u8>> + Clone {
    vec(prop::sample::select(vec![0, 0, 1, 2, 5, 0x61, 0xFE, 0xFF]), 0..5)
}

/// The same for text.
fn tricky_text() -> impl Strategy<Value = String> + Clone {
    vec(prop::sample::select(vec!['\0', '\0', '\u{1}', 'a', 'b', 'é', '\u{FFFF}', '😀']), 0..5)
        .prop_map(String::from_iter)
}

/// A value of one type, sometimes NULL.
fn value_of(column_type: ColumnType) -> BoxedStrategy<Value> {
    let value = match column_type {
        ColumnType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ColumnType::Int => ints().prop_map(Value::Int).boxed(),
        ColumnType::Float => floats().prop_map(Value::Float).boxed(),
        ColumnType::Text => prop_oneof![tricky_text(), "[a-zäß]{0,40}"].prop_map(Value::Text).boxed(),
        ColumnType::Bytes => {
            prop_oneof![tricky_bytes(), vec(any::<u8>(), 0..40)].prop_map(Value::Bytes).boxed()
        }
    };
    prop_oneof![1 => Just(Value::Null), 5 => value].boxed()
}

/// A value of any type.
fn any_value() -> impl Strategy<Value = Value> + Clone {
    prop::sample::select(TYPES.to_vec()).prop_flat_map(value_of)
}

/// Column types and a row of them.
fn rows() -> impl Strategy<Value = (Vec<ColumnType>, Vec<Value>)> {
    vec(prop::sample::select(TYPES.to_vec()), 0..20).prop_flat_map(|types| {
        let values: Vec<_> = types.iter().copied().map(value_of).collect();
        (Just(types), values)
    })
}

/// The values of a row as text, cut where it would fill a screen.
fn shortened(values: &[Value]) -> String {
    let text = format!("{values:?}");
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}... ({} characters more)", &text[..at], text[at..].chars().count()),
        None => text,
    }
}
