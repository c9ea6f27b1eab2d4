//! Visible examples of lab 1: what each task must be able to do. The hidden tests look closer.
//!
//! `cargo test -p structures hash_map` runs those of one task.

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
    fn finds_the_rest_after_a_remove() {
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
        assert!(tree.height() > 1, "three keys fill a node of order 2\n{}", tree.dump());
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
    fn an_emptied_tree_has_no_height() {
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
    fn ranges_run_both_ways() {
        let tree: BTree<u32, u32> = (0..100).map(|key| (key, key)).collect();
        let up: Vec<u32> = tree.range(10..13).map(|(key, _)| *key).collect();
        assert_eq!(up, [10, 11, 12]);
        let down: Vec<u32> = tree.range(..=2).rev().map(|(key, _)| *key).collect();
        assert_eq!(down, [2, 1, 0]);
        let (low, high) = (50, 40);
        assert_eq!(tree.range(low..high).count(), 0, "a start past the end gives nothing");
    }
}
