//! The stories: which transaction does what, in which order.

use Do::{Abort, Commit, Insert, Read, ReadAll, Write};

/// A step of a transaction. Accounts are `a`, `b` and `c`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    /// Reads an account.
    Read(char),
    /// Reads all accounts.
    ReadAll,
    /// Gives an account a balance.
    Write(char, i64),
    /// Adds an account.
    Insert(char, i64),
    /// Commits.
    Commit,
    /// Rolls back.
    Abort,
}

/// An order of steps that invites one anomaly. The accounts a and b begin with 50.
pub(crate) struct Story {
    /// Its name.
    pub(crate) name: &'static str,
    /// What to look for in the output.
    pub(crate) question: &'static str,
    /// The number of a transaction from 1, and what it does.
    pub(crate) steps: &'static [(usize, Do)],
}

/// All stories, from what every level forbids to what only the strongest forbids.
pub(crate) const STORIES: &[Story] = &[
    Story {
        name: "Dirty write",
        question: "T1 writes 1 to both accounts, T2 writes 2. Do both accounts have the same balance in the end?",
        steps: &[
            (1, Write('a', 1)),
            (2, Write('a', 2)),
            (1, Write('b', 1)),
            (1, Commit),
            (2, Write('b', 2)),
            (2, Commit),
        ],
    },
    Story {
        name: "Dirty read",
        question: "T1 is rolled back, so a was never 99. Does T2 see 99?",
        steps: &[(1, Write('a', 99)), (2, Read('a')), (1, Abort), (2, Commit)],
    },
    Story {
        name: "Non-repeatable read",
        question: "T1 reads a twice. Does it see the same balance?",
        steps: &[(1, Read('a')), (2, Write('a', 60)), (2, Commit), (1, Read('a')), (1, Commit)],
    },
    Story {
        name: "Read skew",
        question: "T2 moves 10 from a to b. T1 adds up what it sees: is the sum 100?",
        steps: &[
            (1, Read('a')),
            (2, Write('a', 40)),
            (2, Write('b', 60)),
            (2, Commit),
            (1, Read('b')),
            (1, Commit),
        ],
    },
    Story {
        name: "Lost update",
        question: "Both transactions add 1 to what they read. If both commit, a must be 52 in the end.",
        steps: &[
            (1, Read('a')),
            (2, Read('a')),
            (1, Write('a', 51)),
            (2, Write('a', 51)),
            (1, Commit),
            (2, Commit),
        ],
    },
    Story {
        name: "Write skew",
        question: "The sum must not fall below 0. Each transaction sees 100 and takes 60. Does the sum stay above 0?",
        steps: &[
            (1, ReadAll),
            (2, ReadAll),
            (1, Write('a', -10)),
            (2, Write('b', -10)),
            (1, Commit),
            (2, Commit),
        ],
    },
    Story {
        name: "A reader between two writers",
        question: "T3 sees what T2 wrote, but not what T1 writes. T1 sees neither. In which order did the three run?",
        steps: &[
            (1, ReadAll),
            (2, Write('b', 80)),
            (2, Commit),
            (3, ReadAll),
            (3, Commit),
            (1, Write('a', 0)),
            (1, Commit),
        ],
    },
    Story {
        name: "Phantom",
        question: "T1 reads all accounts twice. Does it see the same accounts?",
        steps: &[(1, ReadAll), (2, Insert('c', 7)), (2, Commit), (1, ReadAll), (1, Commit)],
    },
    Story {
        name: "Write skew over a predicate",
        question: "Three accounts are allowed. Each transaction sees two and adds one. Are there three in the end?",
        steps: &[
            (1, ReadAll),
            (2, ReadAll),
            (1, Insert('c', 1)),
            (2, Insert('d', 1)),
            (1, Commit),
            (2, Commit),
        ],
    },
];
