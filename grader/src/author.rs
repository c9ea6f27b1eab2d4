//! What the authors of labs use: the generator of `labs/` and of the lists, and the check that everything agrees.

pub mod check;
pub mod generate;
pub mod lists;
pub mod marks;
pub mod new;
