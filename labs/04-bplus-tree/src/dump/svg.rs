//! A tree as an SVG drawing.
//!
//! Each node is a row of cells, one an entry; an internal node has a cell for each separator, and a line to a
//! child from each border between two cells. A subtree is as wide as its row of leaves, or as its root if
//! that is wider, and each root stands over the middle of what is below it.

use std::fmt::Write as _;

use slotted_page::{PageBuf, PageId};

use super::{Sketch, fill_percent, key_text};
use crate::node::NodeRef;
use crate::{BPlusTree, KeyMode};

/// Height of a node, and from one level to the next, in pixels.
const NODE_HEIGHT: usize = 32;
const LEVEL_HEIGHT: usize = 106;
/// From the top of the drawing to the root, and from each side to the first node.
const TOP: usize = 84;
const SIDE: usize = 24;
/// Between two nodes of a level.
const GAP: usize = 34;
/// Width of a character, and of the smallest cell.
const CHAR_WIDTH: usize = 9;
const CELL_WIDTH: usize = 30;
/// Most characters of a key, and most cells of a node: so many first ones, and so many last ones.
const KEY_CHARS: usize = 10;
const SHOWN: (usize, usize) = (4, 2);

const STYLE: &str = r##"<style>
text { font-family: "DejaVu Sans", Verdana, Arial, sans-serif; font-size: 14px; fill: #22303c }
.s { font-size: 13px; fill: #5b6b78 }
.e { font-size: 13px; fill: #b0483f }
.b { font-weight: bold; font-size: 15px }
.c { text-anchor: middle }
.leaf { fill: #d9e8f7; stroke: #2f6ca8; stroke-width: 1.5 }
.internal { fill: #fbe8c3; stroke: #a9741a; stroke-width: 1.5 }
.broken { fill: #f8dcd9; stroke: #b0483f; stroke-width: 1.5 }
.down { stroke: #8a99a6; stroke-width: 1.8 }
.link { stroke: #22303c; stroke-width: 1.5 }
</style>
<defs>
<marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#22303c"/></marker>
</defs>
"##;

/// Draws a whole tree.
pub(super) fn draw(tree: &BPlusTree, root: &Sketch) -> String {
    let levels = root.node.as_ref().map_or(0, |node| usize::from(node.level())) + 1;
    let mut drawing = Drawing { body: String::new(), leaves: Vec::new(), has_wrong_link: false };
    drawing.subtree(root, SIDE, TOP);
    drawing.links();

    let mode = match tree.mode() {
        KeyMode::Unique => "unique keys",
        KeyMode::Duplicates => "keys with duplicates",
    };
    let title = format!("A B+Tree with {mode}, height {levels}");
    let width = (subtree_width(root) + 2 * SIDE).max(title.len() * CHAR_WIDTH + 2 * SIDE);
    let height =
        TOP + (levels - 1) * LEVEL_HEIGHT + NODE_HEIGHT + if drawing.has_wrong_link { 64 } else { 40 };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"t d\">\n"
    );
    let _ = writeln!(out, "<title id=\"t\">{title}</title>");
    let _ = writeln!(out, "<desc id=\"d\">{}</desc>", escape(&super::text::draw(tree, root)));
    let _ = writeln!(out, "{STYLE}<rect width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"#fffdf8\"/>");
    let _ = writeln!(out, "<text x=\"{SIDE}\" y=\"32\" class=\"b\">{title}</text>");
    out + &drawing.body + "</svg>\n"
}

/// A leaf in its place: left and right side, and top.
struct Leaf<'s> {
    sketch: &'s Sketch,
    left: usize,
    right: usize,
    top: usize,
}

/// What is drawn so far.
struct Drawing<'s> {
    body: String,
    /// The leaves from left to right.
    leaves: Vec<Leaf<'s>>,
    has_wrong_link: bool,
}

impl<'s> Drawing<'s> {
    /// Draws a node and all below it, in the space that starts at `x`. Returns where its middle is.
    fn subtree(&mut self, sketch: &'s Sketch, x: usize, y: usize) -> usize {
        let (cells, class) = cells(sketch);
        let width = cells_width(&cells);
        let mut tops = Vec::new();
        let mut child_x = x + subtree_width(sketch).saturating_sub(children_width(sketch)) / 2;
        for child in &sketch.children {
            tops.push(self.subtree(child, child_x, y + LEVEL_HEIGHT));
            child_x += subtree_width(child) + GAP;
        }
        if sketch.hidden() > 0 {
            let (x, y) = (child_x, y + LEVEL_HEIGHT + NODE_HEIGHT / 2 + 5);
            let _ =
                writeln!(self.body, "<text x=\"{x}\" y=\"{y}\" class=\"s\">{} more</text>", sketch.hidden());
        }
        let middle = match (tops.first(), tops.last()) {
            (Some(first), Some(last)) => ((first + last) / 2).max(x + width / 2),
            _ => x + subtree_width(sketch) / 2,
        };
        self.node(sketch, &cells, class, middle - width / 2, y);
        let is_above_leaves = sketch.node.as_ref().is_ok_and(|node| node.level() == 1);
        self.lines_down(&cells, &tops, (middle - width / 2, y + NODE_HEIGHT), is_above_leaves);
        middle
    }

    /// Draws the cells of a node, and what it is above them.
    fn node(&mut self, sketch: &'s Sketch, cells: &[String], class: &str, left: usize, y: usize) {
        let label = match &sketch.node {
            Ok(node) => format!("{} · {} %", sketch.page, fill_percent(node)),
            Err(_) => sketch.page.to_string(),
        };
        // Lines come to an internal node from above and leave it below; a leaf has room below.
        let label_y = if class == "internal" { y - 7 } else { y + NODE_HEIGHT + 17 };
        let _ = writeln!(self.body, "<text x=\"{left}\" y=\"{label_y}\" class=\"s\">{label}</text>");
        let mut x = left;
        for cell in cells {
            let (width, middle, baseline) = (cell_width(cell), x + cell_width(cell) / 2, y + 21);
            let rect =
                format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{NODE_HEIGHT}\" rx=\"2\"");
            let _ = writeln!(self.body, "{rect} class=\"{class}\"/>");
            let text = format!("<text x=\"{middle}\" y=\"{baseline}\" class=\"c\">{}</text>", escape(cell));
            self.body += &text;
            self.body.push('\n');
            x += width;
        }
        if class != "internal" {
            self.leaves.push(Leaf { sketch, left, right: x, top: y });
        }
    }

    /// Draws a line from each border between two cells to the child there. Cells that were left out have no
    /// border: their children hang from the middle of the cell that stands for them.
    fn lines_down(
        &mut self,
        cells: &[String],
        tops: &[usize],
        (left, y): (usize, usize),
        is_above_leaves: bool,
    ) {
        let mut borders = vec![left];
        for cell in cells {
            borders.push(borders[borders.len() - 1] + cell_width(cell));
        }
        let left_out = (tops.len()).saturating_sub(borders.len());
        for (index, top) in tops.iter().enumerate() {
            let border = match index {
                _ if left_out == 0 || index <= SHOWN.0 => borders[index.min(borders.len() - 1)],
                _ if index > SHOWN.0 + left_out => borders[index - left_out],
                _ => (borders[SHOWN.0] + borders[SHOWN.0 + 1]) / 2,
            };
            let to = y + LEVEL_HEIGHT - NODE_HEIGHT - if is_above_leaves { 0 } else { 24 };
            let line = format!("<path d=\"M{border} {y} L{top} {to}\" fill=\"none\" class=\"down\"/>");
            self.body += &line;
            self.body.push('\n');
        }
    }

    /// Draws the links between leaves as they are stored: an arrow head for each that leads to the leaf
    /// beside it.
    fn links(&mut self) {
        for (index, leaf) in self.leaves.iter().enumerate() {
            let Ok(node) = &leaf.sketch.node else { continue };
            let page = |leaf: Option<&Leaf<'_>>| leaf.map_or(PageId::NONE, |leaf| leaf.sketch.page);
            let right = self.leaves.get(index + 1);
            let left = index.checked_sub(1).and_then(|left| self.leaves.get(left));
            if let Some(right) = right {
                let is_back =
                    right.sketch.node.as_ref().is_ok_and(|right| right.previous() == leaf.sketch.page);
                let is_forth = node.next() == right.sketch.page;
                let head =
                    |is_there, name| if is_there { format!(" {name}=\"url(#a)\"") } else { String::new() };
                let heads = head(is_forth, "marker-end") + &head(is_back, "marker-start");
                let (from, to, y) = (leaf.right + 2, right.left - 2, leaf.top + NODE_HEIGHT / 2);
                let line = format!("<path d=\"M{from} {y} H{to}\" fill=\"none\" class=\"link\"{heads}/>\n");
                self.body += if is_forth || is_back { &line } else { "" };
            }
            // Beyond the last leaf that is drawn there may be others.
            let is_lost = right.is_some() && node.next() != page(right);
            let wrong = [
                ("previous", node.previous(), node.previous() != page(left)),
                ("next", node.next(), is_lost),
            ];
            for (row, (name, link, is_wrong)) in wrong.into_iter().enumerate() {
                if is_wrong {
                    self.has_wrong_link = true;
                    let y = leaf.top + NODE_HEIGHT + 34 + 16 * row;
                    let text =
                        format!("<text x=\"{}\" y=\"{y}\" class=\"e\">{name}: {link}</text>\n", leaf.left);
                    self.body += &text;
                }
            }
        }
    }
}

/// What stands in the cells of a node, and how they look.
fn cells(sketch: &Sketch) -> (Vec<String>, &'static str) {
    let Ok(node) = &sketch.node else { return (vec!["damaged".to_string()], "broken") };
    let first = usize::from(!node.is_leaf());
    let all: Vec<String> = (first..node.len()).map(|index| cell(node, index)).collect();
    let (front, back) = SHOWN;
    let shown = if all.len() > front + back + 1 {
        let middle = format!("{} more", all.len() - front - back);
        [&all[..front], &[middle], &all[all.len() - back..]].concat()
    } else if all.is_empty() {
        vec![String::new()]
    } else {
        all
    };
    (shown, if node.is_leaf() { "leaf" } else { "internal" })
}

/// The key of an entry, without quotes.
fn cell(node: &NodeRef<Box<PageBuf>>, index: usize) -> String {
    match node.entry(index) {
        Ok(entry) => key_text(entry.key, KEY_CHARS).replace('"', ""),
        Err(_) => "damaged".to_string(),
    }
}

/// Width of a cell with this text.
fn cell_width(text: &str) -> usize {
    (text.chars().count() * CHAR_WIDTH + 12).max(CELL_WIDTH)
}

/// Width of a node.
fn cells_width(cells: &[String]) -> usize {
    cells.iter().map(|cell| cell_width(cell)).sum()
}

/// Width of the children of a node side by side.
fn children_width(sketch: &Sketch) -> usize {
    let more = if sketch.hidden() > 0 { CELL_WIDTH * 3 } else { 0 };
    let children: usize = sketch.children.iter().map(|child| subtree_width(child) + GAP).sum();
    (children + more).saturating_sub(if more == 0 { GAP } else { 0 })
}

/// Width of a node and all below it; the line above the cells has room too.
fn subtree_width(sketch: &Sketch) -> usize {
    let label = 13 * CHAR_WIDTH;
    cells_width(&cells(sketch).0).max(label).max(children_width(sketch))
}

/// Text as it may stand in SVG.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
