//! A history as an SVG drawing: a lane for each transaction, time to the right, an arrow for each dependency.
//!
//! ```text
//!            begins   reads x            writes y    commits
//!        T1  |--------o--------------------#----------|
//!                       \  rw x          ^
//!                         v            /  rw y
//!        T2       |--------#---------o-----------|
//!              begins   writes x  reads y     commits
//! ```
//!
//! A mark's shape says what the step is: a circle is a read, a square a write, a diamond a scan, a bar an
//! end. Each step has a column as wide as its text, so texts never overlap. The texts of the first lane stand
//! above it and those of the others below, and arrows lie under texts: so they hide none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::check::Finding;
use super::graph::Dependency;
use super::model::{Event, History, Txn};
use super::story::{shown_steps, words};

/// Width of a character of a step's text.
const CHAR_WIDTH: usize = 7;
/// Narrowest column of a step, and the room between two texts.
const COLUMN: usize = 44;
const GAP: usize = 14;
/// From the top to the first lane, and from lane to lane.
const TOP: usize = 92;
const LANE: usize = 96;
/// From the left side to the first column.
const LEFT: usize = 92;
/// Longest text of a step, in characters.
const MAX_CHARS: usize = 30;
/// Most steps in a drawing.
const MAX_STEPS: usize = 60;

