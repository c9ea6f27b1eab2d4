//! The key codec: tuples of values as bytes that compare like the tuples.
//!
//! An index (lab 4) compares keys as plain bytes and does not know their types. With this codec the result is
//! right: for tuples `a` and `b` whose columns have the same sort orders, `encode(a).cmp(encode(b))` is
//! `a.cmp(b)`. Lab 8 calls it for index keys, sort keys and group keys.
//!
//! # The format
//!
//! The columns follow each other. Each is a tag and a payload:
//!
//! ```text
//!   ("ab", -2)
//!
//!   05   61 62  00 01   03   7f ff ff ff ff ff ff fe
//!   tag  a  b   end     tag  sign bit flipped, big-endian
//! ```
//!
//! | tag | value | payload |
//! | --- | --- | --- |
//! | `01` | NULL | none |
//! | `02` | Bool | 1 byte: `00` false, `01` true |
//! | `03` | Int | 8 bytes big-endian, the sign bit flipped |
//! | `04` | Float | 8 bytes big-endian: the bits, all flipped if negative, else only the sign bit flipped |
//! | `05` | Text | its bytes, each `00` written as `00 FF`, then `00 01` |
//! | `06` | Bytes | as Text |
//!
//! Before a float is written, `-0.0` becomes `0.0`, and every NaN becomes the NaN with bits
//! `7ff8000000000000`. So equal values have equal keys, and NaN sorts last.
//!
//! A *descending* column is written as above, and then every byte of it, also the tag, is flipped (`xor FF`).
//! Flipped tags are `F9` to `FE`, so the tag of a column shows its sort order.
//!
//! # Invariants
//!
//! - K1: order: bytes compare as the tuples do ([`Value`]'s order, reversed in descending columns).
//! - K2: one encoding: equal values have equal bytes, and decoding accepts no other bytes.
//! - K3: the encoding of the first columns of a tuple is a prefix of the encoding of the tuple. If the
//!   encoding of one tuple is a prefix of that of another, the one tuple is a prefix of the other. So all
//!   keys that start with given columns are one range of byte strings, from the prefix up to
//!   [`prefix_end`].
//! - K4: decoding never panics and never reads outside the key.
//!
//! A text ends in `00 01` and not in `00`, because otherwise the key of `"a"` would be a prefix of the key
//! of `"a\0"`, which breaks K3. Integers are big-endian because bytes are compared from the first to the
//! last, so the most significant byte must come first.
//!
//! # What is left out, and its price
//!
//! Small integers also take 8 bytes; variable-length integers would save space and cost a branch. A key
//! does not keep which zero or which NaN a value was; a row does. There are no collations.
//!
//! Source: the tuple layer of FoundationDB (design document "tuple.md") for tags and zero escaping; the key
//! encoding of CockroachDB (`pkg/util/encoding`) for the two-byte terminator and the flipped bytes of
//! descending columns.

use thiserror::Error;

use crate::error::Error;
use crate::value::Value;

/// Tag of NULL.
pub const TAG_NULL: u8 = 1;
/// Tag of a boolean.
pub const TAG_BOOL: u8 = 2;
/// Tag of an integer.
pub const TAG_INT: u8 = 3;
/// Tag of a float.
pub const TAG_FLOAT: u8 = 4;
/// Tag of text.
pub const TAG_TEXT: u8 = 5;
/// Tag of bytes.
pub const TAG_BYTES: u8 = 6;

/// The byte after a zero byte that belongs to the value.
pub const ESCAPED_ZERO: u8 = 0xFF;
/// The byte after the zero byte that ends a text or bytes value.
pub const END_OF_VALUE: u8 = 0x01;

/// The sign bit of a 64-bit integer or float.
const SIGN: u64 = 1 << 63;
/// The bits that are written for every NaN.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

/// The sort order of a column of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortOrder {
    /// Smallest first, NULL before all other values.
    Ascending,
    /// Largest first, NULL after all other values.
    Descending,
}

impl SortOrder {
    /// The byte that is xor-ed with each byte of a column.
    pub const fn mask(self) -> u8 {
        match self {
            SortOrder::Ascending => 0x00,
            SortOrder::Descending => 0xFF,
        }
    }
}

