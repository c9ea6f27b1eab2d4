//! What the authors of labs use: the generator of `labs/` and of the lists, the check that everything
//! agrees, and the times of a learner's loop.

pub mod check;
pub mod generate;
pub mod lists;
pub mod loop_times;
pub mod marks;
pub mod new;
