//! Pictures of the cache's two lists and of the replacer's order.

use std::fmt::{self, Write as _};

use kit::draw;

use crate::lru::{Index, LOOSE, LruCache, PINNED};
use crate::lru_k::LruK;

/// The greatest number of nodes or frames shown; the others are counted.
const MOST_ROWS: usize = 40;

impl<K: fmt::Debug, V: fmt::Debug, S> LruCache<K, V, S> {
    /// Draws both lists as text, for failing tests and for debugging. It follows the `next` links from each
    /// sentinel, at most as many as there are nodes. `!` marks a node whose `prev` is not the node before it.
    ///
    /// ```text
    /// nodes 6, free []
    /// list    node  prev  next  pins  entry
    /// loose      2     0     5     0  'a' = 1
    /// loose      5     2     4     0  'd' = 4
    /// pinned     3     1     1     1  'b' = 2
    /// ```
    pub fn dump(&self) -> String {
        let mut out = format!("nodes {}, free {:?}\n", self.nodes.len(), self.free);
        let mut rows = Vec::new();
        self.follow(LOOSE, "loose", &mut rows);
        self.follow(PINNED, "pinned", &mut rows);
        let count = rows.len();
        rows.truncate(MOST_ROWS);
        out.push_str(&draw::table(&["list", "node", "prev", "next", "pins", "entry"], &rows));
        if count > MOST_ROWS {
            let _ = writeln!(out, "... and {} nodes more", count - MOST_ROWS);
        }
        out
    }

    /// A row for each node that the `next` links reach from `sentinel`.
    fn follow(&self, sentinel: Index, list: &str, rows: &mut Vec<Vec<String>>) {
        let mut before = sentinel;
        let mut at = self.nodes[sentinel as usize].next;
        for _ in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(at as usize).filter(|_| at != sentinel) else { break };
            let entry = match &node.entry {
                Some((key, value)) => format!("{key:?} = {value:?}"),
                None => "(no entry)".to_string(),
            };
            let prev = if node.prev == before { node.prev.to_string() } else { format!("{}!", node.prev) };
            rows.push(vec![
                list.to_string(),
                at.to_string(),
                prev,
                node.next.to_string(),
                node.pins.to_string(),
                entry.chars().take(draw::WIDTH / 2).collect(),
            ]);
            before = at;
            at = node.next;
        }
    }
}

impl LruK {
    /// Draws all frames as text, with the order of eviction. A frame that is not known has no times.
    ///
    /// ```text
    /// k 2, now 6, next victims [2, 3]
    /// frame  evictable  last times
    ///     2  yes        [3]
    /// ```
    pub fn dump(&self) -> String {
        let victims: Vec<usize> = self.order.iter().take(MOST_ROWS).map(|rank| rank.frame).collect();
        let mut out = format!("k {}, now {}, next victims {victims:?}\n", self.k, self.now);
        let rows: Vec<Vec<String>> = self
            .frames
            .iter()
            .enumerate()
            .take(MOST_ROWS)
            .map(|(number, frame)| {
                let is_evictable = if frame.is_evictable { "yes" } else { "no" };
                let times: Vec<&u64> = frame.times.iter().collect();
                vec![number.to_string(), is_evictable.to_string(), format!("{times:?}")]
            })
            .collect();
        out.push_str(&draw::table(&["frame", "evictable", "last times"], &rows));
        if self.frames.len() > MOST_ROWS {
            let _ = writeln!(out, "... and {} frames more", self.frames.len() - MOST_ROWS);
        }
        out
    }
}