/// Why some bytes are not a key. Offsets count from the first byte of the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// A column begins with a byte that is neither a tag nor a flipped tag.
    #[error("byte {tag:#04x} at offset {offset} of the key is not a tag")]
    UnknownTag {
        /// Offset of the byte.
        offset: usize,
        /// The byte.
        tag: u8,
    },
    /// The key ends inside a column.
    #[error("the key ends inside the column that begins at offset {offset}")]
    Truncated {
        /// Offset at which the column begins.
        offset: usize,
    },
    /// The encoder never writes this payload: a bool above 1, a zero byte followed by neither an escape nor
    /// an end, a negative zero, or a NaN with other bits.
    #[error("the encoder never writes the payload of the column at offset {offset} of the key")]
    NotCanonical {
        /// Offset at which the column begins.
        offset: usize,
    },
    /// Text that is not UTF-8.
    #[error("the text column at offset {offset} of the key is UTF-8 only for its first {valid_len} bytes")]
    NotUtf8 {
        /// Offset at which the column begins.
        offset: usize,
        /// Number of bytes of the value, unescaped, before the first invalid one.
        valid_len: usize,
    },
}

/// The key of a tuple in which all columns are ascending.
pub fn encode_key(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 9);
    for value in values {
        push_value(&mut out, value, SortOrder::Ascending);
    }
    out
}

/// The values of a key. Each column may have either sort order.
///
/// # Errors
/// [`Error::Key`] if `bytes` is not the encoding of a tuple (K2).
pub fn decode_key(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let mut values = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let (value, _, next) = read_value(bytes, offset)?;
        assert!(next > offset && next <= bytes.len(), "K4: a column is not empty and ends inside the key");
        values.push(value);
        offset = next;
    }
    Ok(values)
}

/// Appends one column to a key.
///
/// # Ensures
/// `out` has its old bytes, followed by the bytes of the format above (K1, K2, K3).
///
/// # Cost
/// O(bytes written).
pub fn push_value(out: &mut Vec<u8>, value: &Value, order: SortOrder) {
    //# task 2.4 write a column of a key
    //+ // Nudge: write the column as an ascending one; if it is descending, flip the bytes that you appended.
    let start = out.len();
    match value {
        Value::Null => out.push(TAG_NULL),
        Value::Bool(value) => out.extend_from_slice(&[TAG_BOOL, u8::from(*value)]),
        Value::Int(value) => push_number(out, TAG_INT, (*value as u64) ^ SIGN),
        Value::Float(value) => push_number(out, TAG_FLOAT, ordered_bits(*value)),
        Value::Text(value) => push_escaped(out, TAG_TEXT, value.as_bytes()),
        Value::Bytes(value) => push_escaped(out, TAG_BYTES, value),
    }
    if order == SortOrder::Descending {
        for byte in &mut out[start..] {
            *byte ^= SortOrder::Descending.mask();
        }
    }
    //# end
}

/// Reads the column of the key `bytes` that begins at `offset`: its value, its sort order, and the offset
/// of the next column (or the length of the key after the last).
///
/// # Requires
/// Nothing: `bytes` and `offset` may be anything.
///
/// # Ensures
/// Never panics (K4). On success, `push_value` of the value and sort order appends `bytes[offset..next]`
/// (K2).
///
/// # Errors
/// The [`KeyFault`] of this column; [`KeyFault::Truncated`] if `offset` is not inside `bytes`.
///
/// # Cost
/// O(bytes of the column).
pub fn read_value(bytes: &[u8], offset: usize) -> Result<(Value, SortOrder, usize), KeyFault> {
    //# task 2.4 read a column of a key
    //+ // Nudge: the first bit of the tag shows the sort order.
    let Some((&first, payload)) = bytes.get(offset..).and_then(<[u8]>::split_first) else {
        return Err(KeyFault::Truncated { offset });
    };
    let order = if first & 0x80 == 0 { SortOrder::Ascending } else { SortOrder::Descending };
    let mask = order.mask();
    let (value, len) = match first ^ mask {
        TAG_NULL => (Value::Null, 0),
        TAG_BOOL => match payload.first().map(|byte| byte ^ mask) {
            Some(byte @ (0 | 1)) => (Value::Bool(byte == 1), 1),
            Some(_) => return Err(KeyFault::NotCanonical { offset }),
            None => return Err(KeyFault::Truncated { offset }),
        },
        TAG_INT => (Value::Int((number(payload, mask, offset)? ^ SIGN) as i64), 8),
        TAG_FLOAT => (Value::Float(float(number(payload, mask, offset)?, offset)?), 8),
        TAG_TEXT => {
            let (value, len) = unescape(payload, mask, offset)?;
            let text = String::from_utf8(value)
                .map_err(|error| KeyFault::NotUtf8 { offset, valid_len: error.utf8_error().valid_up_to() })?;
            (Value::Text(text), len)
        }
        TAG_BYTES => {
            let (value, len) = unescape(payload, mask, offset)?;
            (Value::Bytes(value), len)
        }
        _ => return Err(KeyFault::UnknownTag { offset, tag: first }),
    };
    Ok((value, order, offset + 1 + len))
    //# end
}

