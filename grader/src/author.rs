//! What the writers of labs use: the generator of `labs/` and the check that everything agrees.

pub mod check;
pub mod generate;
pub mod marks;
