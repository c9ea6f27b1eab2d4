//! Text picture of a page, for your own debugging and for the grader's reports.
use crate::PageBuf;
/// Draws `page`, whatever its bytes.
pub fn dump_page(page: &PageBuf) -> String {
    kit::draw::hex(page, 0)
}
