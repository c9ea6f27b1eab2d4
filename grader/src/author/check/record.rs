//! The record of a lab: what was proven, and on which contents. Kept in the repository as `proven.toml`
//! beside `lab.toml`.
//!
//! ```toml
//! [proven]
//! "mutant pool-lru-1" = { own = "2f..", below = "90..", seal = "77.." }
//! "gates" = { own = "2f..", below = "90..", ratios = { "pool-hit" = 1.02 }, seal = "1b.." }
//! ```
//!
//! - R1: an entry is written only after its step ran without a problem on the contents of its keys.
//! - R2: the seal is a digest of the lab, the name and the rest of the entry, so an entry that was changed by
//!   hand or copied to another name is noticed. It is no signature: whoever wants to cheat can run this code.
//!   That is found by what runs again anyway, everything that changed and a sample of the rest.
//! - R3: each entry is a line of its own and sealed by itself. Two branches that proved different things
//!   merge; where both changed a lab, no entry has the keys of the merged lab, and so it is stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::keys::{Content, Keys};
use crate::catalog::Lab;

/// The file, beside `lab.toml`.
pub(super) const FILE: &str = "proven.toml";

const HEAD: &str = "\
# What the author's check has proven of this lab, and on which contents. Written by
#   cargo grade author check --record
# and sealed line by line: do not edit. CONTRIBUTING.md says what it is for.
";

/// What one step proved.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    own: String,
    below: String,
    seal: String,
    /// The ratios it measured, by gate.
    #[serde(default)]
    pub(super) ratios: BTreeMap<String, f64>,
}

/// How an entry stands to the contents of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Both keys agree.
    Current,
    /// Something that the lab stands on has changed since.
    Moved,
    /// The lab itself has changed since.
    Stale,
    /// There is no entry.
    Missing,
    /// The seal does not fit the entry.
    Edited,
}

impl State {
    /// Whether the lab as it is has been proven, on whatever it stood.
    pub(super) fn is_proven(self) -> bool {
        matches!(self, State::Current | State::Moved)
    }
}

/// The entries of a lab.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Record {
    lab: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordFile {
    proven: BTreeMap<String, Entry>,
}

impl Record {
    /// The record of `lab`; an empty one if there is no file.
    pub(super) fn read(lab: &Lab) -> Result<Self> {
        let path = path(lab);
        if !path.is_file() {
            return Ok(Self { lab: lab.id.clone(), ..Self::default() });
        }
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(lab, &text).with_context(|| format!("read {}", path.display()))
    }

    /// Reads the text of a record. Conflict marks of a merge are an error.
    pub(super) fn parse(lab: &Lab, text: &str) -> Result<Self> {
        let file: RecordFile = toml::from_str(text)?;
        Ok(Self { lab: lab.id.clone(), entries: file.proven })
    }

    /// Writes it at once and whole, so that an interrupted run leaves the last state.
    pub(super) fn write(&self, lab: &Lab) -> Result<()> {
        let path = path(lab);
        let new = path.with_extension("toml.new");
        fs::write(&new, self.text()).with_context(|| format!("write {}", new.display()))?;
        fs::rename(&new, &path).with_context(|| format!("write {}", path.display()))
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}\n[proven]\n");
        for (name, Entry { own, below, seal, ratios }) in &self.entries {
            let ratios = match ratios.is_empty() {
                true => String::new(),
                false => format!("ratios = {{ {} }}, ", listed(ratios)),
            };
            let line =
                format!("{name:?} = {{ own = {own:?}, below = {below:?}, {ratios}seal = {seal:?} }}\n");
            text.push_str(&line);
        }
        text
    }

    /// Enters what the step called `name` proved.
    pub(super) fn enter(&mut self, name: &str, keys: Keys, ratios: BTreeMap<String, f64>) {
        let mut entry = Entry { own: keys.own, below: keys.below, seal: String::new(), ratios };
        entry.seal = self.seal(name, &entry);
        self.entries.insert(name.to_owned(), entry);
    }

    /// How the entry called `name` stands to `keys`.
    pub(super) fn state(&self, name: &str, keys: &Keys) -> State {
        match self.entries.get(name) {
            None => State::Missing,
            Some(entry) if entry.seal != self.seal(name, entry) => State::Edited,
            Some(entry) if entry.own != keys.own => State::Stale,
            Some(entry) if entry.below != keys.below => State::Moved,
            Some(_) => State::Current,
        }
    }

    /// The names of all entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The entry called `name`.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Takes out every entry but those that `keep` names.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.entries.retain(|name, _| keep(name));
    }

    fn seal(&self, name: &str, entry: &Entry) -> String {
        let mut content = Content::new();
        content.text("lab", &self.lab);
        content.text("name", name);
        content.text("own", &entry.own);
        content.text("below", &entry.below);
        content.text("ratios", &listed(&entry.ratios));
        content.key()
    }
}

fn listed(ratios: &BTreeMap<String, f64>) -> String {
    ratios.iter().map(|(gate, ratio)| format!("{gate:?} = {ratio:?}")).collect::<Vec<_>>().join(", ")
}

fn path(lab: &Lab) -> PathBuf {
    lab.suite_dir.join(FILE)
}
