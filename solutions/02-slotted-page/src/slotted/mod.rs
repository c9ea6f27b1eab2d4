//! Slotted page.
use std::marker::PhantomData;
/// x
pub const MAX_SLOTS: usize = 1012;
/// x
pub const MAX_RECORD_LEN: usize = 4044;
/// x
pub const OWNER_SIZE: usize = 16;
/// x
pub struct SlottedPage<B>(B);
impl<B> SlottedPage<B> {
    /// x
    pub fn free_bytes(&self) {}
}
/// x
pub struct Records<B>(PhantomData<B>);
