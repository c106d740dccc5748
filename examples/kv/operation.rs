//! What a shard can be asked to do with its table.

use std::time::{Duration, Instant};

use super::command::Lifetime;
use super::table::{Condition, Table, Ttl};
use super::value::Value;

/// One thing to do, on one table. It is done whole or not at all.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Something about this key.
    At(Vec<u8>, Action),
    /// The keys that match a pattern.
    Keys(Vec<u8>),
    /// How many keys there are.
    Size,
    /// Removes every key.
    Clear,
    /// Panics, as a mistake in any of the others would.
    Panic,
}

/// What to do about a key.
#[derive(Debug)]
pub(crate) enum Action {
    Get,
    Set { value: Vec<u8>, condition: Condition, lifetime: Lifetime },
    Remove,
    Exists,
    Increment(i64),
    Expire(Duration),
    Ttl,
    PreciseTtl,
}

impl Operation {
    /// Does it, and gives the reply.
    ///
    /// # Panics
    /// [`Operation::Panic`] does.
    pub(crate) fn apply(self, table: &mut Table, now: Instant) -> Value {
        match self {
            Operation::At(key, action) => action.apply(key, table, now),
            Operation::Keys(pattern) => {
                let keys = table.keys(&pattern, now);
                Value::Array(keys.into_iter().map(Value::Bulk).collect())
            }
            Operation::Size => count(table.len(now)),
            Operation::Clear => {
                table.clear();
                Value::OK
            }
            Operation::Panic => panic!("somebody asked this shard to panic"),
        }
    }
}

impl Action {
    fn apply(self, key: Vec<u8>, table: &mut Table, now: Instant) -> Value {
        match self {
            Action::Get => table.get(&key, now).map_or(Value::Nil, |value| Value::Bulk(value.to_vec())),
            Action::Set { value, condition, lifetime } => {
                match table.set(key, value, condition, lifetime.expiry(now), now) {
                    true => Value::OK,
                    false => Value::Nil,
                }
            }
            Action::Remove => Value::Integer(table.remove(&key, now).into()),
            Action::Exists => Value::Integer(table.exists(&key, now).into()),
            Action::Increment(by) => match table.increment(key, by, now) {
                Ok(sum) => Value::Integer(sum),
                Err(error) => Value::Error(error.to_string()),
            },
            Action::Expire(after) => Value::Integer(table.expire_at(&key, now + after, now).into()),
            // To the nearest second, as Redis tells it.
            Action::Ttl => ttl(table.ttl(&key, now), |left| (left.as_millis() + 500) / 1000),
            Action::PreciseTtl => ttl(table.ttl(&key, now), |left| left.as_millis()),
        }
    }
}

fn ttl(ttl: Ttl, in_unit: impl FnOnce(Duration) -> u128) -> Value {
    Value::Integer(match ttl {
        Ttl::NoKey => -2,
        Ttl::Forever => -1,
        Ttl::Left(left) => i64::try_from(in_unit(left)).unwrap_or(i64::MAX),
    })
}

fn count(keys: usize) -> Value {
    Value::Integer(i64::try_from(keys).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(value: &str, condition: Condition, lifetime: Lifetime) -> Action {
        Action::Set { value: value.into(), condition, lifetime }
    }

    #[test]
    fn every_operation_replies_as_redis_does() {
        let (mut table, now) = (Table::default(), Instant::now());
        let mut at = |after, operation: Operation| operation.apply(&mut table, now + Duration::from_millis(after));
        let key = |action| Operation::At(b"k".to_vec(), action);
        let for_long = Lifetime::For(Duration::from_millis(9_600));

        assert_eq!(at(0, key(Action::Get)), Value::Nil);
        assert_eq!(at(0, key(Action::Ttl)), Value::Integer(-2));
        assert_eq!(at(0, key(set("7", Condition::IfPresent, for_long))), Value::Nil);
        assert_eq!(at(0, key(set("7", Condition::IfAbsent, for_long))), Value::OK);
        assert_eq!(at(0, key(Action::Ttl)), Value::Integer(10));
        assert_eq!(at(1, key(Action::PreciseTtl)), Value::Integer(9_599));
        assert_eq!(at(1, key(Action::Increment(-8))), Value::Integer(-1));
        assert_eq!(at(1, Operation::Size), Value::Integer(1));
        assert_eq!(at(1, Operation::Keys(b"*".into())), Value::Array(vec![Value::Bulk(b"k".to_vec())]));
        assert_eq!(at(1, key(Action::Expire(Duration::from_secs(1)))), Value::Integer(1));
        assert_eq!(at(1_000, key(Action::Exists)), Value::Integer(1));
        assert_eq!(at(1_001, key(Action::Exists)), Value::Integer(0));
        assert_eq!(at(1_001, key(set("x", Condition::Always, Lifetime::Forever))), Value::OK);
        assert_eq!(at(1_001, key(Action::Ttl)), Value::Integer(-1));
        assert!(matches!(at(1_001, key(Action::Increment(1))), Value::Error(_)));
        assert_eq!(at(1_001, key(Action::Remove)), Value::Integer(1));
        assert_eq!(at(1_001, Operation::Clear), Value::OK);
    }
}
