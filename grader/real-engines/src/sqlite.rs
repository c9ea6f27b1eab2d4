//! SQLite, in this process, in three modes.
//!
//! SQLite never waits here (its busy timeout is 0): a statement that it refuses as busy counts as waiting,
//! and is given to it again.

use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use tempfile::TempDir;

use testkit::history::play::Answer;

use crate::engine::{Engine, Session};

/// Databases that this process has opened: names the next one in memory, which the process would share.
static OPENED: AtomicUsize = AtomicUsize::new(0);

/// How the connections share the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A file with a rollback journal, the default.
    Journal,
    /// A file with a write-ahead log.
    Wal,
    /// A database in memory, one cache for all connections, `PRAGMA read_uncommitted`.
    SharedCache,
}

impl Mode {
    /// All modes, from the weakest on.
    pub const ALL: [Mode; 3] = [Mode::SharedCache, Mode::Wal, Mode::Journal];
}

/// SQLite in one mode.
pub struct Sqlite {
    mode: Mode,
    /// The database's folder, and a connection that keeps a database in memory alive.
    database: Option<(TempDir, Connection)>,
    /// The number of the database.
    number: usize,
}

impl Sqlite {
    /// In this mode.
    pub fn new(mode: Mode) -> Sqlite {
        Sqlite { mode, database: None, number: 0 }
    }

    fn connect(&self, folder: &TempDir) -> Result<Connection, rusqlite::Error> {
        let connection = if self.mode == Mode::SharedCache {
            let name =
                format!("file:isolation{}-{}?mode=memory&cache=shared", std::process::id(), self.number);
            let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_SHARED_CACHE;
            Connection::open_with_flags(name, flags)?
        } else {
            Connection::open(folder.path().join("test.db"))?
        };
        connection.busy_timeout(std::time::Duration::ZERO)?;
        match self.mode {
            Mode::Journal => (),
            Mode::Wal => connection.execute_batch("PRAGMA journal_mode = WAL")?,
            Mode::SharedCache => connection.execute_batch("PRAGMA read_uncommitted = 1")?,
        }
        Ok(connection)
    }

    fn fill(&mut self, rows: &[[i64; 3]]) -> Result<(), rusqlite::Error> {
        self.database = None;
        self.number = OPENED.fetch_add(1, Ordering::Relaxed);
        let folder =
            TempDir::new().map_err(|_| rusqlite::Error::InvalidPath("no folder for a file".into()))?;
        let connection = self.connect(&folder)?;
        connection.execute_batch(
            "CREATE TABLE test (id INTEGER PRIMARY KEY, value INTEGER NOT NULL, version INTEGER NOT NULL)",
        )?;
        for row in rows {
            connection.execute("INSERT INTO test VALUES (?1, ?2, ?3)", *row)?;
        }
        self.database = Some((folder, connection));
        Ok(())
    }
}

impl Engine for Sqlite {
    fn name(&self) -> String {
        let mode = match self.mode {
            Mode::Journal => "rollback journal",
            Mode::Wal => "WAL",
            Mode::SharedCache => "shared cache, read uncommitted",
        };
        format!("SQLite {}, {mode}", rusqlite::version())
    }

    fn begin(&self) -> String {
        "BEGIN".into()
    }

    fn open(&mut self, rows: &[[i64; 3]], sessions: usize) -> Result<Vec<Box<dyn Session>>, String> {
        self.fill(rows).map_err(|error| error.to_string())?;
        let (folder, _) = self.database.as_ref().expect("it was just filled");
        (0..sessions)
            .map(|_| {
                let connection = self.connect(folder).map_err(|error| error.to_string())?;
                Ok(Box::new(SqliteSession { connection, waiting: String::new() }) as Box<dyn Session>)
            })
            .collect()
    }
}

struct SqliteSession {
    connection: Connection,
    /// The last statement.
    waiting: String,
}

impl SqliteSession {
    fn rows(&self) -> Result<Vec<[i64; 3]>, rusqlite::Error> {
        let mut statement = self.connection.prepare(&self.waiting)?;
        let mut found = statement.query([])?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push([row.get(0)?, row.get(1)?, row.get(2)?]);
        }
        rows.sort_unstable();
        Ok(rows)
    }
}

impl Session for SqliteSession {
    fn ask(&mut self, sql: &str) -> Answer {
        self.waiting = sql.into();
        self.again()
    }

    fn again(&mut self) -> Answer {
        match self.rows() {
            Ok(rows) => Answer::Done(rows),
            // The snapshot is too old for a write: trying again does not help.
            Err(error)
                if error.sqlite_error().map(|e| e.extended_code) == Some(ffi::SQLITE_BUSY_SNAPSHOT) =>
            {
                Answer::Failed(error.to_string())
            }
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Answer::Waits,
                _ => Answer::Failed(error.to_string()),
            },
        }
    }

    fn ends_deadlocks(&self) -> bool {
        false
    }
}
