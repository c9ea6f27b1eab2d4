//! PostgreSQL, through a `psql` process for each session.
//!
//! The server is the one that `psql` finds by itself (`PGHOST`, `PGUSER`, `PGDATABASE` and so on). All that
//! this program makes there is a schema, `database_labs_isolation`, with one table `test`, which is dropped
//! and made again for each scenario. Tables of other schemas are neither read nor changed. The schema stays
//! when the program ends. One more session asks the server whether a backend is blocked, so a statement that
//! waits is known to wait.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use std::cell::RefCell;

use testkit::history::play::Answer;

use crate::engine::{Engine, Session};

/// Ends the output of each statement.
const MARK: &str = "statement-ended";
/// How long an answer is awaited before the server is asked whether the session is blocked.
const PATIENCE: Duration = Duration::from_millis(5);
/// A server that says nothing for so long has gone.
const GONE: Duration = Duration::from_secs(20);

/// The isolation levels of PostgreSQL. Read uncommitted is read committed there.
pub const LEVELS: [&str; 3] = ["read committed", "repeatable read", "serializable"];

/// Makes the schema.
const MAKE_SCHEMA: &str = "CREATE SCHEMA IF NOT EXISTS database_labs_isolation";
/// From then on a session finds `test` in this schema and in no other.
const USE_SCHEMA: &str = "SET search_path = database_labs_isolation";

/// PostgreSQL at one level.
pub struct Postgres {
    level: &'static str,
    version: String,
    monitor: Rc<RefCell<Psql>>,
}

impl Postgres {
    /// At this level, or why there is no server.
    pub fn new(level: &'static str) -> Result<Postgres, String> {
        let mut monitor = Psql::start()?;
        let version = monitor.text("SHOW server_version")?;
        let version = version.split_whitespace().next().unwrap_or("").to_string();
        monitor.text(MAKE_SCHEMA)?;
        monitor.text(USE_SCHEMA)?;
        Ok(Postgres { level, version, monitor: Rc::new(RefCell::new(monitor)) })
    }
}

impl Engine for Postgres {
    fn name(&self) -> String {
        format!("PostgreSQL {}, {}", self.version, self.level)
    }

    fn begin(&self) -> String {
        format!("BEGIN ISOLATION LEVEL {}", self.level)
    }

    fn open(&mut self, rows: &[[i64; 3]], sessions: usize) -> Result<Vec<Box<dyn Session>>, String> {
        let mut monitor = self.monitor.borrow_mut();
        monitor.text("DROP TABLE IF EXISTS database_labs_isolation.test")?;
        monitor.text(
            "CREATE TABLE test (id bigint PRIMARY KEY, value bigint NOT NULL, version bigint NOT NULL)",
        )?;
        for [id, value, version] in rows {
            monitor.text(&format!("INSERT INTO test VALUES ({id}, {value}, {version})"))?;
        }
        (0..sessions)
            .map(|_| {
                let mut psql = Psql::start()?;
                psql.text(USE_SCHEMA)?;
                let backend = psql.text("SELECT pg_backend_pid()")?;
                let monitor = Rc::clone(&self.monitor);
                Ok(Box::new(PostgresSession { psql, backend, monitor }) as Box<dyn Session>)
            })
            .collect()
    }
}

struct PostgresSession {
    psql: Psql,
    /// The number of the server's process for this session.
    backend: String,
    monitor: Rc<RefCell<Psql>>,
}

impl Session for PostgresSession {
    fn ask(&mut self, sql: &str) -> Answer {
        match self.psql.send(sql) {
            Ok(()) => self.again(),
            Err(error) => Answer::Failed(error),
        }
    }

    fn again(&mut self) -> Answer {
        loop {
            if let Some(answer) = self.psql.receive(PATIENCE) {
                return answer;
            }
            let question = format!("SELECT cardinality(pg_blocking_pids({}))", self.backend);
            match self.monitor.borrow_mut().text(&question) {
                Ok(blockers) if blockers != "0" => return Answer::Waits,
                Ok(_) => (),
                Err(error) => return Answer::Failed(error),
            }
        }
    }

    fn ends_deadlocks(&self) -> bool {
        true
    }
}

/// A psql process; dropping it ends it.
struct Psql {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// The lines of the statement that is running.
    so_far: Vec<String>,
}

impl Psql {
    fn start() -> Result<Psql, String> {
        let mut child = Command::new("psql")
            // Without a question for a password, which nobody would answer.
            .args(["-X", "-w", "-q", "-A", "-t", "-F", " "])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("psql cannot be started: {error}"))?;
        let input = child.stdin.take().ok_or("psql has no standard input")?;
        let output = child.stdout.take().ok_or("psql has no standard output")?;
        let (sender, lines) = channel();
        // Ends with the process, whose output it reads.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Psql { child, input, lines, so_far: Vec::new() })
    }

    fn send(&mut self, sql: &str) -> Result<(), String> {
        let text = format!("{sql};\n\\echo {MARK} :SQLSTATE\n");
        self.input.write_all(text.as_bytes()).map_err(|error| format!("psql has ended: {error}"))
    }

    /// What came of the statement, if it ends within `patience` of its last line.
    fn receive(&mut self, patience: Duration) -> Option<Answer> {
        loop {
            match self.lines.recv_timeout(patience) {
                Ok(line) => {
                    if let Some(state) = line.strip_prefix(MARK) {
                        let lines = std::mem::take(&mut self.so_far);
                        return Some(answer(state.trim(), &lines));
                    }
                    self.so_far.push(line);
                }
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    return Some(Answer::Failed("psql has ended: is a server running?".into()));
                }
            }
        }
    }

    /// The first line that a statement returns, which must not wait for another session.
    fn text(&mut self, sql: &str) -> Result<String, String> {
        self.send(sql)?;
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(GONE) {
                Ok(line) => match line.strip_prefix(MARK) {
                    Some(state) if state.trim() == "00000" => {
                        return Ok(lines.into_iter().next().unwrap_or_default());
                    }
                    Some(state) => return Err(format!("`{sql}` failed with SQLSTATE {}", state.trim())),
                    None => lines.push(line),
                },
                Err(_) => return Err("psql cannot reach a server".into()),
            }
        }
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        // A statement that still waits must not hold the table. The process is this one's own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(state: &str, lines: &[String]) -> Answer {
    if state != "00000" {
        return Answer::Failed(format!("SQLSTATE {state}"));
    }
    let row = |line: &String| -> Option<[i64; 3]> {
        let mut numbers = line.split(' ').map_while(|number| number.parse().ok());
        Some([numbers.next()?, numbers.next()?, numbers.next()?])
    };
    let mut rows: Vec<[i64; 3]> = lines.iter().filter_map(row).collect();
    rows.sort_unstable();
    Answer::Done(rows)
}
