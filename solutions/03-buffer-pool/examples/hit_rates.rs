//! Hit rates of four replacement rules over pools of several sizes. Needs labs 1 and 2 only, nothing of lab
//! 3.
//!
//! ```sh
//! cargo run --release -p buffer-pool --example hit_rates              # the table
//! cargo run --release -p buffer-pool --example hit_rates -- FILE.svg  # and the drawing
//! ```
//!
//! Every trace comes from a fixed seed, so the figures are the same on every machine.
//!
//! | rule | which page leaves |
//! | --- | --- |
//! | LRU | the page used longest ago |
//! | LRU-2 | the page whose second last use lies furthest back, infinitely far if there is none |
//! | clock | the first page the hand finds that was not used since it last came by |
//! | optimum | the page whose next use is furthest ahead (Belady 1966): a bound, it needs the future |

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use structures::{LruCache, LruK};

/// Pages of the file.
const PAGES: u32 = 2_000;
/// Requests of a trace.
const REQUESTS: usize = 100_000;
/// Pool sizes, in percent of the pages.
const SIZES: [usize; 8] = [1, 2, 5, 10, 20, 40, 60, 80];
/// Seed of everything random.
const SEED: u64 = 0x5eed;

fn main() {
    let traces: Vec<(&str, Vec<u32>)> = vec![
        ("zipfian", zipfian()),
        ("zipfian and scans", zipfian_and_scans()),
        ("loop over 60 % of the pages", (0..REQUESTS).map(|at| at as u32 % (PAGES * 6 / 10)).collect()),
    ];
    let mut panels = Vec::new();
    for (name, trace) in &traces {
        println!("{name}: hits in percent of {REQUESTS} requests for {PAGES} pages");
        println!("  pool   LRU  LRU-2  clock  optimum");
        let rows: Vec<[f64; 4]> =
            SIZES.iter().map(|percent| rates(trace, percent * PAGES as usize / 100)).collect();
        for (percent, [lru, lru_2, clock, optimum]) in SIZES.iter().zip(&rows) {
            println!("  {percent:>3} %{lru:>6.1}{lru_2:>7.1}{clock:>7.1}{optimum:>9.1}");
        }
        println!();
        panels.push((*name, rows));
    }
    if let Some(path) = std::env::args().nth(1) {
        match std::fs::write(&path, draw(&panels)) {
            Ok(()) => println!("drawn in {path}"),
            Err(error) => eprintln!("cannot write {path}: {error}"),
        }
    }
}

/// Hit rates in percent: LRU, LRU-2, clock, optimum.
fn rates(trace: &[u32], frames: usize) -> [f64; 4] {
    let hits = [lru(trace, frames), lru_2(trace, frames), clock(trace, frames), optimum(trace, frames)];
    hits.map(|hits| 100.0 * hits as f64 / trace.len() as f64)
}

fn lru(trace: &[u32], frames: usize) -> usize {
    let mut cache = LruCache::new(frames);
    let mut hits = 0;
    for &page in trace {
        if cache.get(&page).is_some() {
            hits += 1;
        } else {
            cache.put(page, ()).expect("nothing is pinned");
        }
    }
    hits
}

/// As the pool does it: a page that left is forgotten, and a page that comes begins with one use.
fn lru_2(trace: &[u32], frames: usize) -> usize {
    let mut replacer = LruK::new(2).expect("2 is not 0");
    let mut frame_of = HashMap::new();
    let mut page_in: Vec<u32> = Vec::new();
    let mut hits = 0;
    for &page in trace {
        let frame = match frame_of.get(&page) {
            Some(&frame) => {
                hits += 1;
                frame
            }
            None if page_in.len() < frames => {
                page_in.push(page);
                page_in.len() - 1
            }
            None => {
                let frame = replacer.evict().expect("nothing is pinned");
                frame_of.remove(&page_in[frame]);
                page_in[frame] = page;
                frame
            }
        };
        frame_of.insert(page, frame);
        replacer.record_access(frame);
        replacer.set_evictable(frame, true).expect("it was just accessed");
    }
    hits
}

fn clock(trace: &[u32], frames: usize) -> usize {
    let mut frame_of = HashMap::new();
    let mut ring: Vec<(u32, bool)> = Vec::new();
    let (mut hand, mut hits) = (0, 0);
    for &page in trace {
        if let Some(&frame) = frame_of.get(&page) {
            let (_, is_used): &mut (u32, bool) = &mut ring[frame];
            *is_used = true;
            hits += 1;
        } else if ring.len() < frames {
            frame_of.insert(page, ring.len());
            ring.push((page, true));
        } else {
            while ring[hand].1 {
                ring[hand].1 = false;
                hand = (hand + 1) % frames;
            }
            frame_of.remove(&ring[hand].0);
            frame_of.insert(page, hand);
            ring[hand] = (page, true);
            hand = (hand + 1) % frames;
        }
    }
    hits
}

