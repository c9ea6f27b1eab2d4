//! Threads: the scheduler's inside a run, the machine's outside.
//!
//! Inside a run a panic on any thread ends the schedule, and with it the test: `join` returns an error only
//! for real threads.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::controlled::{self, Waiting, is_controlled, name_thread};

/// What a joined thread returned, or the payload of its panic.
pub use std::thread::Result;

/// A thread's number; different threads have different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadId(IdKind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum IdKind {
    Plain(std::thread::ThreadId),
    Controlled(usize),
}

/// A thread's name and number.
#[derive(Debug, Clone)]
pub struct Thread {
    name: Option<String>,
    id: ThreadId,
}

impl Thread {
    /// The name it was started with.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its number.
    pub fn id(&self) -> ThreadId {
        self.id
    }
}

/// The thread that calls this function.
pub fn current() -> Thread {
    if is_controlled() {
        let id = controlled::own_id();
        Thread { name: Some(controlled::thread_name(id)), id: ThreadId(IdKind::Controlled(id)) }
    } else {
        plain_thread(&std::thread::current())
    }
}

fn plain_thread(thread: &std::thread::Thread) -> Thread {
    Thread { name: thread.name().map(str::to_string), id: ThreadId(IdKind::Plain(thread.id())) }
}

/// Lets other threads go first.
pub fn yield_now() {
    if is_controlled() {
        shuttle::thread::yield_now();
    } else {
        std::thread::yield_now();
    }
}

/// Starts a thread.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f).expect("the machine can start a thread")
}

/// Starts a thread with a name, which reports show.
#[derive(Debug, Default)]
pub struct Builder {
    name: Option<String>,
}

impl Builder {
    /// A thread without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the thread a name.
    pub fn name(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    /// Starts it. An error means that the machine cannot start another thread.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if !is_controlled() {
            let mut builder = std::thread::Builder::new();
            if let Some(name) = self.name {
                builder = builder.name(name);
            }
            let handle = builder.spawn(f)?;
            let thread = plain_thread(handle.thread());
            return Ok(JoinHandle { kind: HandleKind::Plain(handle), thread });
        }
        let is_finished = Arc::new(AtomicBool::new(false));
        let finished = Arc::clone(&is_finished);
        let handle = shuttle::thread::spawn(move || {
            let result = f();
            finished.store(true, SeqCst);
            result
        });
        let thread = controlled_thread(handle.thread(), self.name);
        Ok(JoinHandle { kind: HandleKind::Controlled(handle, is_finished), thread })
    }
}

fn controlled_thread(thread: &shuttle::thread::Thread, name: Option<String>) -> Thread {
    let id = usize::from(thread.id());
    if let Some(name) = name {
        name_thread(id, name);
    }
    Thread { name: Some(controlled::thread_name(id)), id: ThreadId(IdKind::Controlled(id)) }
}

/// The right to wait for a thread's end. Dropping it lets the thread run on.
pub struct JoinHandle<T> {
    kind: HandleKind<T>,
    thread: Thread,
}

enum HandleKind<T> {
    Plain(std::thread::JoinHandle<T>),
    Controlled(shuttle::thread::JoinHandle<T>, Arc<AtomicBool>),
}

impl<T> JoinHandle<T> {
    /// Waits for the thread to end. The error is the payload of its panic.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        match self.kind {
            HandleKind::Plain(handle) => handle.join(),
            HandleKind::Controlled(handle, _) => {
                let _waiting = join_wait(&self.thread, Location::caller());
                handle.join()
            }
        }
    }

    /// True once the thread's function has returned.
    pub fn is_finished(&self) -> bool {
        match &self.kind {
            HandleKind::Plain(handle) => handle.is_finished(),
            HandleKind::Controlled(_, is_finished) => {
                controlled::scheduling_point();
                is_finished.load(SeqCst)
            }
        }
    }

    /// The thread's name and number.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

fn join_wait(thread: &Thread, at: &'static Location<'static>) -> Waiting {
    let name = thread.name().unwrap_or("a thread");
    Waiting::start(format!("the end of {name}"), None, at)
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.thread).finish()
    }
}

/// Starts threads that may borrow from outside, see [`scope`].
pub struct Scope<'scope, 'env: 'scope>(ScopeKind<'scope, 'env>);

enum ScopeKind<'scope, 'env: 'scope> {
    Plain(&'scope std::thread::Scope<'scope, 'env>),
    Controlled(&'scope shuttle::thread::Scope<'scope, 'env>),
}

/// Runs `f`, which starts threads through its argument, and waits until all of them have ended.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&Scope<'scope, 'env>) -> T,
{
    if is_controlled() {
        shuttle::thread::scope(|scope| f(&Scope(ScopeKind::Controlled(scope))))
    } else {
        std::thread::scope(|scope| f(&Scope(ScopeKind::Plain(scope))))
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a thread that ends before the scope does.
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match self.0 {
            ScopeKind::Plain(scope) => {
                let handle = scope.spawn(f);
                let thread = plain_thread(handle.thread());
                ScopedJoinHandle { kind: ScopedKind::Plain(handle), thread }
            }
            ScopeKind::Controlled(scope) => {
                let handle = scope.spawn(f);
                let thread = controlled_thread(handle.thread(), None);
                ScopedJoinHandle { kind: ScopedKind::Controlled(handle), thread }
            }
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

/// The right to wait for the end of a thread of a scope.
pub struct ScopedJoinHandle<'scope, T> {
    kind: ScopedKind<'scope, T>,
    thread: Thread,
}

enum ScopedKind<'scope, T> {
    Plain(std::thread::ScopedJoinHandle<'scope, T>),
    Controlled(shuttle::thread::ScopedJoinHandle<'scope, T>),
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the thread to end. The error is the payload of its panic.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        match self.kind {
            ScopedKind::Plain(handle) => handle.join(),
            ScopedKind::Controlled(handle) => {
                let _waiting = join_wait(&self.thread, Location::caller());
                handle.join()
            }
        }
    }

    /// True once the thread's function has returned.
    pub fn is_finished(&self) -> bool {
        match &self.kind {
            ScopedKind::Plain(handle) => handle.is_finished(),
            ScopedKind::Controlled(handle) => {
                controlled::scheduling_point();
                handle.is_finished()
            }
        }
    }

    /// The thread's name and number.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopedJoinHandle").field(&self.thread).finish()
    }
}
