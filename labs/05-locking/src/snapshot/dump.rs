//! The versions as a person reads them: [`dump_versions`]. Given.
//!
//! ```text
//!   newest commit @7
//!   snapshot @3, 1 reader, keeps "a"@2
//!   snapshot @7, 2 readers
//!   "a"  @2 "10"  @7 deleted
//!   "b"  @1 "20"
//! ```

use std::fmt::Write as _;

use super::VersionedMap;
use super::chain::Version;
use super::error::Shown;

/// Most keys, and most versions of a key, that are shown.
const SHOWN: usize = 30;

/// The live snapshots and the chains as text, a line each.
pub fn dump_versions(map: &VersionedMap) -> String {
    let state = map.state.lock();
    let mut text = format!("newest commit {}\n", state.newest);
    for (snapshot, live) in &state.live {
        let readers = if live.readers == 1 { "reader" } else { "readers" };
        let _ = write!(text, "snapshot {snapshot}, {} {readers}", live.readers);
        for (number, kept) in live.kept.iter().take(SHOWN).enumerate() {
            let before = if number == 0 { ", keeps" } else { "," };
            let what = if kept.since < kept.version { " (deleted)" } else { "" };
            let _ = write!(text, "{before} {}{}{what}", Shown(&kept.key), kept.version);
        }
        text.push_str(&more(live.kept.len()));
        text.push('\n');
    }
    for (key, chain) in state.chains.iter().take(SHOWN) {
        let _ = write!(text, "{}", Shown(key));
        for Version { at, value } in chain.versions().iter().take(SHOWN) {
            match value {
                Some(value) => drop(write!(text, "  {at} {}", Shown(value))),
                None => drop(write!(text, "  {at} deleted")),
            }
        }
        text.push_str(&more(chain.versions().len()));
        text.push('\n');
    }
    if state.chains.len() > SHOWN {
        let _ = writeln!(text, "and {} keys more", state.chains.len() - SHOWN);
    }
    text
}

/// How many of `count` were left out.
fn more(count: usize) -> String {
    if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() }
}
