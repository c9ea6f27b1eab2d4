//! What a scenario needs of a database: sessions that are given one statement at a time.

use testkit::history::Version;
use testkit::history::play::{Answer, Outcome, Player};
use testkit::history::scenario::{Do, Find, Scenario};

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

    /// Makes the table `test(id, value, version)` with exactly these rows of id, value and version, and opens
    /// so many sessions.
    fn open(&mut self, rows: &[[i64; 3]], sessions: usize) -> Result<Vec<Box<dyn Session>>, String>;
}

/// Runs a scenario on a fresh table.
pub fn run(engine: &mut dyn Engine, scenario: &Scenario) -> Result<Outcome, String> {
    let begin = engine.begin();
    scenario.play(|rows, count| {
        let sessions = engine.open(rows, count)?;
        Ok(sessions.into_iter().map(|session| Speaker { session, begin: begin.clone() }).collect())
    })
}

/// A session that is given the steps of a scenario in SQL.
struct Speaker {
    session: Box<dyn Session>,
    begin: String,
}

impl Player for Speaker {
    fn begin(&mut self) -> Result<(), String> {
        match self.session.ask(&self.begin) {
            Answer::Done(_) => Ok(()),
            other => Err(format!("a transaction does not begin: {other:?}")),
        }
    }

    fn ask(&mut self, step: Do, version: Version) -> Answer {
        self.session.ask(&sql(step, version))
    }

    fn again(&mut self) -> Answer {
        self.session.again()
    }

    fn roll_back(&mut self) -> Result<(), String> {
        match self.session.ask("ROLLBACK") {
            Answer::Done(_) => Ok(()),
            other => Err(format!("a transaction is not rolled back: {other:?}")),
        }
    }

    fn ends_deadlocks(&self) -> bool {
        self.session.ends_deadlocks()
    }
}

/// A statement in SQL. Every one returns the rows that it touched.
fn sql(step: Do, version: Version) -> String {
    let stamp = version.to_i64();
    let returning = "RETURNING id, value, version";
    match step {
        Do::Read(id) => format!("SELECT id, value, version FROM test WHERE id = {id}"),
        Do::Scan(find) => {
            format!("SELECT id, value, version FROM test WHERE {} ORDER BY id", condition(find))
        }
        Do::Set(id, value) => {
            format!("UPDATE test SET value = {value}, version = {stamp} WHERE id = {id} {returning}")
        }
        Do::AddToAll(number) => {
            format!("UPDATE test SET value = value + {number}, version = {stamp} {returning}")
        }
        Do::Insert(id, value) => {
            format!("INSERT INTO test (id, value, version) VALUES ({id}, {value}, {stamp}) {returning}")
        }
        Do::DeleteValue(value) => format!("DELETE FROM test WHERE value = {value} {returning}"),
        Do::Commit => "COMMIT".into(),
        Do::Abort => "ROLLBACK".into(),
    }
}

/// What a scan looks for, as a condition in SQL.
fn condition(find: Find) -> String {
    match find {
        Find::All => "0 = 0".into(),
        Find::Value(value) => format!("value = {value}"),
        Find::MultipleOf(divisor) => format!("value % {divisor} = 0"),
    }
}
