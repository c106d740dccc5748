//! What a request asks for.
//!
//! A [`Command`] is complete and well formed: whoever carries it out needs no further checks.
//! Times are spans here; only the one who carries out the command knows the time.

mod error;
mod set;

use std::time::{Duration, Instant};

use super::table::{Condition, Expiry};
use super::value::parse_integer;

pub(crate) use error::CommandError;
use set::set;

/// How long the longest name of a command is, in bytes.
const LONGEST_NAME: usize = "command".len();

/// A well-formed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `PING [message]`: the message, or `PONG`.
    Ping(Option<Vec<u8>>),
    /// `ECHO message`.
    Echo(Vec<u8>),
    /// `SET key value [NX | XX] [EX seconds | PX milliseconds | KEEPTTL]`.
    Set { key: Vec<u8>, value: Vec<u8>, condition: Condition, lifetime: Lifetime },
    /// `GET key`.
    Get(Vec<u8>),
    /// `MGET key...`.
    MultiGet(Vec<Vec<u8>>),
    /// `DEL key...`.
    Delete(Vec<Vec<u8>>),
    /// `EXISTS key...`: how many of them exist, counting each mention.
    Exists(Vec<Vec<u8>>),
    /// `INCR key` or `DECR key`.
    Increment { key: Vec<u8>, by: i64 },
    /// `EXPIRE key seconds`; a time in the past has become zero.
    Expire { key: Vec<u8>, after: Duration },
    /// `TTL key`: what is left in seconds.
    Ttl(Vec<u8>),
    /// `PTTL key`: what is left in milliseconds.
    PreciseTtl(Vec<u8>),
    /// `KEYS pattern`.
    Keys(Vec<u8>),
    /// `DBSIZE`: how many keys there are.
    Size,
    /// `FLUSHDB`: no more keys.
    Flush,
    /// `INFO [section...]`.
    Info,
    /// `COMMAND ...`: an empty list, which clients take for "no details".
    Commands,
    /// `CONFIG GET name...`: those settings, by name and value.
    ConfigGet(Vec<Vec<u8>>),
    /// `QUIT`: `OK`, and the connection ends.
    Quit,
    /// `DEBUG PANIC`: the process that carries it out panics.
    Panic,
    /// `DEBUG PANIC SHARD n`: the process of that shard panics.
    PanicShard(usize),
}

impl Command {
    /// Reads a request: a name in any case, then its arguments.
    ///
    /// # Errors
    /// A [`CommandError`] with Redis's own text.
    pub(crate) fn parse(mut request: Vec<Vec<u8>>) -> Result<Command, CommandError> {
        let name = if request.is_empty() { vec![] } else { request.remove(0) };
        let args = request;
        match lowercase(&name, &mut [0; LONGEST_NAME]) {
            b"ping" => ping(args),
            b"echo" => exactly("echo", args).map(|[message]| Command::Echo(message)),
            b"set" => set(args),
            b"get" => exactly("get", args).map(|[key]| Command::Get(key)),
            b"mget" => at_least_one("mget", args).map(Command::MultiGet),
            b"del" => at_least_one("del", args).map(Command::Delete),
            b"exists" => at_least_one("exists", args).map(Command::Exists),
            b"incr" => exactly("incr", args).map(|[key]| Command::Increment { key, by: 1 }),
            b"decr" => exactly("decr", args).map(|[key]| Command::Increment { key, by: -1 }),
            b"expire" => expire(args),
            b"ttl" => exactly("ttl", args).map(|[key]| Command::Ttl(key)),
            b"pttl" => exactly("pttl", args).map(|[key]| Command::PreciseTtl(key)),
            b"keys" => exactly("keys", args).map(|[pattern]| Command::Keys(pattern)),
            b"dbsize" => exactly("dbsize", args).map(|[]| Command::Size),
            b"flushdb" => exactly("flushdb", args).map(|[]| Command::Flush),
            b"info" => Ok(Command::Info),
            b"command" => Ok(Command::Commands),
            b"config" => config(args),
            b"quit" => Ok(Command::Quit),
            b"debug" => debug(args),
            _ => Err(CommandError::unknown(&name, &args)),
        }
    }
}

/// How long a value set is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Until it is deleted.
    Forever,
    /// As long as the value it replaces.
    Kept,
    /// This long, and never zero.
    For(Duration),
}

impl Lifetime {
    /// What it means for a value set now.
    pub(crate) fn expiry(self, now: Instant) -> Expiry {
        match self {
            Lifetime::Forever => Expiry::Clear,
            Lifetime::Kept => Expiry::Keep,
            Lifetime::For(span) => Expiry::At(now + span),
        }
    }
}

/// The name in lower case, written into `room`; empty if it is longer than any command's.
fn lowercase<'a>(name: &[u8], room: &'a mut [u8; LONGEST_NAME]) -> &'a [u8] {
    let Some(room) = room.get_mut(..name.len()) else {
        return &[];
    };
    room.copy_from_slice(name);
    room.make_ascii_lowercase();
    room
}

fn exactly<const N: usize>(command: &'static str, args: Vec<Vec<u8>>) -> Result<[Vec<u8>; N], CommandError> {
    args.try_into().map_err(|_| CommandError::WrongArity(command))
}

fn at_least_one(command: &'static str, args: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, CommandError> {
    if args.is_empty() { Err(CommandError::WrongArity(command)) } else { Ok(args) }
}

fn ping(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    if args.is_empty() {
        return Ok(Command::Ping(None));
    }
    exactly("ping", args).map(|[message]| Command::Ping(Some(message)))
}

fn expire(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    let [key, seconds] = exactly("expire", args)?;
    let after = parse_span("expire", &seconds, 1000)?;
    Ok(Command::Expire { key, after })
}

/// A span of at most `i64::MAX` milliseconds, which any `Instant` can take; negative ones are zero.
fn parse_span(command: &'static str, text: &[u8], unit_millis: i64) -> Result<Duration, CommandError> {
    let count = parse_integer(text).ok_or(CommandError::NotAnInteger)?;
    let millis = count.max(0).checked_mul(unit_millis).ok_or(CommandError::InvalidExpiry(command))?;
    Ok(Duration::from_millis(millis.unsigned_abs()))
}

fn config(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    let mut args = args.into_iter();
    match args.next() {
        None => Err(CommandError::WrongArity("config")),
        Some(get) if is(&get, "get") => at_least_one("config|get", args.collect()).map(Command::ConfigGet),
        Some(other) => Err(CommandError::unknown_subcommand("CONFIG", &other)),
    }
}

fn debug(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    match args.as_slice() {
        [] => Err(CommandError::WrongArity("debug")),
        [panic] if is(panic, "panic") => Ok(Command::Panic),
        [panic, shard, number] if is(panic, "panic") && is(shard, "shard") => {
            let shard = parse_integer(number).and_then(|number| usize::try_from(number).ok());
            shard.map(Command::PanicShard).ok_or(CommandError::NotAnInteger)
        }
        [panic, ..] if is(panic, "panic") => Err(CommandError::Syntax),
        [other, ..] => Err(CommandError::unknown_subcommand("DEBUG", other)),
    }
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests;