/// The smallest byte string that is greater than every byte string starting with `prefix`, or `None` if
/// there is none (the prefix is empty or all `FF`). With it, `prefix..prefix_end(prefix)` are the keys that
/// start with `prefix`.
///
/// # Ensures
/// No byte string lies between the last one that starts with `prefix` and the result.
///
/// # Cost
/// O(bytes).
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    //# task 2.4 bound a prefix
    let last = prefix.iter().rposition(|&byte| byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
    //# end
}

//# hide
/// A tag and eight bytes, most significant first.
fn push_number(out: &mut Vec<u8>, tag: u8, bits: u64) {
    let mut column = [tag; 9];
    column[1..].copy_from_slice(&bits.to_be_bytes());
    out.extend_from_slice(&column);
}

/// The bits of a float, changed so that they compare as unsigned integers.
fn ordered_bits(value: f64) -> u64 {
    let bits = if value.is_nan() {
        NAN_BITS
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    };
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

/// The float with these changed bits, if the encoder can write them.
fn float(ordered: u64, offset: usize) -> Result<f64, KeyFault> {
    let bits = if ordered & SIGN == 0 { !ordered } else { ordered ^ SIGN };
    let value = f64::from_bits(bits);
    if ordered_bits(value) == ordered { Ok(value) } else { Err(KeyFault::NotCanonical { offset }) }
}

/// A tag, the bytes with their zeros escaped, and the end mark.
fn push_escaped(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.reserve(bytes.len() + 3);
    out.push(tag);
    let mut rest = bytes;
    while let Some(zero) = rest.iter().position(|&byte| byte == 0) {
        out.extend_from_slice(&rest[..=zero]);
        out.push(ESCAPED_ZERO);
        rest = &rest[zero + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[0, END_OF_VALUE]);
}

/// The value at the start of `payload`, and the number of bytes of it and its end mark.
fn unescape(payload: &[u8], mask: u8, offset: usize) -> Result<(Vec<u8>, usize), KeyFault> {
    let mut value = Vec::new();
    let mut at = 0;
    loop {
        let rest = &payload[at..];
        let zero = rest.iter().position(|&byte| byte == mask).ok_or(KeyFault::Truncated { offset })?;
        let mark = *rest.get(zero + 1).ok_or(KeyFault::Truncated { offset })? ^ mask;
        value.extend(rest[..zero].iter().map(|byte| byte ^ mask));
        at += zero + 2;
        match mark {
            END_OF_VALUE => return Ok((value, at)),
            ESCAPED_ZERO => value.push(0),
            _ => return Err(KeyFault::NotCanonical { offset }),
        }
    }
}

/// The first eight bytes of `payload` as a number, most significant first.
fn number(payload: &[u8], mask: u8, offset: usize) -> Result<u64, KeyFault> {
    let bytes = payload.first_chunk::<8>().ok_or(KeyFault::Truncated { offset })?;
    Ok(u64::from_be_bytes(bytes.map(|byte| byte ^ mask)))
}
//# end
