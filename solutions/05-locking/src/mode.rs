//! The five lock modes, and what they allow beside each other (task 5.1).
//!
//! A transaction that reads a row locks the row in S, one that writes it in X. Before that it locks the
//! *table* in the intention mode IS or IX: "somewhere below I have an S, or an X". So a transaction that
//! wants the whole table looks at the lock of the table alone, not at a million rows.
//!
//! ```text
//!              X            a stronger mode is above a weaker one
//!              |
//!             SIX           SIX = S on all of it, and X on parts: S and IX at once
//!            /   \
//!           S     IX
//!            \   /
//!             IS
//! ```
//!
//! - M1: two modes are compatible exactly if what each of them allows its holder cannot disturb the other.
//!   The relation is symmetric.
//! - M2: `a` covers `b` exactly if a holder of `a` needs no further lock to do what `b` allows. Whatever
//!   conflicts with `b` then conflicts with `a`.
//! - M3: the join of two modes is the weakest mode that covers both.
//!
//! Source: Gray, Lorie, Putzolu and Traiger, "Granularity of Locks and Degrees of Consistency in a Shared
//! Data Base" (1976), section 2.

use std::fmt;

/// How something is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Intention shared: parts of it are locked in S.
    IS,
    /// Intention exclusive: parts of it are locked in X or S.
    IX,
    /// Shared: all of it is read.
    S,
    /// Shared with intention exclusive: all of it is read, and parts of it are locked in X.
    SIX,
    /// Exclusive: all of it is read and written.
    X,
}

impl LockMode {
    /// All modes.
    pub const ALL: [LockMode; 5] = [LockMode::IS, LockMode::IX, LockMode::S, LockMode::SIX, LockMode::X];

    /// True if two transactions may hold these modes on one resource at the same time.
    ///
    /// # Ensures
    /// Symmetric (M1).
    pub fn is_compatible(self, other: LockMode) -> bool {
        //# task 5.1 which modes go together
        //+ // Nudge: for each pair, think of one row that both transactions get to.
        match (self, other) {
            (LockMode::X, _) | (_, LockMode::X) => false,
            (LockMode::IS, _) | (_, LockMode::IS) => true,
            (LockMode::IX, LockMode::IX) | (LockMode::S, LockMode::S) => true,
            _ => false,
        }
        //# end
    }

    /// True if a transaction that holds `self` needs no further lock for what `other` allows (M2). Each mode
    /// covers itself.
    pub fn covers(self, other: LockMode) -> bool {
        //# task 5.1 which modes are at least as strong
        self.join(other) == self
        //# end
    }

    /// The weakest mode that covers both (M3): what a holder of `self` holds after it was granted `other`
    /// too.
    pub fn join(self, other: LockMode) -> LockMode {
        //# task 5.1 the mode of a conversion
        match (self, other) {
            (LockMode::IX, LockMode::S) | (LockMode::S, LockMode::IX) => LockMode::SIX,
            // All other pairs are comparable, and the order of the enum is then that of strength.
            (one, other) => one.max(other),
        }
        //# end
    }

    /// The mode that the table must be locked in before a part of it is locked in `self`.
    pub fn intention(self) -> LockMode {
        match self {
            LockMode::IS | LockMode::S => LockMode::IS,
            LockMode::IX | LockMode::SIX | LockMode::X => LockMode::IX,
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LockMode::IS => "IS",
            LockMode::IX => "IX",
            LockMode::S => "S",
            LockMode::SIX => "SIX",
            LockMode::X => "X",
        })
    }
}
