//! Ours beside what people use, for the tables in the handouts.
//!
//! ```text
//!   Peers::new("Hash map of 1M u64")
//!       .row("insert", || Box::new(move || ...))
//!       .against("std", || Box::new(move || ...))
//!       .against("hashbrown", || Box::new(move || ...))
//!       .row("get", ...)
//!       .print();
//! ```
//!
//! Each cell is the ratio of our time to the peer's, measured in pairs as a gate is (below 1 means that ours
//! is faster). The first line names the machine, because absolute times mean nothing without it.

use grader_protocol::Value;

use super::measure::{Config, Pairs};
use super::{Clock, Digest, Kind, Round, Workload};

/// Builds a round: untimed state, then the work that is timed.
type Setup = Box<dyn Fn() -> Round>;

/// A round of work whose results are not compared: a table grades nobody.
fn unchecked<R: FnMut() + 'static>(setup: impl Fn() -> Box<R> + 'static) -> Setup {
    Box::new(move || {
        let mut round = setup();
        Box::new(move || {
            round();
            Digest::of(0)
        })
    })
}

/// A table of comparisons, built row by row and printed at the end.
pub struct Peers {
    title: String,
    clock: Clock,
    config: Config,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    ours: Setup,
    clock: Clock,
    peers: Vec<(String, Setup)>,
}

impl Peers {
    /// An empty table.
    pub fn new(title: &str) -> Self {
        let config = Config { pairs: 21, workload_seconds: 60.0, ..Config::default() };
        Peers { title: title.to_string(), clock: Clock::Thread, config, rows: Vec::new() }
    }

    /// Rows from here on start threads: processor time of the whole process counts.
    pub fn threads(mut self) -> Self {
        self.clock = Clock::Process;
        self
    }

    /// Pairs a cell; 21 if not set.
    pub fn pairs(mut self, pairs: u32) -> Self {
        self.config.pairs = pairs.max(3);
        self
    }

    /// A new row with our side. `setup` builds the state, untimed, and returns the round.
    pub fn row<R: FnMut() + 'static>(mut self, name: &str, setup: impl Fn() -> Box<R> + 'static) -> Self {
        let ours = unchecked(setup);
        self.rows.push(Row { name: name.to_string(), ours, clock: self.clock, peers: Vec::new() });
        self
    }

    /// A peer of the last row, doing the same work.
    ///
    /// # Panics
    ///
    /// Without a row before it.
    pub fn against<R: FnMut() + 'static>(mut self, peer: &str, setup: impl Fn() -> Box<R> + 'static) -> Self {
        let theirs = unchecked(setup);
        let row = self.rows.last_mut().expect("a row comes before its peers");
        row.peers.push((peer.to_string(), theirs));
        self
    }

    /// Measures everything and prints the table.
    pub fn print(self) {
        println!("{}", machine());
        println!("{} (ratio of processor time, ours / peer; 95 % interval)", self.title);
        let mut lines =
            vec![["work", "ours", "peer", "peer's", "ratio", "95 %"].map(str::to_string).to_vec()];
        for row in &self.rows {
            for (peer, theirs) in &row.peers {
                let pairs = Pairs::of_peers((row.ours)(), theirs(), row.clock, &self.config);
                lines.push(line(&row.name, peer, pairs.run(&self.config, None)));
            }
        }
        print!("{}", aligned(&lines));
    }
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peers").field("title", &self.title).field("rows", &self.rows.len()).finish()
    }
}

/// A row of [`compare`]: its name, our side, and each peer with its name.
pub type Beside<'a> = (&'a str, Workload, Vec<(&'a str, Workload)>);

/// As [`Peers`], from workloads that exist already: name, ours, and the peers by name.
///
/// # Panics
///
/// If a workload is counted: counts are compared by looking at them.
pub fn compare(rows: Vec<Beside<'_>>) {
    let mut peers = Peers::new("Ours beside others");
    for (name, ours, others) in rows {
        let (ours, clock) = timed(ours);
        let theirs =
            others.into_iter().map(|(peer, workload)| (peer.to_string(), timed(workload).0)).collect();
        peers.rows.push(Row { name: name.to_string(), ours, clock, peers: theirs });
    }
    peers.print();
}

fn timed(workload: Workload) -> (Setup, Clock) {
    match workload.kind {
        Kind::Timed { setup, clock } => (setup, clock),
        Kind::Counted(_) => panic!("{} is counted, not timed", workload.id),
    }
}

fn line(name: &str, peer: &str, value: Result<Value, String>) -> Vec<String> {
    let (median, low, high, learner_ns, reference_ns) = match value {
        Ok(Value::Ratio { median, low, high, learner_ns, reference_ns, .. }) => {
            (median, low, high, learner_ns, reference_ns)
        }
        Ok(_) => return vec![name.to_string(), "no ratio".to_string()],
        Err(why) => return vec![name.to_string(), format!("against {peer}: {why}")],
    };
    vec![
        name.to_string(),
        duration(learner_ns),
        peer.to_string(),
        duration(reference_ns),
        format!("{median:.2}"),
        format!("{low:.2} to {high:.2}"),
    ]
}

/// Processor model and number of cores.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    let model = model.unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH));
    format!("{model}, {cores} cores")
}

/// Nanoseconds with a readable unit.
pub(super) fn duration(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// Columns of equal width, the first on the left, the others on the right.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        // A row that is cut short holds a message, which may be long.
        let cells = rows.iter().filter(|row| row.len() == columns).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut text = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            text.push_str(&if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") });
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}
