//! Random operations beside a plain map, in pools of all sizes.

use buffer_pool::MAX_HEAP_RECORD_LEN;
use proptest::prelude::*;
use testkit::{check, step};

use crate::heap_support::{Op, Table, check_file, check_no_leak, dice, pool, reopened, some_op};

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![
        5 => 0..12usize,
        6 => 12..300usize,
        4 => 300..1_500usize,
        2 => 1_500..=MAX_HEAP_RECORD_LEN,
        1 => MAX_HEAP_RECORD_LEN - 1..=MAX_HEAP_RECORD_LEN,
    ]
}

/// Operations, inserts first: a shorter list is a simpler one.
pub(crate) fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => len().prop_map(Op::Insert),
        3 => (0..100usize, len()).prop_map(|(number, len)| Op::Update(number, len)),
        3 => (0..100usize, 1..600usize).prop_map(|(number, by)| Op::Grow(number, by)),
        3 => (0..100usize).prop_map(Op::Delete),
        2 => (0..100usize, len()).prop_map(|(number, len)| Op::Restore(number, len)),
        1 => (0..100usize).prop_map(Op::Get),
        1 => Just(Op::Reopen),
    ];
    prop::collection::vec(op, 1..most)
}

/// Whatever is done to a heap, it holds what a map would hold, and its pages are in order.
#[testkit::test]
fn is_a_map_of_records() {
    testkit::prop::check(120, (3..20usize, ops(70)), |(frames, ops)| {
        let (disk, pool) = pool(frames);
        let mut table = Table::create(&pool);
        for (index, op) in ops.iter().enumerate() {
            table.apply(&pool, op);
            if index % 16 == 0 {
                table.check(&pool);
            }
        }
        table.check(&pool);
        check_file(&disk, &pool, &[&table]);
    });
}

/// The same after each single operation, in heaps of few pages that are nearly full.
#[testkit::test]
fn is_a_map_of_records_after_each_operation() {
    testkit::prop::check(60, ops(30), |ops| {
        let (_, pool) = pool(3);
        let mut table = Table::create(&pool);
        for len in [500, 500, 500, 500, 1_900, 20, 20] {
            table.insert(&pool, len);
        }
        for op in &ops {
            table.apply(&pool, op);
            table.check(&pool);
        }
        check_no_leak(&pool, &[&table.heap]);
    });
}

/// A long life: thousands of operations in a small pool and in a large one, with the file closed now and
/// then.
#[testkit::test]
fn lives_long() {
    for frames in [3, 64] {
        let (disk, mut pool) = pool(frames);
        let mut table = Table::create(&pool);
        let mut dice = dice();
        let (mut done, mut moved) = (0, 0);
        for round in 0..2_500 {
            let inserts = if table.model.len() < 150 { 9 } else { 4 };
            let op = some_op(&mut dice, inserts);
            done += usize::from(table.apply(&pool, &op));
            if round % 250 == 249 {
                moved += table.check(&pool).moved.len();
                check_file(&disk, &pool, &[&table]);
            }
            if round % 600 == 599 {
                step!("// the file is closed and opened again");
                assert_eq!(pool.sync(), Ok(()), "sync");
                pool = reopened(&disk, frames);
                table.reopen(&pool);
            }
        }
        table.check(&pool);
        check_no_leak(&pool, &[&table.heap]);
        check!(done > 2_000 && moved > 5, "{done} operations found a record, {moved} records were seen away");
    }
}
