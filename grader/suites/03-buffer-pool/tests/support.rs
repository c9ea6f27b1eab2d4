//! What the tests of the pool and those of the heap share.

use std::fmt::Debug;

use kit::sync::thread;
use testkit::Failure;

/// The value of a call that must succeed.
pub(crate) fn must<T, E: Debug>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => Failure::new(what.to_string()).found(error).expected_text("Ok").raise(),
    }
}

/// What each thread does, in the order in which it happens, for the report of whichever thread fails.
#[derive(Clone, Default)]
pub(crate) struct Journal(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl Journal {
    /// Makes a call for the thread `name`, noted when it begins and when it ends.
    pub(crate) fn call<T>(&self, name: &str, what: &str, call: impl FnOnce() -> T) -> T {
        self.note(format!("{name}: {what} begins"));
        let result = call();
        self.note(format!("{name}: {what} ends"));
        result
    }

    /// Adds a line. The scene of this thread becomes all that is known by now, of all threads.
    pub(crate) fn note(&self, line: String) {
        if testkit::scene::is_quiet() {
            return;
        }
        let mut lines = self.0.lock().expect("nobody panics while noting");
        lines.push(line);
        testkit::scene::clear();
        for line in lines.iter() {
            testkit::step!("{line}");
        }
    }

    /// Starts a thread that reports what it does.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        body: impl FnOnce(&Journal) -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let journal = self.clone();
        let spawned = thread::Builder::new().name(name.to_string()).spawn(move || body(&journal));
        spawned.expect("a thread can be started")
    }

    /// Makes a call, noted when it begins, and with its result when it ends.
    pub(crate) fn shown<T: Debug>(&self, what: &str, call: impl FnOnce() -> T) -> T {
        if testkit::scene::is_quiet() {
            return call();
        }
        self.note(format!("{what} begins"));
        let result = call();
        let shown = format!("{result:?}");
        let shown = if shown.len() > 60 { format!("{}...", &shown[..60]) } else { shown };
        self.note(format!("{what} gives {shown}"));
        result
    }
}
