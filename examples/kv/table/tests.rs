//! What a table holds at which time.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_nanos(1);

impl Table {
    fn put(&mut self, key: &str, value: &str, expiry: Expiry, now: Instant) {
        let (key, value) = (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert!(self.set(key, value, Condition::Always, expiry, now));
    }

    #[track_caller]
    fn check_index(&self) {
        let expiring = self.entries.iter().filter_map(|(key, entry)| entry.expires_at.map(|at| (at, key.clone())));
        assert_eq!(expiring.collect::<BTreeSet<_>>(), self.expiries);
    }
}

#[test]
fn a_value_is_there_until_it_is_removed() {
    let (mut table, now) = (Table::default(), Instant::now());
    assert_eq!(table.get(b"k", now), None);
    table.put("k", "v", Expiry::Clear, now);
    assert_eq!(table.get(b"k", now), Some(&b"v"[..]));
    assert!(table.exists(b"k", now) && table.remove(b"k", now));
    assert!(!table.exists(b"k", now) && !table.remove(b"k", now));
}

#[test]
fn a_condition_that_does_not_hold_changes_nothing() {
    let (mut table, now) = (Table::default(), Instant::now());
    let key = || b"k".to_vec();
    let soon = Expiry::At(now + SECOND);
    assert!(!table.set(key(), b"a".to_vec(), Condition::IfPresent, soon, now));
    assert_eq!((table.len(now), table.next_expiry()), (0, None));
    assert!(table.set(key(), b"b".to_vec(), Condition::IfAbsent, Expiry::Clear, now));
    assert!(!table.set(key(), b"c".to_vec(), Condition::IfAbsent, soon, now));
    assert_eq!(table.get(b"k", now), Some(&b"b"[..]));
    assert_eq!(table.ttl(b"k", now), Ttl::Forever);
    assert!(table.set(key(), b"d".to_vec(), Condition::IfPresent, soon, now));
    assert_eq!(table.ttl(b"k", now), Ttl::Left(SECOND));
}

#[test]
fn a_key_is_gone_from_the_very_time_it_expires() {
    let (mut table, now) = (Table::default(), Instant::now());
    let at = now + SECOND;
    table.put("k", "v", Expiry::At(at), now);
    assert!(table.exists(b"k", at - TICK));
    assert_eq!(table.ttl(b"k", at - TICK), Ttl::Left(TICK));
    assert_eq!((table.get(b"k", at), table.ttl(b"k", at)), (None, Ttl::NoKey));
    assert_eq!((table.len(at), table.keys(b"*", at)), (0, vec![]));
    assert!(!table.expire_at(b"k", at + SECOND, at) && !table.remove(b"k", at));
    table.check_index();
}

#[test]
fn an_expired_key_is_absent_to_a_condition_and_its_expiry_is_not_kept() {
    let (mut table, now) = (Table::default(), Instant::now());
    let at = now + SECOND;
    table.put("k", "v", Expiry::At(at), now);
    assert!(!table.set(b"k".to_vec(), vec![], Condition::IfPresent, Expiry::Keep, at));
    assert!(table.set(b"k".to_vec(), vec![], Condition::IfAbsent, Expiry::Keep, at));
    assert_eq!(table.ttl(b"k", at), Ttl::Forever);
    table.check_index();
}

#[test]
fn setting_keeps_clears_or_moves_the_expiry() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.put("k", "a", Expiry::At(now + SECOND), now);
    table.put("k", "b", Expiry::Keep, now);
    assert_eq!(table.ttl(b"k", now), Ttl::Left(SECOND));
    table.put("k", "c", Expiry::At(now + 2 * SECOND), now);
    assert_eq!(table.next_expiry(), Some(now + 2 * SECOND));
    table.put("k", "d", Expiry::Clear, now);
    assert_eq!((table.ttl(b"k", now), table.next_expiry()), (Ttl::Forever, None));
}

