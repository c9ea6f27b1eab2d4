//! Following links from page to page: links that name no page of the heap, and circles. Given.
//!
//! A link may be damaged, or old: read before another thread changed the chain. So each operation that
//! follows one must end whatever the link says.

use slotted_page::PageId;

use crate::Error;

/// True if `error` says that a link names a page that is not one of the heap: a free page, a page of the disk
/// manager, or a page of something else.
pub fn is_no_heap_page(error: &Error) -> bool {
    use slotted_page::Error::{NotAllocated, ReservedPage};
    matches!(
        error,
        Error::NotInHeap { .. } | Error::Page(NotAllocated { .. }) | Error::Page(ReservedPage { .. })
    )
}

/// Notices when a walk along links returns to a page that it has visited. It remembers one page, and replaces
/// it by the current one after 1, 2, 4, 8 ... steps; so it needs constant memory, and the walk goes round a
/// circle a few times at most before it is noticed.
///
/// Source: Brent, "An Improved Monte Carlo Factorization Algorithm", BIT 20 (1980).
#[derive(Clone, Copy, Debug)]
pub struct CircleCheck {
    mark: PageId,
    steps: u64,
    limit: u64,
}

impl CircleCheck {
    /// Before the first step.
    pub fn new() -> Self {
        CircleCheck { mark: PageId::NONE, steps: 0, limit: 1 }
    }

    /// One step, to `page`: true if the walk is in a circle.
    pub fn is_back_at(&mut self, page: PageId) -> bool {
        if page == self.mark {
            return true;
        }
        self.steps += 1;
        if self.steps == self.limit {
            *self = CircleCheck { mark: page, steps: 0, limit: self.limit * 2 };
        }
        false
    }
}

impl Default for CircleCheck {
    fn default() -> Self {
        Self::new()
    }
}
