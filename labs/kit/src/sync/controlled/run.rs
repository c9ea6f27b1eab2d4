//! A controlled run, and which thread in it waits for what.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

thread_local! {
    static IS_CONTROLLED: Cell<bool> = const { Cell::new(false) };
    static IS_TRACING: Cell<bool> = const { Cell::new(false) };
    static WAKEUPS: Cell<u64> = const { Cell::new(0) };
    static THREADS: RefCell<Vec<Thread>> = const { RefCell::new(Vec::new()) };
}

/// What is known about one thread of the run, by its number.
#[derive(Default)]
struct Thread {
    name: Option<String>,
    wait: Option<Pending>,
}

/// What a [`Wait`] is made from when a report needs it.
#[derive(Clone)]
struct Pending {
    on: String,
    made_at: Option<&'static Location<'static>>,
    at: &'static Location<'static>,
    holders: List,
    backtrace: Option<Arc<Backtrace>>,
}

/// Numbers of the threads that hold a lock.
type List = Arc<Mutex<Vec<usize>>>;

/// What a thread waits for.
#[derive(Debug, Clone)]
pub struct Wait {
    /// Name of the thread that waits.
    pub thread: String,
    /// What it waits for, as "the mutex".
    pub on: String,
    /// Where that was made.
    pub made_at: Option<&'static Location<'static>>,
    /// Where the thread waits.
    pub at: &'static Location<'static>,
    /// Names of the threads that hold it.
    pub held_by: Vec<String>,
    /// The calls that led to the wait, if [`trace_waits`] is on.
    pub backtrace: Option<Arc<Backtrace>>,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mutex,
    RwLock,
    Condvar,
}

/// Runs `f` with everything it makes under control. `f` starts the scheduler: the grader's test kit
/// calls this, a lab never does.
pub fn run<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_CONTROLLED.set(self.0);
        }
    }
    let _restore = Restore(IS_CONTROLLED.replace(true));
    f()
}

/// True inside a controlled run.
pub fn is_controlled() -> bool {
    IS_CONTROLLED.get()
}

/// Inside a run, lets the scheduler pick another thread. Outside, does nothing.
pub fn scheduling_point() {
    if is_controlled() && shuttle::current::try_get_current_task().is_some() {
        shuttle::thread::sleep(Duration::ZERO);
    }
}

/// With `true`, each wait from now on keeps a backtrace: slow, for the one schedule that is reported.
pub fn trace_waits(is_tracing: bool) {
    IS_TRACING.set(is_tracing);
}

/// How many threads were taken off the lists of condition variables by `notify_one` and `notify_all`, in all
/// runs so far on this OS thread. A test reads it before and after.
pub fn wakeups() -> u64 {
    WAKEUPS.get()
}

pub(super) fn count_wakeups(threads: u64) {
    WAKEUPS.set(WAKEUPS.get() + threads);
}

/// Forgets the threads of the schedule before. Called at the start of each.
pub fn forget_threads() {
    THREADS.with_borrow_mut(Vec::clear);
}

/// What each waiting thread waits for; meaningful after a deadlock.
pub fn waits() -> Vec<Wait> {
    let pending: Vec<(usize, Pending)> = THREADS.with_borrow(|threads| {
        let waiting = threads.iter().enumerate();
        waiting.filter_map(|(id, thread)| Some((id, thread.wait.clone()?))).collect()
    });
    let named = |(id, wait): (usize, Pending)| Wait {
        thread: thread_name(id),
        on: wait.on,
        made_at: wait.made_at,
        at: wait.at,
        held_by: members(&wait.holders).into_iter().map(thread_name).collect(),
        backtrace: wait.backtrace,
    };
    pending.into_iter().map(named).collect()
}

fn members(list: &List) -> Vec<usize> {
    list.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Name of thread number `id`: the one it was given, or `thread-3`; 0 is `main`.
pub fn thread_name(id: usize) -> String {
    let given = THREADS.with_borrow(|threads| threads.get(id).and_then(|thread| thread.name.clone()));
    given.unwrap_or_else(|| if id == 0 { "main".to_string() } else { format!("thread-{id}") })
}

pub(super) fn name_thread(id: usize, name: String) {
    with_thread(id, |thread| thread.name = Some(name));
}

/// A random number from the schedule's seed.
pub(super) fn random_below(bound: u64) -> u64 {
    use shuttle::rand::RngCore;
    shuttle::rand::thread_rng().next_u64() % bound
}

/// Number of this thread in the run.
pub(super) fn own_id() -> usize {
    shuttle::current::try_get_current_task().map_or(0, usize::from)
}

fn with_thread(id: usize, change: impl FnOnce(&mut Thread)) {
    THREADS.with_borrow_mut(|threads| {
        if threads.len() <= id {
            threads.resize_with(id + 1, Thread::default);
        }
        change(&mut threads[id]);
    });
}

/// Says that this thread waits, until it is dropped.
pub(super) struct Waiting(usize);

impl Waiting {
    /// A wait for something that no thread holds.
    pub(super) fn start(
        on: String,
        made_at: Option<&'static Location<'static>>,
        at: &'static Location<'static>,
    ) -> Self {
        Self::on(Pending { on, made_at, at, holders: List::default(), backtrace: None })
    }

    fn on(mut wait: Pending) -> Self {
        let id = own_id();
        wait.backtrace = IS_TRACING.get().then(|| Arc::new(Backtrace::force_capture()));
        with_thread(id, |thread| thread.wait = Some(wait));
        Waiting(id)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        with_thread(self.0, |thread| thread.wait = None);
    }
}

/// The threads that hold a lock.
pub(super) struct Holders {
    kind: Kind,
    made_at: &'static Location<'static>,
    threads: List,
}

/// A place in the list of holders, given up on drop.
pub(super) struct Held<'a> {
    holders: &'a Holders,
    thread: usize,
}

impl Holders {
    #[track_caller]
    pub(super) fn new(kind: Kind) -> Self {
        Holders { kind, made_at: Location::caller(), threads: List::default() }
    }

    /// This thread is about to wait for the lock. Panics if it can only wait for itself.
    #[track_caller]
    pub(super) fn wait(&self, at: &'static Location<'static>) -> Waiting {
        let own = own_id();
        if self.kind == Kind::Mutex && members(&self.threads).contains(&own) && !std::thread::panicking() {
            let name = thread_name(own);
            panic!("deadlock: the thread {name} locks a mutex that it already holds");
        }
        let on = self.kind.name().to_string();
        let holders = Arc::clone(&self.threads);
        Waiting::on(Pending { on, made_at: Some(self.made_at), at, holders, backtrace: None })
    }

    /// This thread now holds the lock.
    pub(super) fn hold(&self) -> Held<'_> {
        let thread = own_id();
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Held { holders: self, thread }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut threads = self.holders.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = threads.iter().position(|thread| *thread == self.thread) {
            threads.swap_remove(at);
        }
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Mutex => "the mutex",
            Kind::RwLock => "the reader-writer lock",
            Kind::Condvar => "a notification of the condition variable",
        }
    }
}
