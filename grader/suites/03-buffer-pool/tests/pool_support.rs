//! What the tests of the pool share: pages whose bytes are known, a disk that can be watched, held and made
//! to fail, and a journal of what several threads do.

use std::fmt::Debug;
use std::io::{self, ErrorKind};

use buffer_pool::{Access, BufferPool, Error, FlushHook, Pager, Pin};
use kit::disk::Disk;
use kit::sync::{Arc, Condvar, Mutex, thread};
use slotted_page::{DiskManager, IoError, Lsn, PAGE_SIZE, PageBuf, PageId, PageKind, header};
use testkit::disk::FaultDisk;
use testkit::{Failure, check, check_eq};

pub(crate) use crate::support::{Journal, must};

/// A kind of page that no lab knows: nobody looks into its body.
pub(crate) const KIND: PageKind = PageKind(40);

/// Pages from here on are not the disk manager's own, in files as small as those of these tests.
const FIRST_PAGE: u32 = 4;

/// What the body of a page holds, as a number: 0 for a body of zeros.
pub(crate) type Tag = u32;

/// Writes the body that `tag` stands for; the header stays.
pub(crate) fn fill(page: &mut PageBuf, tag: Tag) {
    let id = header::id(page);
    page[header::HEADER_SIZE..].copy_from_slice(&body(id, tag)[header::HEADER_SIZE..]);
}

/// A page with the body of `tag`, without a header.
fn body(id: PageId, tag: Tag) -> Box<PageBuf> {
    let mut page = Box::new([0; PAGE_SIZE]);
    if tag != 0 {
        header::put_u32(&mut page[..], header::HEADER_SIZE, tag);
        let factor = tag.wrapping_mul(31).wrapping_add(id.0);
        testkit::bytes::fill_with_multiples(&mut page[header::HEADER_SIZE + 4..], factor);
    }
    page
}

/// The tag of page `id`, if its body is one that [`fill`] makes.
pub(crate) fn tag_of(page: &PageBuf, id: PageId) -> Option<Tag> {
    let tag = header::get_u32(&page[..], header::HEADER_SIZE);
    (page[header::HEADER_SIZE..] == body(id, tag)[header::HEADER_SIZE..]).then_some(tag)
}

/// Checks that a page in the pool is page `id` with the body of `tag`.
pub(crate) fn check_page(page: &PageBuf, id: PageId, tag: Tag) {
    check_eq!(header::id(page), id, "the page number in the header of what was given as {id}");
    check_eq!(tag_of(page, id), Some(tag), "the content of {id} (None: bytes that were never written as it)");
}

/// One call of the disk, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    Read(PageId),
    Write(PageId),
    Sync,
    /// The hook is asked whether the page may be written, its last change being this one.
    Hook(PageId, u64),
}

/// A disk, and a hook, that note each call for a page, and on which a call can be made to wait or to fail.
pub(crate) struct Tap {
    pub(crate) disk: FaultDisk,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    log: Vec<Io>,
    held: Vec<Io>,
    inside: Vec<Io>,
    faults: Vec<(Io, usize, ErrorKind)>,
    /// A page that was written with bytes that nobody gave it.
    torn: Option<PageId>,
    /// What the hook has allowed and nobody has written yet; `None` if there is no hook.
    allowed: Option<Vec<(PageId, u64)>>,
    /// A page that was written without the hook's leave, and its LSN.
    unasked: Option<(PageId, u64)>,
}

impl Tap {
    fn new(disk: FaultDisk) -> Arc<Self> {
        Arc::new(Tap { disk, state: Mutex::new(State::default()), changed: Condvar::new() })
    }

    /// The next `times` such calls fail, without effect.
    pub(crate) fn fail(&self, io: Io, times: usize, kind: ErrorKind) {
        testkit::step!("// the next {times} of {io:?} will fail with {kind:?}");
        self.state.lock().faults.push((io, times, kind));
    }

    /// No call fails any more.
    pub(crate) fn forget_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// Such calls wait until they are let go.
    pub(crate) fn hold(&self, io: Io) {
        self.state.lock().held.push(io);
    }

    /// Such calls go on.
    pub(crate) fn let_go(&self, io: Io) {
        self.state.lock().held.retain(|held| *held != io);
        self.changed.notify_all();
    }

    /// Waits until such a call is being held.
    pub(crate) fn await_held(&self, io: Io) {
        let mut state = self.state.lock();
        while !state.inside.contains(&io) {
            state = self.changed.wait(state);
        }
    }

    /// The calls so far, in the order in which they began.
    pub(crate) fn log(&self) -> Vec<Io> {
        self.state.lock().log.clone()
    }

    /// The calls since the last time.
    pub(crate) fn take_log(&self) -> Vec<Io> {
        std::mem::take(&mut self.state.lock().log)
    }

    /// How many such calls there were.
    pub(crate) fn count(&self, io: Io) -> usize {
        self.state.lock().log.iter().filter(|call| **call == io).count()
    }

    /// The tag of page `id` as it is in the file, sealed.
    pub(crate) fn tag_on_disk(&self, id: PageId) -> Option<Tag> {
        tag_in(&self.disk.bytes(), id)
    }

