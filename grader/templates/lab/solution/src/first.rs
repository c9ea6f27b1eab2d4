//! TO WRITE: the purpose of this file in one sentence, its callers and what it calls, a picture or a byte
//! layout, and numbered invariants (I1, I2) that assertions, tests and hints cite.

use crate::Error;

/// TO WRITE: what the function does. What a learner must know to write it stands here and nowhere else.
///
/// # Requires
/// TO WRITE: what the caller guarantees.
///
/// # Ensures
/// TO WRITE: what holds afterwards.
///
/// # Errors
/// TO WRITE: each error and its condition.
///
/// # Cost
/// TO WRITE: steps, page reads or system calls.
pub fn first() -> Result<(), Error> {
    //# task {{number}}.1 write the first task
    // TO WRITE: the reference of task {{number}}.1, between these two marks.
    Err(Error::NotWritten)
    //# end
}
