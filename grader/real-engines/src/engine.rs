//! What the driver needs of a database: sessions that are given one statement at a time.

/// What came of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done. Its rows: id, value, version.
    Done(Vec<[i64; 3]>),
    /// Another transaction is in the way.
    Waits,
    /// It failed, and the transaction must be rolled back.
    Failed(String),
}

/// One connection.
pub trait Session {
    /// Gives the session a statement. It has none that waits.
    fn ask(&mut self, sql: &str) -> Answer;

    /// What came of the statement that waited.
    fn again(&mut self) -> Answer;

    /// Whether the engine itself ends a wait, by an error, if all sessions wait for each other.
    fn ends_deadlocks(&self) -> bool;
}

/// A database at one isolation level.
pub trait Engine {
    /// Name, version and level.
    fn name(&self) -> String;

    /// The statement that begins a transaction.
    fn begin(&self) -> String;

    /// Makes the table `test(id, value, version)` with exactly the rows given as id, value, version, and
    /// opens so many sessions.
    fn open(&mut self, rows: &[[i64; 3]], sessions: usize) -> Result<Vec<Box<dyn Session>>, String>;
}
