//! The map of task 5.7.

use std::ops::Bound::Unbounded;

use kit::sync::Arc;
use locking::snapshot::{Guarantee, SnapshotError, VersionedMap};

use crate::{ACCOUNTS, BALANCE, Bank};

/// Accounts by their number.
pub(crate) struct Snapshots(Arc<VersionedMap>);

fn balance(value: &[u8]) -> i64 {
    i64::from_le_bytes(value.try_into().expect("a balance has eight bytes"))
}

impl Snapshots {
    fn try_transfer(&self, from: u32, to: u32) -> Result<(), SnapshotError> {
        let mut txn = self.0.begin(Guarantee::Serializable);
        for (number, amount) in [(from, -1), (to, 1)] {
            let key = number.to_be_bytes();
            let old = balance(&txn.get(&key).expect("the account exists"));
            txn.put(&key, &(old + amount).to_le_bytes())?;
        }
        txn.commit().map(drop)
    }
}

impl Bank for Snapshots {
    type Teller<'b> = &'b Snapshots;

    fn new() -> Self {
        let map = VersionedMap::new();
        let mut txn = map.begin(Guarantee::Serializable);
        for number in 0..ACCOUNTS {
            txn.put(&number.to_be_bytes(), &BALANCE.to_le_bytes()).expect("nobody else is there");
        }
        txn.commit().expect("nobody else is there");
        Snapshots(map)
    }

    fn teller(&self) -> &Snapshots {
        self
    }

    fn transfer(teller: &mut &Snapshots, from: u32, to: u32) {
        while teller.try_transfer(from, to).is_err() {}
    }

    fn sum(&self) -> i64 {
        let rows = self.0.begin(Guarantee::Snapshot).range(Unbounded, Unbounded);
        rows.iter().map(|(_, value)| balance(value)).sum()
    }
}
