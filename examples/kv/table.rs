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
use super::value::parse_integer;

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
        let present = self.entries.get(&key);
        let scheduled = present.and_then(|entry| entry.expires_at);
        let held = present.filter(|entry| entry.is_live(now));
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
            self.reschedule(&key, scheduled, expires_at);
            self.entries.insert(key, Entry { value, expires_at });
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
    pub(crate) fn increment(&mut self, key: Vec<u8>, by: i64, now: Instant) -> Result<i64, IncrementError> {
        let number = match self.get(&key, now) {
            Some(value) => parse_integer(value).ok_or(IncrementError::NotAnInteger)?,
            None => 0,
        };
        let sum = number.checked_add(by).ok_or(IncrementError::Overflow)?;
        self.set(key, sum.to_string().into_bytes(), Condition::Always, Expiry::Keep, now);
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
        live.map(|(key, _)| key).filter(|key| glob::matches(pattern, key)).cloned().collect()
    }

    /// How many keys there are.
    pub(crate) fn len(&self, now: Instant) -> usize {
        let expired = self.expiries.iter().take_while(|(at, _)| *at <= now).count();
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
mod tests;