#[test]
fn incrementing_starts_at_zero_and_keeps_the_expiry() {
    let (mut table, now) = (Table::default(), Instant::now());
    assert_eq!(table.increment(b"n".to_vec(), -1, now), Ok(-1));
    assert!(table.expire_at(b"n", now + SECOND, now));
    assert_eq!(table.increment(b"n".to_vec(), 11, now), Ok(10));
    assert_eq!(table.get(b"n", now), Some(&b"10"[..]));
    assert_eq!(table.ttl(b"n", now), Ttl::Left(SECOND));
    assert_eq!(table.increment(b"n".to_vec(), 1, now + SECOND), Ok(1));
    assert_eq!(table.ttl(b"n", now + SECOND), Ttl::Forever);
}

#[test]
fn a_failed_increment_leaves_the_value() {
    let (mut table, now) = (Table::default(), Instant::now());
    let overflow = "ERR increment or decrement would overflow";
    let no_integer = "ERR value is not an integer or out of range";
    for (value, by, text) in [
        ("9223372036854775807", 1, overflow),
        ("-9223372036854775808", -1, overflow),
        ("9223372036854775808", 1, no_integer),
        ("", 1, no_integer),
        ("x", 1, no_integer),
        (" 1", 1, no_integer),
    ] {
        table.put("n", value, Expiry::Clear, now);
        let error = table.increment(b"n".to_vec(), by, now).expect_err(value);
        assert_eq!(error.to_string(), text);
        assert_eq!(table.get(b"n", now), Some(value.as_bytes()));
    }
}

#[test]
fn expiring_in_the_past_takes_the_key_at_once() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.put("k", "v", Expiry::Clear, now);
    assert!(table.expire_at(b"k", now, now));
    assert!(!table.exists(b"k", now) && !table.expire_at(b"k", now + SECOND, now));
    assert_eq!(table.remove_expired(now), 1);
    table.check_index();
}

#[test]
fn keys_and_len_see_live_keys_only() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.put("user:1", "a", Expiry::Clear, now);
    table.put("user:2", "b", Expiry::At(now + SECOND), now);
    table.put("item:1", "c", Expiry::Clear, now);
    let sorted = |mut keys: Vec<Vec<u8>>| {
        keys.sort();
        keys
    };
    let both = vec![b"user:1".to_vec(), b"user:2".to_vec()];
    assert_eq!(sorted(table.keys(b"user:*", now)), both);
    assert_eq!(table.keys(b"user:*", now + SECOND), [b"user:1"]);
    assert_eq!((table.len(now), table.len(now + SECOND)), (3, 2));
    table.clear();
    assert_eq!((table.len(now), table.next_expiry()), (0, None));
}

#[test]
fn expired_keys_are_removed_in_order_of_time() {
    let (mut table, now) = (Table::default(), Instant::now());
    for (key, seconds) in [("c", 3), ("a", 1), ("b", 2), ("also b", 2)] {
        table.put(key, "v", Expiry::At(now + seconds * SECOND), now);
    }
    assert_eq!((table.remove_expired(now), table.next_expiry()), (0, Some(now + SECOND)));
    assert_eq!(table.remove_expired(now + 2 * SECOND), 3);
    assert_eq!(table.next_expiry(), Some(now + 3 * SECOND));
    assert_eq!(table.remove_expired(now + 9 * SECOND), 1);
    assert_eq!((table.entries.len(), table.next_expiry()), (0, None));
}

#[test]
fn any_sequence_of_writes_leaves_the_index_true() {
    let (mut table, mut now) = (Table::default(), Instant::now());
    let mut random = 0x2545_f491_u32;
    for _ in 0..5_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (choice, key) = (random >> 28, vec![b'a' + (random >> 20) as u8 % 4]);
        let at = now + (random >> 16) % 8 * SECOND;
        match choice {
            0..4 => _ = table.set(key, vec![], Condition::Always, Expiry::At(at), now),
            4 => _ = table.set(key, b"1".to_vec(), Condition::IfAbsent, Expiry::Clear, now),
            5 => _ = table.set(key, vec![], Condition::IfPresent, Expiry::Keep, now),
            6..8 => _ = table.increment(key, 1, now),
            8..11 => _ = table.expire_at(&key, at, now),
            11..13 => _ = table.remove(&key, now),
            13 => _ = table.remove_expired(now),
            _ => now += SECOND,
        }
        table.check_index();
        assert_eq!(table.len(now), table.keys(b"*", now).len());
    }
}
