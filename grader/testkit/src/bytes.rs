//! Bytes that show where they belong: contents for pages and records.
//!
//! They are made here and not in the suites, because a suite is built without optimisation, and there a loop
//! over 4,096 bytes costs as much as the operation that a test looks at.

/// Fills `bytes` with multiples of `factor`, from 0 on. They repeat after 256 bytes.
pub fn fill_with_multiples(bytes: &mut [u8], factor: u32) {
    let row: [u8; 256] = std::array::from_fn(|at| (at as u8).wrapping_mul(factor as u8));
    for part in bytes.chunks_mut(row.len()) {
        part.copy_from_slice(&row[..part.len()]);
    }
}

/// `len` bytes that differ between tags, and between any two parts of the same bytes.
pub fn tagged(len: usize, tag: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index.wrapping_mul(31) ^ (index >> 8) ^ tag.wrapping_mul(167) ^ 0x5A) as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pages whose tags differ must differ in their bytes, or a mix-up is not seen.
    #[test]
    fn other_tags_give_other_bytes() {
        let mut bytes = [7; 600];
        fill_with_multiples(&mut bytes, 259);
        assert_eq!((bytes[0], bytes[1], bytes[100], bytes[257]), (0, 3, 44, 3));
        assert_ne!(tagged(40, 1), tagged(40, 2));
        let one = tagged(1_024, 1);
        assert_ne!(one[..256], one[256..512]);
        assert!(tagged(0, 1).is_empty());
    }
}
