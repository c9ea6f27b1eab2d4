//! What happened so far on this thread, for whatever fails next.
//!
//! A test adds to its scene as it runs: each operation as a line of code, a picture of the structure, the
//! invariant it is about to check. A failing check, a panic in the learner's code and the watchdog take the
//! last [`MAX_STEPS`] steps and the picture into their report.
//!
//! A scene belongs to a thread. While [`crate::prop`] and [`crate::schedule`] search, nothing is recorded
//! and no picture is drawn: they run the failing case once more with the scene on. Drawing a picture takes no
//! part in a schedule: the thread that draws keeps its turn, so the case that fails is still the same.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use grader_protocol::Failure;

/// Steps kept.
pub const MAX_STEPS: usize = 40;

#[derive(Default)]
struct Scene {
    steps: VecDeque<String>,
    left_out: usize,
    picture: Option<String>,
    invariant: Option<(String, String)>,
    /// The generated input that is being tried.
    case: Option<String>,
}

/// Every thread's scene, for the watchdog, which runs on a thread of its own.
static SCENES: Mutex<Vec<Weak<Mutex<Scene>>>> = Mutex::new(Vec::new());

thread_local! {
    static SCENE: RefCell<Option<Arc<Mutex<Scene>>>> = const { RefCell::new(None) };
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    static IS_DRAWING: Cell<bool> = const { Cell::new(false) };
}

/// Adds an operation, written as code: `queue.push_back(3)`. The last [`MAX_STEPS`] are kept.
pub fn step(text: impl Into<String>) {
    step_with(|| text.into());
}

/// As [`step`]; the text is only made if the scene records.
pub fn step_with(text: impl FnOnce() -> String) {
    if is_quiet() {
        return;
    }
    let text = text();
    with(|scene| {
        if scene.steps.len() == MAX_STEPS {
            scene.steps.pop_front();
            scene.left_out += 1;
        }
        scene.steps.push_back(text);
    });
}

/// Draws the structure as it is now. `draw` runs at once, and not at all while a search is on; if it
/// panics (a half-built structure) the picture is left out.
pub fn picture(draw: impl FnOnce() -> String) {
    if !is_quiet() {
        let drawn = drawn(draw);
        with(|scene| scene.picture = drawn);
    }
}

/// What `draw` returns, unless the scene is quiet or `draw` panics.
pub(crate) fn drawn(draw: impl FnOnce() -> String) -> Option<String> {
    if is_quiet() {
        return None;
    }
    let was_drawing = IS_DRAWING.replace(true);
    let drawn = crate::harness::quietly(draw);
    IS_DRAWING.set(was_drawing);
    drawn.ok()
}

/// True while a picture is drawn. All threads of a schedule run on one thread of the system, so this says
/// that one of them draws.
#[cfg(feature = "controlled")]
pub(crate) fn is_drawing() -> bool {
    IS_DRAWING.get()
}

/// Puts a picture that is already text.
pub fn set_picture(picture: impl Into<String>) {
    if !is_quiet() {
        let picture = picture.into();
        with(|scene| scene.picture = Some(picture));
    }
}

/// Names the invariant that the next checks are about; `clear` or another call ends it.
pub fn invariant(id: &str, text: &str) {
    if !is_quiet() {
        with(|scene| scene.invariant = Some((id.to_string(), text.to_string())));
    }
}

/// Forgets steps, picture and invariant.
pub fn clear() {
    if !is_quiet() {
        with(|scene| *scene = Scene { case: scene.case.take(), ..Scene::default() });
    }
}

/// A generated input is about to be tried; the watchdog shows it if it never comes back.
pub(crate) fn begin_case(case: String) {
    with(|scene| scene.case = Some(case));
}

/// No generated input is being tried.
pub(crate) fn end_case() {
    with(|scene| scene.case = None);
}

/// True while a search runs and nothing is recorded.
pub fn is_quiet() -> bool {
    IS_QUIET.get()
}

/// Runs `body` with recording on or off, and puts it back afterwards, also when `body` unwinds.
pub(crate) fn with_quiet<R>(is_quiet: bool, body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_QUIET.set(self.0);
        }
    }
    let _restore = Restore(IS_QUIET.replace(is_quiet));
    body()
}

/// Puts this thread's scene into `failure`, where nothing is set yet.
pub(crate) fn add_to(failure: &mut Failure) {
    with(|scene| scene.add_to(failure));
}

/// Puts the longest scene of any thread into `failure`: all the watchdog can know.
pub(crate) fn add_any_to(failure: &mut Failure) {
    let scenes = SCENES.lock().unwrap_or_else(PoisonError::into_inner);
    let live: Vec<Arc<Mutex<Scene>>> = scenes.iter().filter_map(Weak::upgrade).collect();
    let longest = live
        .iter()
        .filter_map(|scene| scene.try_lock().ok())
        .max_by_key(|scene| (scene.case.is_some(), scene.steps.len()));
    if let Some(scene) = longest {
        scene.add_to(failure);
    }
}

impl Scene {
    fn add_to(&self, failure: &mut Failure) {
        if failure.steps.is_empty() && !self.steps.is_empty() {
            if self.left_out > 0 {
                failure.steps.push(format!("// ({} earlier steps left out)", self.left_out));
            }
            failure.steps.extend(self.steps.iter().cloned());
        }
        if failure.case.is_none() {
            failure.case.clone_from(&self.case);
        }
        if failure.picture.is_none() {
            failure.picture.clone_from(&self.picture);
        }
        if failure.invariant.is_none() {
            failure.invariant.clone_from(&self.invariant);
        }
    }
}

/// Changes this thread's scene. Without the memory limit: the report of a broken limit takes this lock too.
fn with<R>(change: impl FnOnce(&mut Scene) -> R) -> R {
    crate::alloc::without_limit(|| with_locked(change))
}

fn with_locked<R>(change: impl FnOnce(&mut Scene) -> R) -> R {
    let scene = SCENE.with_borrow_mut(|slot| {
        slot.get_or_insert_with(|| {
            let scene = Arc::new(Mutex::new(Scene::default()));
            let mut all = SCENES.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|scene| scene.strong_count() > 0);
            all.push(Arc::downgrade(&scene));
            scene
        })
        .clone()
    });
    let mut scene = scene.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut scene)
}
