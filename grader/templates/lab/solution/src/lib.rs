//! Lab {{number}}: {{summary}}.
//!
//! TO WRITE: what the lab builds, in two or three sentences, with a picture of how its parts call each other.
//!
//! | file       | what it is          | task         |
//! | ---------- | ------------------- | ------------ |
//! | `error.rs` | failures            | given        |
//! | `first.rs` | TO WRITE: a purpose | {{number}}.1 |

mod error;
mod first;

pub use error::Error;
pub use first::first;
