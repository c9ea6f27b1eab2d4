//! The fault disk keeps its own rules F1 to F4.

use super::*;

fn survivors(disk: &FaultDisk) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(7);
    (0..200).map(|_| disk.survivors(&mut rng)).collect()
}

#[test]
fn synced_bytes_always_survive_and_later_ones_sometimes() {
    let disk = FaultDisk::new();
    disk.write_at(0, &[1; SECTOR]).unwrap();
    disk.sync().unwrap();
    disk.write_at(SECTOR as u64, &[2; SECTOR]).unwrap();
    let all = survivors(&disk);
    assert!(all.iter().all(|bytes| bytes[..SECTOR] == [1; SECTOR]));
    assert!(all.iter().any(|bytes| bytes.len() == 2 * SECTOR && bytes[SECTOR..] == [2; SECTOR]));
    assert!(all.iter().any(|bytes| bytes.len() == SECTOR));
    // The length survived and the data did not.
    assert!(all.iter().any(|bytes| bytes.len() == 2 * SECTOR && bytes[SECTOR..] == [0; SECTOR]));
    assert_eq!(disk.durable(), [1; SECTOR]);
}

#[test]
fn a_page_is_torn_between_sectors_and_never_inside_one() {
    let disk = FaultDisk::from_bytes(vec![0; 8 * SECTOR]);
    disk.write_at(0, &[9; 8 * SECTOR]).unwrap();
    let mut seen_torn = false;
    for bytes in survivors(&disk) {
        for sector in bytes.chunks(SECTOR) {
            assert!(sector.iter().all(|byte| *byte == sector[0]));
        }
        seen_torn |= bytes.contains(&0) && bytes.contains(&9);
    }
    assert!(seen_torn);
}

#[test]
fn a_later_write_may_survive_where_an_earlier_one_did_not() {
    let disk = FaultDisk::from_bytes(vec![0; 2 * SECTOR]);
    disk.write_at(0, &[1; SECTOR]).unwrap();
    disk.write_at(SECTOR as u64, &[2; SECTOR]).unwrap();
    let has = |first: u8, second: u8| survivors(&disk).iter().any(|b| b[0] == first && b[SECTOR] == second);
    assert!(has(0, 2) && has(1, 0) && has(0, 0) && has(1, 2));
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next_one() {
    let disk = FaultDisk::from_bytes(vec![0; SECTOR]);
    disk.fail_sync_at(0, ErrorKind::Other);
    disk.write_at(0, &[5; SECTOR]).unwrap();
    assert!(disk.sync().is_err());
    disk.sync().unwrap();
    assert_eq!(disk.bytes(), [5; SECTOR], "reads still see it");
    assert!(survivors(&disk).iter().any(|bytes| bytes[0] == 0), "yet it may be gone");
    disk.write_at(0, &[6; SECTOR]).unwrap();
    disk.sync().unwrap();
    assert_eq!(disk.durable(), [6; SECTOR]);
}

#[test]
fn a_cut_file_that_grows_again_holds_zeros() {
    let disk = FaultDisk::from_bytes(vec![7; 2 * SECTOR]);
    disk.set_len(100).unwrap();
    disk.set_len(2 * SECTOR as u64).unwrap();
    disk.sync().unwrap();
    let bytes = disk.durable();
    assert_eq!(bytes, disk.bytes());
    assert!(bytes[..100].iter().all(|byte| *byte == 7) && bytes[100..].iter().all(|byte| *byte == 0));
}

#[test]
fn from_the_crash_on_every_call_fails() {
    let disk = FaultDisk::new();
    disk.crash_before(1);
    disk.write_at(0, b"ab").unwrap();
    assert!(disk.read_at(0, &mut [0; 2]).is_ok());
    let error = disk.sync().unwrap_err();
    assert!(FaultDisk::is_crash(&error) && disk.has_crashed());
    assert!(FaultDisk::is_crash(&disk.read_at(0, &mut [0]).unwrap_err()));
    assert!(FaultDisk::is_crash(&disk.len().unwrap_err()));
    assert!(FaultDisk::is_crash(&io::Error::other(error)), "also when it is wrapped");
    assert!(!FaultDisk::is_crash(&io::Error::from(ErrorKind::Other)));
    assert_eq!(disk.ops(), 1);
    assert_eq!(disk.durable(), b"");
}

#[test]
fn short_transfers_end_up_with_the_same_bytes() {
    let disk = FaultDisk::with_seed(3);
    disk.short_io(true);
    let wanted: Vec<u8> = (0..2_000).map(|k| k as u8).collect();
    let (mut at, mut interrupted) = (0, 0);
    while at < wanted.len() {
        match disk.write_at(at as u64, &wanted[at..wanted.len().min(at + 100)]) {
            Ok(moved) => at += moved,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Interrupted);
                interrupted += 1;
            }
        }
    }
    assert_eq!(disk.bytes(), wanted);
    assert!(disk.counts().writes > 25 && interrupted < 100);
    assert_eq!(disk.counts().bytes_written, 2_000);
}

#[test]
fn errors_come_where_they_were_put() {
    let disk = FaultDisk::new();
    disk.fail_at(1, ErrorKind::PermissionDenied);
    disk.capacity(10);
    assert_eq!(disk.write_at(0, &[1; 4]).unwrap(), 4);
    assert_eq!(disk.write_at(0, &[2; 4]).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(disk.write_at(8, &[3; 4]).unwrap(), 2, "a write across the end is short");
    assert_eq!(disk.write_at(10, &[4]).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.set_len(11).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.bytes(), [1, 1, 1, 1, 0, 0, 0, 0, 3, 3]);
    assert_eq!(disk.log_lines()[1], "op 1: write 4 bytes at 0 (fails: permission denied)");
}

#[test]
fn a_flipped_bit_is_flipped_on_the_medium() {
    let disk = FaultDisk::from_bytes(vec![0; 4]);
    disk.flip_bit(2, 3);
    assert_eq!((disk.bytes(), disk.durable()), (vec![0, 0, 8, 0], vec![0, 0, 8, 0]));
}
