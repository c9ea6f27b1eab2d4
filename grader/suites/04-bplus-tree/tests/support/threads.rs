//! Threads of a test.

use kit::sync::thread::ScopedJoinHandle;

/// What the threads give, in order; a panic of one of them goes on here.
pub(crate) fn joined<T>(threads: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let join =
        |thread: ScopedJoinHandle<'_, T>| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p));
    threads.into_iter().map(join).collect()
}
