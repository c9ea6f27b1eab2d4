//! SQLite with write-ahead log, a connection for each thread.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::{ACCOUNTS, BALANCE, Bank};

/// A database in a folder of its own.
pub(crate) struct Sqlite(TempDir);

impl Sqlite {
    fn connect(&self) -> Connection {
        let connection = Connection::open(self.0.path().join("bank")).expect("the folder can be written");
        connection.busy_timeout(Duration::from_secs(60)).expect("a timeout can be set");
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
            .expect("the statements are right");
        connection
    }
}

impl Bank for Sqlite {
    type Teller<'b> = Connection;

    fn new() -> Self {
        let in_memory = Path::new("/dev/shm");
        let folder = if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() };
        let bank = Sqlite(folder.expect("a folder can be made"));
        let connection = bank.connect();
        connection
            .execute_batch("CREATE TABLE accounts (number INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
            .expect("the statement is right");
        for number in 0..ACCOUNTS {
            let row = [i64::from(number), BALANCE];
            connection.execute("INSERT INTO accounts VALUES (?1, ?2)", row).expect("a new number");
        }
        bank
    }

    fn teller(&self) -> Connection {
        self.connect()
    }

    fn transfer(teller: &mut Connection, from: u32, to: u32) {
        let run = |statement: &str, values: &[i64]| {
            let mut statement = teller.prepare_cached(statement).expect("the statement is right");
            statement
                .execute(rusqlite::params_from_iter(values))
                .expect("nobody holds the lock for a minute");
        };
        run("BEGIN IMMEDIATE", &[]);
        for (number, amount) in [(from, -1), (to, 1)] {
            let values = [amount, i64::from(number)];
            run("UPDATE accounts SET balance = balance + ?1 WHERE number = ?2", &values);
        }
        run("COMMIT", &[]);
    }

    fn sum(&self) -> i64 {
        let sum = "SELECT sum(balance) FROM accounts";
        self.connect().query_row(sum, [], |row| row.get(0)).expect("there are accounts")
    }
}
