//! Visible examples of lab 1: what each task must be able to do. The hidden tests check more.
//!
//! `cargo test -p structures hash_map` runs the examples of one task.

/// Task 1.1.
mod ring_queue {
    use structures::RingQueue;

    #[test]
    fn first_in_first_out() {
        let mut queue = RingQueue::new();
        for value in 1..=3 {
            queue.push_back(value);
        }
        assert_eq!(queue.pop_front(), Some(1), "{}", queue.dump());
        assert_eq!(queue.front(), Some(&2));
        assert_eq!(queue.back(), Some(&3));
        assert_eq!((queue.pop_front(), queue.pop_front(), queue.pop_front()), (Some(2), Some(3), None));
    }

    #[test]
    fn wraps_and_grows() {
        let mut queue = RingQueue::with_capacity(4);
        for value in 0..4 {
            queue.push_back(value);
        }
        queue.pop_front();
        queue.push_back(4);
        assert!(queue.iter().eq(&[1, 2, 3, 4]), "{}", queue.dump());
        queue.push_back(5);
        assert!(queue.iter().eq(&[1, 2, 3, 4, 5]), "{}", queue.dump());
    }

    #[test]
    fn has_two_ends() {
        let mut queue: RingQueue<i32> = (1..4).collect();
        queue.push_front(0);
        assert_eq!(queue.pop_back(), Some(3), "{}", queue.dump());
        assert_eq!(queue[1], 1);
        for value in &mut queue {
            *value *= 10;
        }
        assert_eq!(queue.into_iter().rev().collect::<Vec<_>>(), [20, 10, 0]);
    }
}

/// Task 1.2.
mod channel {
    use std::time::Duration;

    use kit::sync::thread;
    use structures::channel::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError, bounded};

    #[test]
    fn passes_values_from_thread_to_thread() {
        let (sender, receiver) = bounded(2);
        let sending = thread::spawn(move || (0..100).for_each(|value| sender.send(value).unwrap()));
        let received: Vec<i32> = receiver.iter().collect();
        sending.join().unwrap();
        assert!(received.into_iter().eq(0..100));
    }

    #[test]
    fn reports_full_and_empty() {
        let (sender, receiver) = bounded(1);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)), "{}", sender.dump());
        assert_eq!(receiver.try_recv(), Ok(1));
        let limit = Duration::from_millis(5);
        assert_eq!(receiver.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
    }

    #[test]
    fn values_sent_before_close_are_received() {
        let (sender, receiver) = bounded(4);
        sender.send('a').unwrap();
        assert!(sender.close());
        assert_eq!(sender.send('b'), Err(SendError('b')));
        assert_eq!(receiver.recv(), Ok('a'));
        assert_eq!(receiver.recv(), Err(RecvError));
    }

    #[test]
    fn passes_a_value_without_a_buffer() {
        let (sender, receiver) = bounded(0);
        assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
        let sending = thread::spawn(move || sender.send(1));
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(sending.join().unwrap(), Ok(()));
    }
}

/// Task 1.3.
mod hash_map {
    use structures::HashMap;
    use structures::hash_map::Entry;

    #[test]
    fn finds_what_was_stored() {
        let mut map = HashMap::new();
        map.insert("Ada", 1815);
        map.insert("Grace", 1906);
        assert_eq!(map.get("Ada"), Some(&1815));
        assert_eq!(map.insert("Ada", 1816), Some(1815));
        assert_eq!(map.len(), 2);
        assert_eq!(map.get("Linus"), None);
    }

    #[test]
    fn keeps_everything_when_it_grows() {
        let mut map = HashMap::new();
        for n in 0..1000 {
            map.insert(n, n * n);
        }
        assert!((0..1000).all(|n| map.get(&n) == Some(&(n * n))), "{}", map.dump());
    }

    #[test]
    fn finds_the_other_keys_after_a_remove() {
        let mut map: HashMap<u32, u32> = (0..100).map(|n| (n, n)).collect();
        for n in (0..100).step_by(2) {
            assert_eq!(map.remove(&n), Some(n));
        }
        assert!((0..100).all(|n| map.contains_key(&n) == (n % 2 == 1)), "{}", map.dump());
    }

    #[test]
    fn counts_words_through_entries() {
        let mut counts = HashMap::new();
        for word in "to be or not to be".split(' ') {
            *counts.entry(word).or_insert(0) += 1;
        }
        assert_eq!(counts["to"], 2);
        assert_eq!(counts["not"], 1);
        if let Entry::Occupied(entry) = counts.entry("or") {
            assert_eq!(entry.remove(), 1);
        }
        assert_eq!(counts.len(), 3);
    }

