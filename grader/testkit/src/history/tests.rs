//! The checker on histories made by hand, and on random ones that a small simulated engine makes.

mod anomalies;
mod played;
mod random;
mod shown;
mod simulated;

use super::*;

/// The report of a history in the notation.
fn report(text: &str) -> Report {
    let history: History = text.parse().unwrap_or_else(|error| panic!("{error} in {text}"));
    history.check(&Order::Writes).unwrap_or_else(|error| panic!("{error} in {text}"))
}
