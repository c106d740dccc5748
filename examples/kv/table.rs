//! The data of one shard.
//!
//! Invariants:
//! - A key whose time has come is absent to every method, whether or not it was removed yet.
//! - The index holds exactly the keys that expire, each under its own time.
//! - A write happens whole or not at all: what can fail is decided before anything changes.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use super::glob;
use super::resp::parse_integer;

/// Keys and their values, some of them for a time only.
///
/// The time comes in with every call and must not go backwards.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: HashMap<Vec<u8>, Entry>,
    expiries: BTreeSet<(Instant, Vec<u8>)>,
}

impl Table {
    /// Stores the value if the condition holds, and says whether it did.
    pub(crate) fn set(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        condition: Condition,
        expiry: Expiry,
        now: Instant,
    ) -> bool {
        let held = self.live(&key, now);
        let holds = match condition {
            Condition::Always => true,
            Condition::IfAbsent => held.is_none(),
            Condition::IfPresent => held.is_some(),
        };
        let expires_at = match expiry {
            Expiry::Keep => held.and_then(|entry| entry.expires_at),
            Expiry::Clear => None,
            Expiry::At(at) => Some(at),
        };
        if holds {
            self.store(key, Entry { value, expires_at });
        }
        holds
    }

    /// The value under `key`.
    pub(crate) fn get(&self, key: &[u8], now: Instant) -> Option<&[u8]> {
        self.live(key, now).map(|entry| entry.value.as_slice())
    }

    /// Removes the key, and says whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8], now: Instant) -> bool {
        let Some(entry) = self.entries.remove(key) else {
            return false;
        };
        self.reschedule(key, entry.expires_at, None);
        entry.is_live(now)
    }

    /// Whether the key is there.
    pub(crate) fn exists(&self, key: &[u8], now: Instant) -> bool {
        self.live(key, now).is_some()
    }

    /// Adds to the number under `key`, or to zero if there is none, and gives the sum.
    ///
    /// The key keeps its expiry.
    ///
    /// # Errors
    /// [`IncrementError`] if the value is no number or the sum does not fit; the value stays.
    pub(crate) fn increment(
        &mut self,
        key: Vec<u8>,
        by: i64,
        now: Instant,
    ) -> Result<i64, IncrementError> {
        let number = match self.get(&key, now) {
            Some(value) => parse_integer(value).ok_or(IncrementError::NotAnInteger)?,
            None => 0,
        };
        let sum = number.checked_add(by).ok_or(IncrementError::Overflow)?;
        self.set(
            key,
            sum.to_string().into_bytes(),
            Condition::Always,
            Expiry::Keep,
            now,
        );
        Ok(sum)
    }

    /// Lets the key expire at that time, at once if it has passed, and says whether it was there.
    pub(crate) fn expire_at(&mut self, key: &[u8], at: Instant, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.is_live(now)) else {
            return false;
        };
        let before = entry.expires_at.replace(at);
        self.reschedule(key, before, Some(at));
        true
    }

    /// How long the key has left.
    pub(crate) fn ttl(&self, key: &[u8], now: Instant) -> Ttl {
        match self.live(key, now).map(|entry| entry.expires_at) {
            None => Ttl::NoKey,
            Some(None) => Ttl::Forever,
            Some(Some(at)) => Ttl::Left(at - now),
        }
    }

    /// The keys that match a glob pattern, in no order.
    pub(crate) fn keys(&self, pattern: &[u8], now: Instant) -> Vec<Vec<u8>> {
        let live = self.entries.iter().filter(|(_, entry)| entry.is_live(now));
        live.map(|(key, _)| key)
            .filter(|key| glob::matches(pattern, key))
            .cloned()
            .collect()
    }

    /// How many keys there are.
    pub(crate) fn len(&self, now: Instant) -> usize {
        let expired = self
            .expiries
            .iter()
            .take_while(|(at, _)| *at <= now)
            .count();
        self.entries.len() - expired
    }

    /// Removes every key.
    pub(crate) fn clear(&mut self) {
        *self = Table::default();
    }

    /// When [`remove_expired`](Table::remove_expired) has something to do next.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Frees the keys whose time has come, and says how many.
    pub(crate) fn remove_expired(&mut self, now: Instant) -> usize {
        let before = self.entries.len();
        while self.next_expiry().is_some_and(|at| at <= now) {
            if let Some((_, key)) = self.expiries.pop_first() {
                self.entries.remove(&key);
            }
        }
        before - self.entries.len()
    }

    fn live(&self, key: &[u8], now: Instant) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.is_live(now))
    }

    fn store(&mut self, key: Vec<u8>, entry: Entry) {
        let before = self.entries.get(&key).and_then(|entry| entry.expires_at);
        self.reschedule(&key, before, entry.expires_at);
        self.entries.insert(key, entry);
    }

    fn reschedule(&mut self, key: &[u8], before: Option<Instant>, after: Option<Instant>) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.expiries.remove(&(at, key.to_vec()));
        }
        if let Some(at) = after {
            self.expiries.insert((at, key.to_vec()));
        }
    }
}

/// When [`Table::set`] is to store its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Whatever is there.
    Always,
    /// Only if the key is not there.
    IfAbsent,
    /// Only if the key is there.
    IfPresent,
}

/// What [`Table::set`] does about the expiry of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It stays as it is.
    Keep,
    /// The key no longer expires.
    Clear,
    /// The key is gone from this time on.
    At(Instant),
}

/// How long a key has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// There is no such key.
    NoKey,
    /// The key does not expire.
    Forever,
    /// This long, and never zero.
    Left(Duration),
}

/// Why a value was not incremented; the text is the whole error reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncrementError {
    /// The value is not a number of 64 bits.
    NotAnInteger,
    /// The sum is not a number of 64 bits.
    Overflow,
}

impl fmt::Display for IncrementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::Overflow => "ERR increment or decrement would overflow",
        })
    }
}

impl std::error::Error for IncrementError {}

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    expires_at: Option<Instant>,
}

impl Entry {
    fn is_live(&self, now: Instant) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
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
            let expiring = self
                .entries
                .iter()
                .filter_map(|(key, entry)| entry.expires_at.map(|at| (at, key.clone())));
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
        assert!(table.set(
            key(),
            b"b".to_vec(),
            Condition::IfAbsent,
            Expiry::Clear,
            now
        ));
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
        assert_eq!(
            (table.get(b"k", at), table.ttl(b"k", at)),
            (None, Ttl::NoKey)
        );
        assert_eq!((table.len(at), table.keys(b"*", at)), (0, vec![]));
        assert!(!table.expire_at(b"k", at + SECOND, at) && !table.remove(b"k", at));
        table.check_index();
    }

    #[test]
    fn an_expired_key_is_absent_to_a_condition_and_its_expiry_is_not_kept() {
        let (mut table, now) = (Table::default(), Instant::now());
        let at = now + SECOND;
        table.put("k", "v", Expiry::At(at), now);
        assert!(!table.set(
            b"k".to_vec(),
            vec![],
            Condition::IfPresent,
            Expiry::Keep,
            at
        ));
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
        assert_eq!(
            (table.ttl(b"k", now), table.next_expiry()),
            (Ttl::Forever, None)
        );
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
        assert_eq!(
            (table.remove_expired(now), table.next_expiry()),
            (0, Some(now + SECOND))
        );
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
}