    #[test]
    fn retain_drops_the_others() {
        let mut map: HashMap<u32, u32> = (0..50).map(|n| (n, n)).collect();
        map.retain(|key, _| key % 5 == 0);
        let mut keys: Vec<u32> = map.keys().copied().collect();
        keys.sort_unstable();
        assert_eq!(keys, [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]);
    }
}

/// Task 1.4.
mod lru {
    use structures::lru::{LruCache, Put};
    use structures::{Error, LruK};

    #[test]
    fn evicts_the_least_recently_used_entry() {
        let mut cache = LruCache::new(2);
        assert_eq!(cache.put("a", 1), Ok(Put::Inserted));
        assert_eq!(cache.put("b", 2), Ok(Put::Inserted));
        assert_eq!(cache.get("a"), Some(&1));
        assert_eq!(cache.put("c", 3), Ok(Put::Evicted("b", 2)), "{}", cache.dump());
        assert_eq!(cache.put("a", 4), Ok(Put::Replaced(1)), "{}", cache.dump());
        assert!(cache.iter().eq([(&"a", &4), (&"c", &3)]), "{}", cache.dump());
    }

    #[test]
    fn does_not_evict_pinned_entries() {
        let mut cache = LruCache::new(2);
        cache.put(1, ()).unwrap();
        cache.put(2, ()).unwrap();
        cache.pin(&1).unwrap();
        assert_eq!(cache.put(3, ()), Ok(Put::Evicted(2, ())), "{}", cache.dump());
        cache.pin(&3).unwrap();
        assert!(cache.put(4, ()).is_err(), "everything is pinned\n{}", cache.dump());
        assert_eq!(cache.remove(&1), Err(Error::Pinned { pins: 1 }));
        cache.unpin(&1).unwrap();
        assert_eq!(cache.pop_lru(), Some((1, ())), "{}", cache.dump());
    }

    #[test]
    fn lru_k_evicts_by_the_kth_last_access() {
        let mut replacer = LruK::new(2).unwrap();
        for frame in [0, 1, 0, 1, 2] {
            replacer.record_access(frame);
            replacer.set_evictable(frame, true).unwrap();
        }
        // 2 was used last, but only once; 0 and 1 were used twice.
        assert_eq!(replacer.evict(), Some(2), "{}", replacer.dump());
        assert_eq!(replacer.evict(), Some(0), "{}", replacer.dump());
    }
}

/// Task 1.5.
mod btree {
    use structures::BTree;

    #[test]
    fn finds_what_was_stored() {
        let mut tree = BTree::new();
        tree.insert(3, "three");
        tree.insert(1, "one");
        assert_eq!(tree.insert(3, "drei"), Some("three"));
        assert_eq!(tree.get(&3), Some(&"drei"));
        assert_eq!(tree.get(&2), None);
        assert_eq!(tree.first(), Some((&1, &"one")));
    }

    #[test]
    fn splits_and_stays_sorted() {
        let mut tree = BTree::with_order(2);
        for key in [5, 1, 9, 3, 7, 2, 8, 4, 6, 0] {
            tree.insert(key, ());
        }
        assert!(tree.iter().map(|(key, ())| *key).eq(0..10), "{}", tree.dump());
        assert!(tree.height() > 1, "a node of order 2 has at most three keys\n{}", tree.dump());
    }

    #[test]
    fn removes_from_leaves_and_internal_nodes() {
        let mut tree = BTree::with_order(2);
        for key in 0..20 {
            tree.insert(key, key);
        }
        for key in [0, 10, 7, 19, 3] {
            assert_eq!(tree.remove(&key), Some(key), "{}", tree.dump());
            assert_eq!(tree.get(&key), None, "{}", tree.dump());
        }
        assert_eq!(tree.len(), 15);
    }

    #[test]
    fn an_emptied_tree_has_height_0() {
        let mut tree = BTree::with_order(2);
        for key in 0..100 {
            tree.insert(key, ());
        }
        for key in 0..100 {
            tree.remove(&key);
        }
        assert_eq!((tree.len(), tree.height()), (0, 0));
    }

    #[test]
    fn ranges_run_in_both_directions() {
        let tree: BTree<u32, u32> = (0..100).map(|key| (key, key)).collect();
        let up: Vec<u32> = tree.range(10..13).map(|(key, _)| *key).collect();
        assert_eq!(up, [10, 11, 12]);
        let down: Vec<u32> = tree.range(..=2).rev().map(|(key, _)| *key).collect();
        assert_eq!(down, [2, 1, 0]);
        let (low, high) = (50, 40);
        assert_eq!(tree.range(low..high).count(), 0, "a start greater than the end gives no entries");
    }
}
