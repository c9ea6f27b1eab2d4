//! The waits-for graph as an SVG drawing.
//!
//! The transactions stand on a circle, the oldest at the top. An arrow goes from each one that waits to each
//! one that it waits for; what is waited for stands below, an arrow a line. Arrows that are part of a circle
//! are red.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::{LockTable, TxnId, WaitEdge};

/// Radius of a transaction, in pixels, and of the circle that they stand on, for each of them.
const NODE_RADIUS: f64 = 22.0;
const ROOM_PER_NODE: f64 = 20.0;
const SMALLEST_RING: f64 = 80.0;
/// From the sides of the drawing, and from its top.
const SIDE: f64 = 40.0;
const TOP: f64 = 60.0;
/// Height of a line of text, and width of a character.
const LINE: f64 = 20.0;
const CHAR: f64 = 7.4;
/// Most arrows that are drawn.
const SHOWN: usize = 40;

const STYLE: &str = r##"<style>
text { font-family: "DejaVu Sans", Verdana, Arial, sans-serif; font-size: 13px; fill: #22303c }
.b { font-weight: bold; font-size: 15px }
.c { text-anchor: middle }
.n { fill: #d9e8f7; stroke: #2f6ca8; stroke-width: 1.5 }
.w { stroke: #22303c; stroke-width: 1.5; fill: none }
.d { stroke: #b0483f; stroke-width: 2.5; fill: none }
.r { fill: #b0483f }
</style>
<defs>
<marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z" fill="#22303c"/></marker>
<marker id="e" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="5" markerHeight="5" orient="auto"><path d="M0 0 10 5 0 10z" fill="#b0483f"/></marker>
</defs>
"##;

/// The waits-for graph of this moment as an SVG drawing.
pub fn waits_for_svg(table: &LockTable) -> String {
    let mut edges = table.waits();
    edges.truncate(SHOWN);
    let txns: BTreeSet<TxnId> = edges.iter().flat_map(|edge| [edge.waiter, edge.blocker]).collect();
    let ring = (txns.len() as f64 * ROOM_PER_NODE).max(SMALLEST_RING);
    let lines: Vec<String> = edges.iter().map(ToString::to_string).collect();
    let text_width = lines.iter().map(|line| line.len() as f64 * CHAR).fold(0.0, f64::max);
    let width = (2.0 * (ring + SIDE)).max(text_width + 2.0 * SIDE);
    let height = TOP + 2.0 * (ring + SIDE) + LINE * (lines.len() + 1) as f64;
    let middle = (width / 2.0, TOP + ring + NODE_RADIUS);
    let place = |(number, txn): (usize, &TxnId)| {
        let angle = std::f64::consts::TAU * number as f64 / txns.len() as f64;
        (*txn, (middle.0 + ring * angle.sin(), middle.1 - ring * angle.cos()))
    };
    let places: BTreeMap<TxnId, (f64, f64)> = txns.iter().enumerate().map(place).collect();

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"t\">\n"
    );
    let title = if edges.is_empty() { "No transaction waits" } else { "Which transaction waits for which" };
    let _ = writeln!(out, "<title id=\"t\">{title}</title>");
    let _ = writeln!(
        out,
        "{STYLE}<rect width=\"{width:.0}\" height=\"{height:.0}\" rx=\"10\" fill=\"#fffdf8\"/>"
    );
    let _ = writeln!(out, "<text x=\"{SIDE}\" y=\"32\" class=\"b\">{title}</text>");
    for (txn, (x, y)) in &places {
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{NODE_RADIUS}\" class=\"n\"/>");
        let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{:.1}\" class=\"c\">{txn}</text>", y + 5.0);
    }
    for (number, (edge, line)) in edges.iter().zip(&lines).enumerate() {
        let is_circle = reaches(&edges, edge.blocker, edge.waiter);
        arrow(&mut out, places[&edge.waiter], places[&edge.blocker], is_circle);
        let y = TOP + 2.0 * (ring + SIDE) + LINE * number as f64;
        let class = if is_circle { " class=\"r\"" } else { "" };
        let _ = writeln!(out, "<text x=\"{SIDE}\" y=\"{y:.0}\"{class}>{}</text>", escape(line));
    }
    out + "</svg>\n"
}

/// An arrow from the edge of one transaction to that of another, bent so that two opposite ones do not cover
/// each other.
fn arrow(out: &mut String, from: (f64, f64), to: (f64, f64), is_circle: bool) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let start = (from.0 + ux * NODE_RADIUS, from.1 + uy * NODE_RADIUS);
    let end = (to.0 - ux * (NODE_RADIUS + 2.0), to.1 - uy * (NODE_RADIUS + 2.0));
    let bend = ((start.0 + end.0) / 2.0 - uy * length / 6.0, (start.1 + end.1) / 2.0 + ux * length / 6.0);
    let (class, head) = if is_circle { ("d", "e") } else { ("w", "a") };
    let _ = writeln!(
        out,
        "<path d=\"M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}\" class=\"{class}\" marker-end=\"url(#{head})\"/>",
        start.0, start.1, bend.0, bend.1, end.0, end.1
    );
}

/// True if there is a way from `from` to `to` along the edges.
fn reaches(edges: &[WaitEdge], from: TxnId, to: TxnId) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(txn) = open.pop() {
        if txn == to {
            return true;
        }
        let next = edges.iter().filter(|edge| edge.waiter == txn).map(|edge| edge.blocker);
        open.extend(next.filter(|next| seen.insert(*next)));
    }
    false
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