const STYLE: &str = r##"<style>
text { font-family: "DejaVu Sans", Verdana, Arial, sans-serif; font-size: 14px; fill: #22303c }
.s { font-size: 12px; fill: #22303c }
.n { font-size: 11px; fill: #5b6b78 }
.b { font-weight: bold; font-size: 15px }
.c { text-anchor: middle }
.lane { stroke: #8a99a6; stroke-width: 1.8 }
.lost { stroke: #8a99a6; stroke-width: 1.8; stroke-dasharray: 5 5 }
.read { fill: #d9e8f7; stroke: #2f6ca8; stroke-width: 1.8 }
.write { fill: #fbe8c3; stroke: #a9741a; stroke-width: 1.8 }
.end { fill: #22303c }
.edge { fill: none; stroke: #b0483f; stroke-width: 2 }
.e { font-size: 13px; font-weight: bold; fill: #b0483f }
.halo { paint-order: stroke; stroke: #fffdf8; stroke-width: 8px }
</style>
<defs>
<marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#b0483f"/></marker>
</defs>
"##;

/// Where everything is.
struct Layout {
    /// The steps that are drawn, and the middle of each one's column.
    middles: BTreeMap<usize, usize>,
    /// The transactions and the height of their lanes.
    lanes: BTreeMap<Txn, usize>,
    width: usize,
    height: usize,
}

/// Draws the transactions of a finding, or the whole history if there is no finding.
pub(super) fn draw(history: &History, finding: Option<&Finding>) -> String {
    let steps: Vec<usize> = match finding {
        Some(finding) => shown_steps(history, finding),
        None => (0..history.steps().len()).collect(),
    };
    let left_out = steps.len().saturating_sub(MAX_STEPS);
    let steps = &steps[..steps.len() - left_out];
    let values = history.values();
    let texts: BTreeMap<usize, String> =
        steps.iter().map(|at| (*at, cut(words(&history.steps()[*at], &values)))).collect();
    let mut title = finding.map_or("A history".to_string(), |finding| finding.anomaly.to_string());
    if left_out > 0 {
        let _ = write!(title, " ({left_out} later steps left out)");
    }
    let layout = Layout::new(history, &texts, &title);
    let Layout { width, height, .. } = layout;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"t d\">\n"
    );
    let described =
        finding.map_or_else(|| history.to_string(), |finding| super::story::story(history, finding));
    let _ = writeln!(out, "<title id=\"t\">{}</title>", escape(&title));
    let _ = writeln!(out, "<desc id=\"d\">{}</desc>", escape(&described));
    let _ = writeln!(out, "{STYLE}<rect width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"#fffdf8\"/>");
    let _ = writeln!(out, "<text x=\"24\" y=\"34\" class=\"b\">{}</text>", escape(&title));
    let edges = finding.map_or(&[][..], |finding| &finding.cycle);
    layout.draw_lanes(history, &mut out);
    let labels: Vec<String> = edges.iter().filter_map(|edge| layout.draw_edge(edge, &mut out)).collect();
    for (at, text) in &texts {
        layout.draw_step(history, *at, text, &mut out);
    }
    out + &labels.concat() + "</svg>\n"
}

impl History {
    /// The history as a drawing: a lane for each transaction, time to the right.
    pub fn svg(&self) -> String {
        draw(self, None)
    }
}

impl Layout {
    fn new(history: &History, texts: &BTreeMap<usize, String>, title: &str) -> Layout {
        let mut lanes = BTreeMap::new();
        for at in texts.keys() {
            lanes.insert(history.steps()[*at].txn, 0);
        }
        for (number, y) in lanes.values_mut().enumerate() {
            *y = TOP + number * LANE;
        }
        let mut middles = BTreeMap::new();
        // Texts of one lane must not overlap; those of different lanes may stand above each other.
        let mut free_from: BTreeMap<Txn, usize> = BTreeMap::new();
        let mut last = LEFT;
        for (at, text) in texts {
            let txn = history.steps()[*at].txn;
            let half = text.chars().count() * CHAR_WIDTH / 2;
            let free = free_from.get(&txn).copied().unwrap_or(LEFT);
            let middle = (last + COLUMN).max(free + half);
            middles.insert(*at, middle);
            free_from.insert(txn, middle + half + GAP);
            last = middle;
        }
        let right = free_from.values().copied().max().unwrap_or(LEFT).max(last + COLUMN);
        let width = (right + 24).max(title.chars().count() * 9 + 48);
        Layout { middles, height: TOP + lanes.len().saturating_sub(1) * LANE + 58, lanes, width }
    }

    /// A line for each transaction from its first step to its last; dashed if it was not committed.
    fn draw_lanes(&self, history: &History, out: &mut String) {
        for (txn, y) in &self.lanes {
            let own: Vec<usize> = self.steps_of(history, *txn).collect();
            let is_lost = history
                .steps()
                .iter()
                .all(|step| step.txn != *txn || !matches!(step.event, Event::Commit | Event::CommitUnknown));
            let class = if is_lost { "lost" } else { "lane" };
            let (x1, x2) = (own[0], own[own.len() - 1]);
            let _ = writeln!(out, "<line x1=\"{x1}\" y1=\"{y}\" x2=\"{x2}\" y2=\"{y}\" class=\"{class}\"/>");
            let _ = writeln!(out, "<text x=\"24\" y=\"{}\" class=\"b\">{txn}</text>", y + 5);
        }
    }

    fn steps_of<'h>(&'h self, history: &'h History, txn: Txn) -> impl Iterator<Item = usize> + 'h {
        self.middles.iter().filter(move |(at, _)| history.steps()[**at].txn == txn).map(|(_, x)| *x)
    }

    fn draw_step(&self, history: &History, at: usize, text: &str, out: &mut String) {
        let step = &history.steps()[at];
        let (x, y) = (self.middles[&at], self.lanes[&step.txn]);
        let mark = match &step.event {
            Event::Read(..) => format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"8\" class=\"read\"/>"),
            Event::Scan(..) => format!(
                "<path d=\"M{} {y} {x} {} {} {y} {x} {}z\" class=\"read\"/>",
                x - 10,
                y - 10,
                x + 10,
                y + 10
            ),
            Event::Write(..) => {
                format!("<rect x=\"{}\" y=\"{}\" width=\"16\" height=\"16\" class=\"write\"/>", x - 8, y - 8)
            }
            Event::Begin | Event::Commit | Event::Abort | Event::CommitUnknown => {
                format!("<rect x=\"{}\" y=\"{}\" width=\"4\" height=\"20\" class=\"end\"/>", x - 2, y - 10)
            }
            Event::Note(_) => String::new(),
        };
        let _ = writeln!(out, "{mark}");
        let (text_y, number_y) = if y == TOP { (y - 18, y - 34) } else { (y + 27, y + 43) };
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{text_y}\" class=\"s c halo\">{}</text>", escape(text));
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{number_y}\" class=\"n c\">{}</text>", at + 1);
    }

    /// An arrow from the operation that must come first to the one that must come later. Returns its label,
    /// to be drawn over everything else; `None` if one of the operations is left out.
    fn draw_edge(&self, edge: &Dependency, out: &mut String) -> Option<String> {
        let (x1, x2) = (self.middles.get(&edge.from_step)?, self.middles.get(&edge.to_step)?);
        let (x1, x2) = (*x1 as i64, *x2 as i64);
        let (y1, y2) = (self.lanes[&edge.from] as i64, self.lanes[&edge.to] as i64);
        // The arrow starts and ends at the marks' borders and bends to the side, so that two arrows between
        // the same steps lie apart.
        let down = if y2 > y1 { 1 } else { -1 };
        let (y1, y2) = (y1 + 11 * down, y2 - 12 * down);
        let bend = 26 * down;
        let (cx, cy) = ((x1 + x2) / 2 + bend, (y1 + y2) / 2);
        let _ = writeln!(
            out,
            "<path d=\"M{x1} {y1}Q{cx} {cy} {x2} {y2}\" class=\"edge\" marker-end=\"url(#a)\"/>"
        );
        let predicate = if edge.is_predicate { " (predicate)" } else { "" };
        let label = format!("{} {}{predicate}", edge.kind, edge.item);
        // On the curve, a quarter of the way from its start: two arrows that cross have their labels apart.
        let (lx, ly) = ((9 * x1 + 6 * cx + x2) / 16, (9 * y1 + 6 * cy + y2) / 16);
        Some(format!("<text x=\"{lx}\" y=\"{}\" class=\"e c halo\">{}</text>\n", ly + 4, escape(&label)))
    }
}

fn cut(text: String) -> String {
    if text.chars().count() <= MAX_CHARS {
        return text;
    }
    text.chars().take(MAX_CHARS - 3).chain("...".chars()).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
