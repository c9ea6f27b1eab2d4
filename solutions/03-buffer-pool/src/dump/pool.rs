//! The picture of a pool.

use std::fmt::Write as _;

use kit::draw;

use crate::BufferPool;

/// Draws the frames of a pool that hold a page: frame, page, pins, and whether it is dirty. Then what the
/// pool did so far. Takes no latch, so it can be called while guards are held.
pub fn dump_pool(pool: &BufferPool) -> String {
    let stats = pool.stats();
    let rows: Vec<Vec<String>> = pool
        .frames_in_use()
        .into_iter()
        .map(|(page, frame)| {
            let dirty = if pool.is_dirty(page) { "dirty" } else { "" };
            vec![frame.0.to_string(), page.0.to_string(), pool.pin_count(page).to_string(), dirty.to_string()]
        })
        .collect();
    let mut out = format!("{} of {} frames hold a page\n", rows.len(), pool.frame_count());
    if !rows.is_empty() {
        out.push_str(&draw::table(&["frame", "page", "pins", "state"], &rows));
    }
    let _ = writeln!(
        out,
        "{} hits, {} misses, {} evictions, {} writes",
        stats.hits, stats.misses, stats.evictions, stats.writes
    );
    out
}
