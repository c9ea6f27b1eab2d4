//! The base of a gate run: the commit whose results still count, and the seed of the sample.
//!
//! What changed since the base is proven again whole. The base is what `--since` names: the commit that a
//! pull request or a push starts from. Without it, the newest commit before HEAD, along first parents, that
//! is at least [`HOURS`] older. Where there is none, or where the history was cut off (a shallow clone),
//! everything counts as changed.
//!
//! Dates are those of the commits, so the clock of the machine that checks does not matter. A wrong date in a
//! commit can narrow what is proven again whole, to the last commit at least; it cannot make a stale record
//! current.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use super::keys::Content;
use crate::children::Started;

/// How much older the base is than HEAD, at least.
const HOURS: i64 = 12;

/// Since when, and which sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// The commit; none when everything counts as changed.
    pub(super) commit: Option<String>,
    /// For a reader: which commit it is, or why there is none.
    pub(super) says: String,
    /// Chooses the sample.
    pub(super) seed: u64,
}

impl Base {
    /// Of the repository that `root` lies in.
    pub(super) fn of(root: &Path, since: Option<&str>, seed: Option<u64>) -> Self {
        let head = git(root, &["rev-parse", "--verify", "HEAD"]);
        let seed = seed.unwrap_or_else(|| seed_of(head.as_deref().unwrap_or_default()));
        let base = |commit: Option<String>, says: String| Self { commit, says, seed };
        if let Some(since) = since.filter(|since| !since.trim().is_empty()) {
            return match git(root, &["rev-parse", "--verify", &format!("{since}^{{commit}}")]) {
                Some(commit) => {
                    let says = format!("changes since {}, as asked for", short(&commit));
                    base(Some(commit), says)
                }
                None => base(None, format!("everything: there is no commit {since} here")),
            };
        }
        if git(root, &["rev-parse", "--is-shallow-repository"]).as_deref() != Some("false") {
            return base(None, "everything: this is no clone with a whole history".into());
        }
        match older(root) {
            Some(commit) => {
                let says = format!("changes since {}, {HOURS} hours or more before HEAD", short(&commit));
                base(Some(commit), says)
            }
            None => base(None, format!("everything: no commit is {HOURS} hours older than HEAD")),
        }
    }

    /// The text of a file at the base, by its path below `root`.
    pub(super) fn file(&self, root: &Path, path: &Path) -> Option<String> {
        let commit = self.commit.as_ref()?;
        git(root, &["show", &format!("{commit}:./{}", path.display())])
    }
}

fn seed_of(head: &str) -> u64 {
    let mut content = Content::new();
    content.text("head", head);
    content.number()
}

/// The newest commit before HEAD that is old enough.
fn older(root: &Path) -> Option<String> {
    let log = git(root, &["log", "--first-parent", "--format=%H %ct", "HEAD"])?;
    let mut commits = log.lines().filter_map(|line| {
        let (commit, seconds) = line.split_once(' ')?;
        Some((commit, seconds.parse::<i64>().ok()?))
    });
    let (_, head) = commits.next()?;
    let found = commits.find(|(_, seconds)| seconds + HOURS * 3600 <= head);
    found.map(|(commit, _)| commit.to_owned())
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// The output of git, without the newline at its end; nothing where git fails or is not there.
///
/// It is started as all processes of the grader are, because `children::sweep` in another lane kills others.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Started::spawn(&mut command).ok()?;
    let mut text = String::new();
    process.child().stdout.take()?.read_to_string(&mut text).ok()?;
    // Its output has ended, so git is about to.
    while !process.has_ended() {
        thread::yield_now();
    }
    process.finish()?.success().then(|| text.trim_end().to_owned())
}
