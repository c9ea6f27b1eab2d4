//! The values of a database, and their order.
//!
//! The row codec writes [`Value`]s to read them back, the key codec writes them to compare them. The SQL
//! layer of lab 8 calls both; pages hold only bytes.
//!
//! ```text
//!   Null < Bool < Int < Float < Text < Bytes            across types
//!
//!   Bool   false < true
//!   Int    as numbers
//!   Float  -inf < ... < -0.0 = 0.0 < ... < +inf < NaN
//!   Text   byte by byte (UTF-8 keeps the order of the code points)
//!   Bytes  byte by byte, a prefix before longer values
//! ```
//!
//! Invariants:
//!
//! - V1: the order is total: any two values are less, equal or greater, NaN included.
//! - V2: `==` agrees with the order: all NaNs are one value, `-0.0` equals `0.0`.
//!
//! Left out: an integer never equals a float here. A column has one type, so a key never compares the two,
//! and lab 8 converts values before it compares them. There are no decimals, dates or collations: text
//! sorts by code point, so "Z" comes before "a".
//!
//! Source: the order across types is SQLite's (NULL, numbers, text, blob; sqlite.org/datatype3.html, section
//! 4.1); NaN last is PostgreSQL's (manual, section 8.1.3).

use std::cmp::Ordering;
use std::fmt;

/// One value of one column.
#[derive(Debug, Clone)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit binary float, infinities and NaN included.
    Float(f64),
    /// Text, always valid UTF-8; may contain zero bytes.
    Text(String),
    /// Any bytes.
    Bytes(Vec<u8>),
}

/// The type of a column. Every column may also hold [`Value::Null`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Holds [`Value::Bool`].
    Bool,
    /// Holds [`Value::Int`].
    Int,
    /// Holds [`Value::Float`].
    Float,
    /// Holds [`Value::Text`].
    Text,
    /// Holds [`Value::Bytes`].
    Bytes,
}

impl ColumnType {
    /// Number of bytes of a value in the fixed part of a row, or `None` if values of the type vary in length.
    pub const fn fixed_len(self) -> Option<usize> {
        match self {
            ColumnType::Bool => Some(1),
            ColumnType::Int | ColumnType::Float => Some(8),
            ColumnType::Text | ColumnType::Bytes => None,
        }
    }
}

impl Value {
    /// The type of the columns that can hold this value; `None` for NULL, which every column can hold.
    pub const fn column_type(&self) -> Option<ColumnType> {
        match self {
            Value::Null => None,
            Value::Bool(_) => Some(ColumnType::Bool),
            Value::Int(_) => Some(ColumnType::Int),
            Value::Float(_) => Some(ColumnType::Float),
            Value::Text(_) => Some(ColumnType::Text),
            Value::Bytes(_) => Some(ColumnType::Bytes),
        }
    }

    /// True for [`Value::Null`].
    pub const fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Position of the type in the order across types.
    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) => 2,
            Value::Float(_) => 3,
            Value::Text(_) => 4,
            Value::Bytes(_) => 5,
        }
    }
}

/// The order of the picture above. The bytes that the key codec writes must compare in the same way.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => cmp_floats(*a, *b),
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

/// Writes a value as in SQL.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(value) => write!(f, "'{}'", value.replace('\'', "''")),
            Value::Bytes(value) => {
                f.write_str("x'")?;
                value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnType::Bool => "bool",
            ColumnType::Int => "int",
            ColumnType::Float => "float",
            ColumnType::Text => "text",
            ColumnType::Bytes => "bytes",
        })
    }
}

/// Compares numbers by size. The two zeros are equal; all NaNs are equal and greater than all numbers.
fn cmp_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
