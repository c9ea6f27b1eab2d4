//! Picture of a hash map: one line for each group, with the control bytes and the keys.

use std::fmt;

use kit::draw;

use crate::hash_map::HashMap;
use crate::hash_map::table::{DELETED, EMPTY, GROUP};

/// The greatest number of groups shown; the others are counted.
const MOST_GROUPS: usize = 16;

/// The greatest number of characters shown of a key.
const MOST_KEY_CHARS: usize = 10;

impl<K: fmt::Debug, V, S> HashMap<K, V, S> {
    /// Draws the table as text, for failing tests and for debugging. A control byte is shown as its tag in
    /// hex, as `--` if it is empty, and as `xx` if it is deleted.
    ///
    /// ```text
    /// len 3, capacity 7, groups 1, tombstones 0
    /// group  control                    slot=key
    ///     0  [3a -- 11 -- 5c -- -- --]  0=7 2=9 4=1
    /// ```
    pub fn dump(&self) -> String {
        let controls = self.table.controls();
        let tombstones = controls.as_flattened().iter().filter(|&&control| control == DELETED).count();
        let mut out = format!(
            "len {}, capacity {}, groups {}, tombstones {tombstones}\n",
            self.len(),
            self.capacity(),
            controls.len()
        );
        let rows: Vec<Vec<String>> = controls
            .iter()
            .zip(self.table.slots().chunks(GROUP))
            .take(MOST_GROUPS)
            .enumerate()
            .map(|(group, (bytes, slots))| vec![group.to_string(), control_text(bytes), keys_text(slots)])
            .collect();
        if !rows.is_empty() {
            out.push_str(&draw::table(&["group", "control", "slot=key"], &rows));
        }
        if controls.len() > MOST_GROUPS {
            out.push_str(&format!("... and {} groups more\n", controls.len() - MOST_GROUPS));
        }
        out
    }
}

/// Eight control bytes in slot order.
fn control_text(bytes: &[u8; GROUP]) -> String {
    let texts = bytes.map(|control| match control {
        EMPTY => "--".to_string(),
        DELETED => "xx".to_string(),
        tag => format!("{tag:02x}"),
    });
    format!("[{}]", texts.join(" "))
}

/// The full slots of a group with their keys, cut to fit a line.
fn keys_text<K: fmt::Debug, V>(slots: &[Option<(K, V)>]) -> String {
    let mut text = String::new();
    for (slot, entry) in slots.iter().enumerate() {
        if let Some((key, _)) = entry {
            let key: String = format!("{key:?}").chars().take(MOST_KEY_CHARS).collect();
            text.push_str(&format!("{slot}={key} "));
        }
    }
    let width = draw::WIDTH - 35;
    if text.chars().count() > width {
        text = text.chars().take(width - 3).collect();
        text.push_str("...");
    }
    text
}