fn optimum(trace: &[u32], frames: usize) -> usize {
    // For each request, when its page is asked for next.
    let mut next_use = vec![usize::MAX; trace.len()];
    let mut seen = HashMap::new();
    for (at, page) in trace.iter().enumerate().rev() {
        next_use[at] = seen.insert(page, at).unwrap_or(usize::MAX);
    }
    let mut resident = HashMap::new();
    let mut by_next: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut hits = 0;
    for (at, &page) in trace.iter().enumerate() {
        if let Some(was) = resident.insert(page, next_use[at]) {
            by_next.remove(&(was, page));
            hits += 1;
        } else if resident.len() > frames {
            let (_, victim) = by_next.pop_last().expect("the pool is full");
            resident.remove(&victim);
        }
        by_next.insert((next_use[at], page));
    }
    hits
}

/// Requests of which a few pages get most: page of rank r with a weight of 1 / r, ranks spread over the file.
fn zipfian() -> Vec<u32> {
    let mut sums = Vec::new();
    let mut sum = 0.0;
    for rank in 1..=PAGES {
        sum += 1.0 / f64::from(rank);
        sums.push(sum);
    }
    let mut random = Random(SEED);
    let draw = |_| {
        let at = random.next_f64() * sum;
        let rank = sums.partition_point(|&until| until < at).min(PAGES as usize - 1) as u32;
        rank * 7 % PAGES
    };
    (0..REQUESTS).map(draw).collect()
}

/// The same, and after each 4,000 requests a scan of all pages.
fn zipfian_and_scans() -> Vec<u32> {
    let mut trace = Vec::new();
    for part in zipfian().chunks(4_000) {
        trace.extend(part);
        trace.extend(0..PAGES);
    }
    trace.truncate(REQUESTS);
    trace
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    /// From 0 up to 1.
    fn next_f64(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ bits >> 31) as f64 / u64::MAX as f64
    }
}

/// The rules as they are drawn: name, colour, dashes.
const LINES: [(&str, &str, &str); 4] = [
    ("LRU", "#b5442e", "6 4"),
    ("LRU-2", "#2f6ca8", ""),
    ("clock", "#6a4fa0", "2 4"),
    ("optimum", "#22303c", "12 4"),
];

/// The traces side by side, pool size to the right, hit rate upwards.
fn draw(panels: &[(&str, Vec<[f64; 4]>)]) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 380\" role=\"img\" aria-labelledby=\"t d\">\n\
         <title id=\"t\">Hit rates of four replacement rules</title>\n\
         <desc id=\"d\">Hit rate over pool size for LRU, LRU-2, clock and the optimum, on three traces.</desc>\n\
         <style>text { font-family: \"DejaVu Sans\", Verdana, Arial, sans-serif; font-size: 14px; fill: #22303c } \
         .s { font-size: 12.5px; fill: #5b6b78 } .b { font-weight: bold } .c { text-anchor: middle } \
         .r { text-anchor: end } path { fill: none; stroke-width: 2.2 }</style>\n\
         <rect width=\"960\" height=\"380\" rx=\"10\" fill=\"#fffdf8\"/>\n",
    );
    for (index, (name, rows)) in panels.iter().enumerate() {
        panel(&mut svg, 60 + 305 * index, name, rows);
    }
    for (index, (name, colour, dashes)) in LINES.iter().enumerate() {
        let left = 200 + 150 * index;
        let _ = writeln!(
            svg,
            "<path d=\"M{left} 356 h40\" stroke=\"{colour}\" stroke-dasharray=\"{dashes}\"/><text x=\"{}\" y=\"361\">{name}</text>",
            left + 48
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// One trace in a box of 260 by 230 at `left`. Pool sizes are an equal step apart.
fn panel(svg: &mut String, left: usize, name: &str, rows: &[[f64; 4]]) {
    let x = |step: usize| left as f64 + 260.0 * step as f64 / (SIZES.len() - 1) as f64;
    let y = |rate: f64| 290.0 - 230.0 * rate / 100.0;
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"40\" class=\"b\">{name}</text>");
    for rate in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let at = y(rate);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {at} h260\" stroke=\"#d9dee2\" style=\"stroke-width:1\"/><text x=\"{}\" y=\"{}\" class=\"s r\">{rate}</text>",
            left - 6,
            at + 4.0
        );
    }
    for (step, percent) in SIZES.iter().enumerate() {
        let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"308\" class=\"s c\">{percent}</text>", x(step));
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"328\" class=\"s c\">hits in %, over frames in % of the pages</text>",
        left + 130
    );
    for (line, (_, colour, dashes)) in LINES.iter().enumerate() {
        let points: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(step, row)| format!("{:.1} {:.1}", x(step), y(row[line])))
            .collect();
        let _ = writeln!(
            svg,
            "<path d=\"M{}\" stroke=\"{colour}\" stroke-dasharray=\"{dashes}\"/>",
            points.join(" L")
        );
    }
}
