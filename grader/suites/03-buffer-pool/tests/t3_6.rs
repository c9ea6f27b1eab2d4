//! Task 3.6: the scan. Every record exactly once, at the record id it is known by, in a pool of three frames,
//! with nothing held between two calls.

mod basic;
mod changes;
mod costs;
mod hostile;
mod restart;
mod threads;

use std::collections::BTreeMap;

use buffer_pool::{Pager, RecordId, Scan};
use testkit::{Failure, check};

/// All that a scan gives: each record once.
fn collect<P: Pager>(scan: Scan<'_, P>, what: &str) -> BTreeMap<RecordId, Vec<u8>> {
    let mut found = BTreeMap::new();
    for item in scan {
        match item {
            Ok((id, record)) => {
                check!(found.insert(id, record).is_none(), "{what} gave {id} twice");
            }
            Err(error) => Failure::new(what.to_string()).found(error).expected_text("a record").raise(),
        }
    }
    found
}

/// The record ids that a scan gives, in its order.
fn ids_of<P: Pager>(scan: Scan<'_, P>, what: &str) -> Vec<RecordId> {
    let mut ids = Vec::new();
    for item in scan {
        match item {
            Ok((id, _)) => ids.push(id),
            Err(error) => Failure::new(what.to_string()).found(error).expected_text("a record").raise(),
        }
    }
    ids
}
