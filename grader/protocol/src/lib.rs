//! What the grader and a test binary say to each other.
//!
//! ```text
//!   grader                                   test binary (one process a test)
//!     |  spawn `hidden --exec t1_1::name`            |
//!     |  standard input = one end of a socket pair   |
//!     |--- Order {seed, limits, folder} ------------>|  before any learner code runs
//!     |                                              |  sets its limits, runs the test
//!     |<-- Returned ---------------------------------|  only after the test returned
//!     |--- Answer {nonce} -------------------------->|
//!     |<-- Report {nonce, outcome, ...} -------------|
//!     |  waits for the exit, kills the group         |
//! ```
//!
//! Each message is one line of JSON. A process that ends without a [`Report`] with the nonce has not passed,
//! whatever it printed and whatever its exit code was. The nonce is made when the test has returned, so while
//! the learner's code runs it is in no memory. A report of a failure needs none, and comes without being
//! asked.

use std::io::{self, BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The first message from the grader to a test process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Seed of everything random in the test; `None` for the suite's default.
    pub seed: Option<u64>,
    /// Limits the process sets on itself before the test starts.
    pub limits: Limits,
    /// The only folder the test may write to.
    pub scratch: String,
}

/// What one test process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds of real time.
    pub wall_seconds: u64,
    /// Seconds of processor time, over all threads.
    pub cpu_seconds: u64,
    /// Heap, in MiB.
    pub memory_mib: u64,
}

/// What a test process says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a process sends two of them")]
pub enum Message {
    /// The test function returned; the nonce, please.
    Returned,
    /// How it ended.
    Report(Report),
}

/// The answer to [`Message::Returned`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// A number that nobody can guess; the report of a pass must repeat it.
    pub nonce: String,
}

/// What the process says of its test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The answer's nonce, when the test passed.
    pub nonce: Option<String>,
    /// How the test ended, as far as the process itself can tell.
    pub outcome: Outcome,
    /// Processor time of the whole process, in milliseconds.
    pub cpu_ms: u64,
    /// Layers of confinement that were in force, for instance "landlock".
    pub layers: Vec<String>,
    /// For a performance run: the figures.
    pub measurements: Vec<Measurement>,
}

/// How a test ended, as the process that ran it reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The test function returned.
    Pass,
    /// A check of the test did not hold.
    Fail(Failure),
    /// The learner's code panicked.
    Panic(Failure),
    /// The code under test is still a `todo!`.
    Todo(Failure),
    /// Out of time while using the processor.
    Timeout(Failure),
    /// Out of time, or no runnable thread left, with all threads waiting.
    Deadlock(Failure),
    /// The heap limit was reached.
    OutOfMemory(Failure),
}

/// Everything a learner needs to correct a failure without reading the test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was being looked at, in a sentence.
    pub what: String,
    /// What every correct design gives.
    pub expected: Option<String>,
    /// What this one gave.
    pub found: Option<String>,
    /// The smallest sequence of operations that shows it, one a line, as code.
    pub steps: Vec<String>,
    /// The smallest input, where the test is a property.
    pub case: Option<String>,
    /// Text picture of the structure.
    pub picture: Option<String>,
    /// The invariant that does not hold: its id and its text.
    pub invariant: Option<(String, String)>,
    /// Further facts.
    pub notes: Vec<String>,
    /// Where in the learner's code, as `labs/01-structures/src/ring_queue.rs:40`, innermost first.
    pub trace: Vec<String>,
    /// The seed that shows it again.
    pub seed: Option<u64>,
}

/// One performance figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The workload's id.
    pub id: String,
    /// The figure.
    pub value: Value,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there are a handful of figures in a run")]
pub enum Value {
    /// An exact count, the learner's and the reference's.
    Count {
        /// The learner's count.
        learner: f64,
        /// The reference's count.
        reference: f64,
    },
    /// Learner time over reference time.
    Ratio {
        /// Median of the pairs' ratios.
        median: f64,
        /// Low end of the 95 % bootstrap interval of the median.
        low: f64,
        /// High end.
        high: f64,
        /// Number of pairs.
        pairs: u32,
        /// Processor nanoseconds of one learner round, median.
        learner_ns: f64,
        /// Processor nanoseconds of one reference round, median.
        reference_ns: f64,
    },
    /// The workload panicked or its answer was wrong.
    Broken {
        /// What happened.
        failure: Failure,
    },
}

/// True for a line that the scheduler of controlled runs prints on standard error about a failing schedule.
/// The report says the same more clearly, so the grader leaves these lines out.
pub fn is_scheduler_noise(line: &str) -> bool {
    line.starts_with("Test deadlocked, and SHUTTLE_CAPTURE_BACKTRACE is not set")
        || line.starts_with("test panicked in task '")
        || line == "Task failed, serializing schedule"
}

/// Writes one message.
pub fn send<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one message; `None` at the end of the stream. An unreadable line is an error.
pub fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}