    /// Checks that every page written so far had a body that somebody gave it.
    pub(crate) fn check_whole(&self) {
        let torn = self.state.lock().torn;
        check_eq!(torn, None, "a page that was written with bytes that nobody gave it");
    }

    /// Checks that the hook has allowed every write of a page, with the LSN that was written.
    pub(crate) fn check_asked(&self) {
        let unasked = self.state.lock().unasked;
        check_eq!(
            unasked,
            None,
            "a page (and its LSN) that was written though the hook was not asked for it"
        );
    }

    /// Notes what is about to be written.
    fn note_page(&self, id: PageId, page: &PageBuf) {
        let mut state = self.state.lock();
        if header::kind(page) == KIND && tag_of(page, id).is_none() {
            state.torn = state.torn.or(Some(id));
        }
        let wanted = (id, header::lsn(page).0);
        let Some(allowed) = &mut state.allowed else { return };
        match allowed.iter().position(|entry| *entry == wanted) {
            Some(at) => drop(allowed.swap_remove(at)),
            None => state.unasked = state.unasked.or(Some(wanted)),
        }
    }

    fn enter(&self, io: Io) -> io::Result<()> {
        let mut state = self.state.lock();
        state.log.push(io);
        state.inside.push(io);
        self.changed.notify_all();
        while state.held.contains(&io) {
            state = self.changed.wait(state);
        }
        if let Some(at) = state.inside.iter().position(|inside| *inside == io) {
            state.inside.remove(at);
        }
        let fault = state.faults.iter_mut().find(|(call, times, _)| *call == io && *times > 0);
        fault.map_or(Ok(()), |(_, times, kind)| {
            *times -= 1;
            Err(io::Error::new(*kind, "the test made this call fail"))
        })
    }
}

/// The tag of page `id` in the bytes of a file, if it is whole and sealed.
pub(crate) fn tag_in(file: &[u8], id: PageId) -> Option<Tag> {
    let at = id.offset() as usize;
    let page: &PageBuf = file.get(at..at + PAGE_SIZE)?.try_into().ok()?;
    slotted_page::verify(page, id).ok()?;
    tag_of(page, id)
}

impl Disk for Tap {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let id = page_at(offset);
        if id.0 >= FIRST_PAGE {
            self.enter(Io::Read(id))?;
        }
        self.disk.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let id = page_at(offset);
        // The disk manager itself writes zeros over a page that is allocated again.
        if id.0 >= FIRST_PAGE && !is_zero(buf) {
            if let Ok(page) = <&PageBuf>::try_from(buf) {
                self.note_page(id, page);
            }
            self.enter(Io::Write(id))?;
        }
        self.disk.write_at(offset, buf)
    }

    fn sync(&self) -> io::Result<()> {
        self.enter(Io::Sync)?;
        self.disk.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(len)
    }
}

