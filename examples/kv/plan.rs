//! From commands to what each shard is to do, and from the shards' replies to those of the commands.
//!
//! All commands of one read go out together. What one connection asks of a key stays in order all the same: the operations
//! on a key all go to one shard, in order. A command about many keys is one operation for each, in its place in that order.

use super::command::Command;
use super::glob;
use super::info;
use super::operation::{Action, Operation};
use super::store::{Operations, Replies, SHARDS, Store};
use super::value::Value;

/// The commands of one read.
#[derive(Default)]
pub(crate) struct Plan {
    operations: Operations,
    answers: Vec<Answer>,
}

/// What a connection does once it has replied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It reads on.
    Read,
    /// It closes.
    Close,
    /// It panics.
    Panic,
}

/// Where a command's reply comes from. A shard is listed once for each of its replies that counts, in order.
enum Answer {
    /// It is known.
    Ready(Value),
    /// It is that shard's.
    Of(usize),
    /// It is made of several.
    Combined(Vec<usize>, fn(Vec<Value>) -> Value),
    /// It tells about the server, and how many keys each shard says that it has.
    Info(Vec<usize>),
}

impl Plan {
    /// Adds a command, and tells what is to be done after its reply.
    pub(crate) fn add(&mut self, command: Command) -> Then {
        let answer = match command {
            Command::Ping(None) => Answer::Ready(Value::Simple("PONG")),
            Command::Ping(Some(text)) | Command::Echo(text) => Answer::Ready(Value::Bulk(text)),
            Command::Set { key, value, condition, lifetime } => {
                self.at(key, Action::Set { value, condition, lifetime })
            }
            Command::Get(key) => self.at(key, Action::Get),
            Command::MultiGet(keys) => Answer::Combined(self.at_each(keys, || Action::Get), Value::Array),
            Command::Delete(keys) => Answer::Combined(self.at_each(keys, || Action::Remove), sum),
            Command::Exists(keys) => Answer::Combined(self.at_each(keys, || Action::Exists), sum),
            Command::Increment { key, by } => self.at(key, Action::Increment(by)),
            Command::Expire { key, after } => self.at(key, Action::Expire(after)),
            Command::Ttl(key) => self.at(key, Action::Ttl),
            Command::PreciseTtl(key) => self.at(key, Action::PreciseTtl),
            Command::Keys(pattern) => Answer::Combined(self.on_all(|| Operation::Keys(pattern.clone())), join),
            Command::Size => Answer::Combined(self.on_all(|| Operation::Size), sum),
            Command::Flush => Answer::Combined(self.on_all(|| Operation::Clear), |_| Value::OK),
            Command::Info => Answer::Info(self.on_all(|| Operation::Size)),
            Command::Commands => Answer::Ready(Value::Array(vec![])),
            Command::ConfigGet(names) => Answer::Ready(settings(&names)),
            Command::PanicShard(shard) if shard < SHARDS => self.on(shard, Operation::Panic),
            Command::PanicShard(_) => Answer::Ready(Value::Error("ERR no such shard".to_owned())),
            Command::Panic => return Then::Panic,
            Command::Quit => {
                self.reply(Value::OK);
                return Then::Close;
            }
        };
        self.answers.push(answer);
        Then::Read
    }

    /// Adds a reply that needs no command.
    pub(crate) fn reply(&mut self, value: Value) {
        self.answers.push(Answer::Ready(value));
    }

    /// Has all of it done, and appends the replies in the commands' order.
    pub(crate) async fn carry_out(self, store: &Store, out: &mut Vec<u8>) {
        let mut replies = store.carry_out(self.operations).await;
        for answer in self.answers {
            answer.reply(&mut replies, store).await.encode(out);
        }
    }

    fn on(&mut self, shard: usize, operation: Operation) -> Answer {
        self.operations[shard].push(operation);
        Answer::Of(shard)
    }

    fn at(&mut self, key: Vec<u8>, action: Action) -> Answer {
        self.on(Store::shard_of(&key), Operation::At(key, action))
    }

    fn at_each(&mut self, keys: Vec<Vec<u8>>, action: fn() -> Action) -> Vec<usize> {
        let at = |key: Vec<u8>| {
            let shard = Store::shard_of(&key);
            self.operations[shard].push(Operation::At(key, action()));
            shard
        };
        keys.into_iter().map(at).collect()
    }

    fn on_all(&mut self, operation: impl Fn() -> Operation) -> Vec<usize> {
        for operations in &mut self.operations {
            operations.push(operation());
        }
        (0..SHARDS).collect()
    }
}

impl Answer {
    async fn reply(self, replies: &mut Replies, store: &Store) -> Value {
        match self {
            Answer::Ready(value) => value,
            Answer::Of(shard) => next(replies, shard),
            Answer::Combined(shards, combine) => match next_each(replies, shards) {
                Ok(values) => combine(values),
                Err(error) => error,
            },
            Answer::Info(shards) => match next_each(replies, shards) {
                Ok(values) => {
                    let keys: Vec<i64> = values.iter().map(integer).collect();
                    Value::Bulk(info::text(store, &keys).await.into_bytes())
                }
                Err(error) => error,
            },
        }
    }
}

fn next(replies: &mut Replies, shard: usize) -> Value {
    replies[shard].next().expect("a shard gives a reply for each operation")
}

/// The replies, or the first error among them.
fn next_each(replies: &mut Replies, shards: Vec<usize>) -> Result<Vec<Value>, Value> {
    let mut values: Vec<Value> = shards.into_iter().map(|shard| next(replies, shard)).collect();
    match values.iter().position(|value| matches!(value, Value::Error(_))) {
        Some(error) => Err(values.swap_remove(error)),
        None => Ok(values),
    }
}

fn sum(values: Vec<Value>) -> Value {
    Value::Integer(values.iter().map(integer).sum())
}

fn join(values: Vec<Value>) -> Value {
    let elements = |value| match value {
        Value::Array(elements) => elements,
        single => vec![single],
    };
    Value::Array(values.into_iter().flat_map(elements).collect())
}

/// Nothing can be set, but there are clients that ask.
fn settings(names: &[Vec<u8>]) -> Value {
    let known = [("appendonly", "no"), ("save", "")];
    let wanted = known.into_iter().filter(|(name, _)| {
        let is_named = |pattern: &Vec<u8>| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes());
        names.iter().any(is_named)
    });
    let bulk = |text: &str| Value::Bulk(text.into());
    Value::Array(wanted.flat_map(|(name, value)| [bulk(name), bulk(value)]).collect())
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        _ => 0,
    }
}
