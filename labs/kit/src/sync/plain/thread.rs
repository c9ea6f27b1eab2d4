//! Threads of the machine.

use std::fmt;

/// What a joined thread returned, or the payload of its panic.
pub use std::thread::Result;
pub use std::thread::{ThreadId, yield_now};

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

    fn of(thread: &std::thread::Thread) -> Self {
        Thread { name: thread.name().map(str::to_string), id: thread.id() }
    }
}

/// The thread that calls this function.
pub fn current() -> Thread {
    Thread::of(&std::thread::current())
}

/// Starts a thread.
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
    pub fn spawn<F, T>(self, f: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut builder = std::thread::Builder::new();
        if let Some(name) = self.name {
            builder = builder.name(name);
        }
        let handle = builder.spawn(f)?;
        let thread = Thread::of(handle.thread());
        Ok(JoinHandle { handle, thread })
    }
}

/// The right to wait for a thread's end. Dropping it lets the thread run on.
pub struct JoinHandle<T> {
    handle: std::thread::JoinHandle<T>,
    thread: Thread,
}

impl<T> JoinHandle<T> {
    /// Waits for the thread to end. The error is the payload of its panic.
    pub fn join(self) -> Result<T> {
        self.handle.join()
    }

    /// True once the thread's function has returned.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The thread's name and number.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.thread).finish()
    }
}

/// Starts threads that may borrow from outside, see [`scope`].
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope>(&'scope std::thread::Scope<'scope, 'env>);

/// Runs `f`, which starts threads through its argument, and waits until all of them have ended.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&Scope<'scope, 'env>) -> T,
{
    std::thread::scope(|scope| f(&Scope(scope)))
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a thread that ends before the scope does.
    pub fn spawn<F, T>(&self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let handle = self.0.spawn(f);
        let thread = Thread::of(handle.thread());
        ScopedJoinHandle { handle, thread }
    }
}

/// The right to wait for the end of a thread of a scope.
pub struct ScopedJoinHandle<'scope, T> {
    handle: std::thread::ScopedJoinHandle<'scope, T>,
    thread: Thread,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the thread to end. The error is the payload of its panic.
    pub fn join(self) -> Result<T> {
        self.handle.join()
    }

    /// True once the thread's function has returned.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
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