impl FlushHook for Tap {
    fn before_write(&self, page: PageId, lsn: Lsn) -> Result<(), IoError> {
        self.enter(Io::Hook(page, lsn.0)).map_err(IoError)?;
        self.state.lock().allowed.get_or_insert_default().push((page, lsn.0));
        Ok(())
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn page_at(offset: u64) -> PageId {
    PageId((offset / PAGE_SIZE as u64) as u32)
}

/// A file of `pages` pages, synced; the body of page number `n` of them has tag `n + 1`.
pub(crate) fn file(pages: usize) -> (Arc<Tap>, Vec<PageId>) {
    let tap = Tap::new(FaultDisk::new());
    let manager = DiskManager::create(tap.clone()).expect("create on a disk that works");
    let ids: Vec<PageId> = (0..pages).map(|_| manager.allocate().expect("the disk has room")).collect();
    for (tag, id) in (1..).zip(&ids) {
        write_below(&manager, *id, KIND, tag);
    }
    manager.sync().expect("the disk works");
    tap.take_log();
    (tap, ids)
}

/// Writes a page without any pool.
pub(crate) fn write_below(manager: &DiskManager, id: PageId, kind: PageKind, tag: Tag) {
    let mut page = Box::new([0; PAGE_SIZE]);
    header::init(&mut page, id, kind);
    fill(&mut page, tag);
    manager.write_page(id, &page).expect("the page is allocated");
}

/// The disk manager of a file that is in order.
pub(crate) fn manager(tap: &Arc<Tap>) -> DiskManager {
    DiskManager::open(tap.clone()).expect("the file is in order")
}

/// A pool of `frames` frames over the file.
pub(crate) fn pool(tap: &Arc<Tap>, frames: usize) -> BufferPool {
    testkit::step!("let pool = BufferPool::new(disk, {frames})");
    match BufferPool::new(manager(tap), frames) {
        Ok(pool) => pool,
        Err(error) => {
            Failure::new(format!("a new pool of {frames} frames")).found(error).expected_text("Ok").raise()
        }
    }
}

/// A file of `pages` pages, and a pool of `frames` frames over it.
pub(crate) fn pool_over(pages: usize, frames: usize) -> (Arc<Tap>, Arc<BufferPool>, Vec<PageId>) {
    let (tap, ids) = file(pages);
    let pool = pool(&tap, frames);
    (tap, Arc::new(pool), ids)
}

/// As [`pool_over`], with the disk itself as the hook.
pub(crate) fn hooked_over(pages: usize, frames: usize) -> (Arc<Tap>, Arc<BufferPool>, Vec<PageId>) {
    let (tap, ids) = file(pages);
    let below = manager(&tap);
    tap.state.lock().allowed = Some(Vec::new());
    testkit::step!("let pool = BufferPool::with_hook(disk, {frames}, hook)");
    let pool = must(BufferPool::with_hook(below, frames, tap.clone()), "a pool with a hook");
    (tap, Arc::new(pool), ids)
}

/// Pins a page; must succeed.
pub(crate) fn pin(pool: &BufferPool, id: PageId) -> Pin<'_> {
    testkit::step!("pool.pin({id}, Access::Again)");
    let pin = must(pool.pin(id, Access::Again), &format!("pin of {id}"));
    check_eq!(pin.id(), id, "id() of a pin of {id}");
    pin
}

/// Pins a page and lets go of it again.
pub(crate) fn visit(pool: &BufferPool, id: PageId) {
    drop(pin(pool, id));
}

/// Allocates a page; must succeed. It stays dirty in the pool.
pub(crate) fn make(pool: &BufferPool) -> PageId {
    let pin = must(pool.pin_new(KIND), "pin_new with a frame free");
    testkit::step!("drop(pool.pin_new(KIND)) // {}", pin.id());
    pin.id()
}

/// Checks what page `id` holds, through a read guard.
pub(crate) fn check_reads(pool: &BufferPool, id: PageId, tag: Tag) {
    testkit::step!("pool.read({id}) // must hold content {tag}");
    let page = must(pool.read(id), &format!("read of {id}"));
    check_page(&page, id, tag);
}

/// Gives page `id` new content, through a write guard.
pub(crate) fn change(pool: &BufferPool, id: PageId, tag: Tag) {
    testkit::step!("pool.write({id}) // content {tag}");
    let mut page = must(pool.write(id), &format!("write of {id}"));
    fill(&mut page, tag);
}

/// Pins every page of `ids` at once: the pool has so many frames that can be used.
pub(crate) fn check_frames(pool: &BufferPool, ids: &[PageId]) {
    let what = format!("pins of {} pages at once in a pool of {} frames", ids.len(), pool.frame_count());
    let pins: Vec<Pin<'_>> = ids.iter().map(|id| must(pool.pin(*id, Access::Again), &what)).collect();
    check_eq!(pins.len(), ids.len(), "{what}");
}

/// Gives page `id` new content and an LSN of the same number.
pub(crate) fn change_logged(pool: &BufferPool, id: PageId, tag: Tag) {
    testkit::step!("pool.write({id}) // content {tag}, LSN {tag}");
    let mut page = must(pool.write(id), &format!("write of {id}"));
    fill(&mut page, tag);
    header::set_lsn(&mut page, Lsn(u64::from(tag)));
}

/// Looks at page `id` as a scan does.
pub(crate) fn look_once(pool: &BufferPool, id: PageId, tag: Tag) {
    testkit::step!("pool.read_once({id})");
    let page = must(pool.read_once(id), &format!("read_once of {id}"));
    check_page(&page, id, tag);
}

/// The error of a disk that failed with `kind`.
pub(crate) fn io_error(kind: ErrorKind) -> Error {
    Error::Page(slotted_page::Error::Io(IoError(io::Error::from(kind))))
}

/// The error of a page that is free.
pub(crate) fn not_allocated(page: PageId) -> Error {
    Error::Page(slotted_page::Error::NotAllocated { page })
}

/// Starts a thread that pins a page, lets go of it, and gives the error if there was one.
pub(crate) fn spawn_visit(
    journal: &Journal,
    name: &'static str,
    pool: &Arc<BufferPool>,
    id: PageId,
) -> thread::JoinHandle<Result<(), Error>> {
    let pool = pool.clone();
    journal.spawn(name, move |journal| {
        journal.call(name, &format!("pin({id})"), || pool.pin(id, Access::Again).map(drop))
    })
}

/// The result of a thread that must end well.
pub(crate) fn joined<T: Debug>(what: &str, thread: thread::JoinHandle<Result<T, Error>>) -> T {
    must(thread.join().expect("the thread ends"), what)
}

/// Checks that the calls of the disk since the last look are exactly these.
pub(crate) fn check_log(tap: &Tap, expected: &[Io], what: &str) {
    check_eq!(tap.take_log(), expected.to_vec(), "calls of the disk for pages: {what}");
}

/// Checks that a page is in the pool or not, wherever the pool says so.
pub(crate) fn check_resident(pool: &BufferPool, id: PageId, is_resident: bool, when: &str) {
    check_eq!(pool.resident().contains(&id), is_resident, "whether {id} is in the pool {when}");
    check!(is_resident || pool.pin_count(id) == 0, "pin_count({id}) is 0 {when}");
}
