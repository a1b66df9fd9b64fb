use proptest::prelude::*;

use super::Strategy;
use super::*;
use crate::{Pools, Record, Slab};

#[test]
fn keys_are_read_as_they_are_shown() {
    for text in Key::NAMES.into_iter().chain([".user", ".user.name_2"]) {
        assert_eq!(text.parse::<Key>().map(|key| key.to_string()), Ok(text.to_owned()));
    }
    for text in ["", "flows", ".", ".a.", ".a b", "user"] {
        assert!(text.parse::<Key>().is_err(), "{text}");
    }
}

#[test]
fn a_pair_of_hosts_covers_what_happens_between_them() {
    assert!(Key::Host.covers(&Key::Flow) && Key::Host.covers(&Key::Datagram));
    assert!(!Key::Host.covers(&Key::InnerFlow) && !Key::Flow.covers(&Key::Host));
}

/// A batch of lines, each with a field `user` that holds a value.
fn records(values: &[Value]) -> Batch {
    let mut batch = Pools::new(64, 1024).records();
    batch.fill(Slab::Foreign(bytes::Bytes::from_static(b"ann bob\n")));
    values.iter().for_each(|_| batch.push(Record::new(0, 8, 1)));
    let mut parse = batch.parse();
    parse.for_each(|at, mut line| {
        let root = line.fields.push(tape::Key::NONE, Value::Object(0));
        let inner = line.fields.key("in");
        let object = line.fields.push(inner, Value::Object(0));
        let key = line.fields.key("user");
        line.fields.push(key, values[at]);
        line.fields.close(object);
        line.fields.close(root);
        line.set_root(root);
    });
    batch.into()
}

#[test]
fn records_are_divided_by_the_value_of_a_field() {
    let text = |offset| Value::Str(tape::Text { offset, len: 3, computed: false });
    let mut batch = records(&[text(0), text(4), text(0), Value::Int(7), Value::Float(7.0), Value::Null]);
    let mut hashes = Vec::new();
    assert!(Key::from_str(".in.user").unwrap().hash(&mut batch, &mut hashes));
    assert_eq!((hashes[0], hashes[3]), (hashes[2], hashes[4]));
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[3] && hashes[3] != hashes[5]);
    assert!(Key::from_str(".absent").unwrap().hash(&mut batch, &mut hashes));
    assert!(hashes.iter().all(|hash| *hash == ABSENT));
    assert!(!Key::Flow.hash(&mut batch, &mut hashes), "records have no flow");
}

#[test]
fn jump_hash_is_the_published_one() {
    // From the table of another implementation: a key, the number of shards, the shard.
    for (hash, shards, shard) in
        [(1, 1, 0), (42, 57, 43), (0xDEAD_10CC, 1, 0), (0xDEAD_10CC, 666, 361), (256, 1024, 520)]
    {
        assert_eq!(Strategy::Consistent.shard(hash, shards), shard);
    }
}

proptest! {
    #[test]
    fn every_hash_has_a_shard(hash: u64, shards in 1u32..200) {
        for strategy in [Strategy::Hash, Strategy::Range, Strategy::Consistent] {
            prop_assert!(strategy.shard(hash, shards) < shards);
        }
    }

    #[test]
    fn with_one_shard_more_nothing_moves_but_to_that_one(hash: u64, shards in 1u32..200) {
        let (before, after) = (Strategy::Consistent.shard(hash, shards), Strategy::Consistent.shard(hash, shards + 1));
        prop_assert!(after == before || after == shards);
    }

    #[test]
    fn ranges_are_in_order(a: u64, b: u64, shards in 1u32..200) {
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(Strategy::Range.shard(low, shards) <= Strategy::Range.shard(high, shards));
    }
}
