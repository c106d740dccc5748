//! What a request asks for.
//!
//! A [`Command`] is complete and well formed: whoever carries it out needs no further checks.
//! Times are spans here; only the one who carries out the command knows the time.

use std::fmt;
use std::time::{Duration, Instant};

use super::resp::parse_integer;
use super::table::{Condition, Expiry};

/// How much of a client's own words an error repeats, in bytes.
const EXCERPT: usize = 128;

/// A well-formed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `PING [message]`: the message, or `PONG`.
    Ping(Option<Vec<u8>>),
    /// `ECHO message`.
    Echo(Vec<u8>),
    /// `SET key value [NX | XX] [EX seconds | PX milliseconds | KEEPTTL]`.
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
        condition: Condition,
        lifetime: Lifetime,
    },
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
    /// `CONFIG GET name...`: an empty list; nothing can be configured.
    ConfigGet,
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
    pub(crate) fn parse(request: Vec<Vec<u8>>) -> Result<Command, CommandError> {
        let mut words = request.into_iter();
        let name = words.next().unwrap_or_default();
        let args: Vec<_> = words.collect();
        match name.to_ascii_lowercase().as_slice() {
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

/// Why a request is no command; the text is the whole error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandError {
    /// No command has this name; both texts are cut to 128 bytes.
    UnknownCommand { name: String, arguments: String },
    /// The command is known, but not what it is to do.
    UnknownSubcommand { command: &'static str, name: String },
    /// This command takes fewer or more arguments.
    WrongArity(&'static str),
    /// The options do not exist, lack their value, or exclude each other.
    Syntax,
    /// An argument is not a number, or not one that fits.
    NotAnInteger,
    /// This command was given a time that is no expiry.
    InvalidExpiry(&'static str),
}

impl CommandError {
    fn unknown(name: &[u8], args: &[Vec<u8>]) -> CommandError {
        let mut arguments = Vec::new();
        for arg in args {
            let room = EXCERPT.saturating_sub(arguments.len());
            if room == 0 {
                break;
            }
            arguments.extend_from_slice(b"'");
            arguments.extend(arg.iter().take(room));
            arguments.extend_from_slice(b"' ");
        }
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        CommandError::UnknownCommand {
            name: excerpt(name),
            arguments,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR ")?;
        match self {
            Self::UnknownCommand { name, arguments } => {
                write!(
                    f,
                    "unknown command '{name}', with args beginning with: {arguments}"
                )
            }
            Self::UnknownSubcommand { command, name } => {
                write!(f, "unknown subcommand '{name}'. Try {command} HELP.")
            }
            Self::WrongArity(command) => {
                write!(f, "wrong number of arguments for '{command}' command")
            }
            Self::Syntax => f.write_str("syntax error"),
            Self::NotAnInteger => f.write_str("value is not an integer or out of range"),
            Self::InvalidExpiry(command) => write!(f, "invalid expire time in '{command}' command"),
        }
    }
}

impl std::error::Error for CommandError {}

struct SetOptions {
    condition: Condition,
    expiry: Option<SetExpiry>,
}

enum SetExpiry {
    Keep,
    Seconds(Vec<u8>),
    Milliseconds(Vec<u8>),
}

impl SetOptions {
    fn parse(mut args: impl Iterator<Item = Vec<u8>>) -> Result<SetOptions, CommandError> {
        let mut options = SetOptions {
            condition: Condition::Always,
            expiry: None,
        };
        while let Some(option) = args.next() {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => options.restrict(Condition::IfAbsent)?,
                b"xx" => options.restrict(Condition::IfPresent)?,
                b"keepttl" => options.expire(SetExpiry::Keep)?,
                b"ex" => options.expire(args.next().map(SetExpiry::Seconds))?,
                b"px" => options.expire(args.next().map(SetExpiry::Milliseconds))?,
                _ => return Err(CommandError::Syntax),
            }
        }
        Ok(options)
    }

    fn restrict(&mut self, condition: Condition) -> Result<(), CommandError> {
        if self.condition != Condition::Always && self.condition != condition {
            return Err(CommandError::Syntax);
        }
        self.condition = condition;
        Ok(())
    }

    fn expire(&mut self, expiry: impl Into<Option<SetExpiry>>) -> Result<(), CommandError> {
        match (&self.expiry, expiry.into()) {
            (None, Some(expiry)) => {
                self.expiry = Some(expiry);
                Ok(())
            }
            _ => Err(CommandError::Syntax),
        }
    }
}

fn excerpt(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(EXCERPT)]).into_owned()
}

fn exactly<const N: usize>(
    command: &'static str,
    args: Vec<Vec<u8>>,
) -> Result<[Vec<u8>; N], CommandError> {
    args.try_into()
        .map_err(|_| CommandError::WrongArity(command))
}

fn at_least_one(command: &'static str, args: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, CommandError> {
    if args.is_empty() {
        Err(CommandError::WrongArity(command))
    } else {
        Ok(args)
    }
}

fn ping(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    if args.is_empty() {
        return Ok(Command::Ping(None));
    }
    exactly("ping", args).map(|[message]| Command::Ping(Some(message)))
}

fn set(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    let mut args = args.into_iter();
    let (Some(key), Some(value)) = (args.next(), args.next()) else {
        return Err(CommandError::WrongArity("set"));
    };
    let options = SetOptions::parse(args)?;
    // After the options, as Redis does it: a syntax error outweighs a bad number.
    let lifetime = match options.expiry {
        None => Lifetime::Forever,
        Some(SetExpiry::Keep) => Lifetime::Kept,
        Some(SetExpiry::Seconds(text)) => set_lifetime(&text, 1000)?,
        Some(SetExpiry::Milliseconds(text)) => set_lifetime(&text, 1)?,
    };
    Ok(Command::Set {
        key,
        value,
        condition: options.condition,
        lifetime,
    })
}

fn set_lifetime(text: &[u8], unit_millis: i64) -> Result<Lifetime, CommandError> {
    match parse_span("set", text, unit_millis)? {
        Duration::ZERO => Err(CommandError::InvalidExpiry("set")),
        span => Ok(Lifetime::For(span)),
    }
}

fn expire(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    let [key, seconds] = exactly("expire", args)?;
    let after = parse_span("expire", &seconds, 1000)?;
    Ok(Command::Expire { key, after })
}

/// A span of at most `i64::MAX` milliseconds, which any `Instant` can take; negative ones are zero.
fn parse_span(
    command: &'static str,
    text: &[u8],
    unit_millis: i64,
) -> Result<Duration, CommandError> {
    let count = parse_integer(text).ok_or(CommandError::NotAnInteger)?;
    let millis = count
        .max(0)
        .checked_mul(unit_millis)
        .ok_or(CommandError::InvalidExpiry(command))?;
    Ok(Duration::from_millis(millis.unsigned_abs()))
}

fn config(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    match args.as_slice() {
        [] => Err(CommandError::WrongArity("config")),
        [get] if is(get, "get") => Err(CommandError::WrongArity("config|get")),
        [get, ..] if is(get, "get") => Ok(Command::ConfigGet),
        [other, ..] => Err(unknown_subcommand("CONFIG", other)),
    }
}

fn debug(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
    match args.as_slice() {
        [] => Err(CommandError::WrongArity("debug")),
        [panic] if is(panic, "panic") => Ok(Command::Panic),
        [panic, shard, number] if is(panic, "panic") && is(shard, "shard") => {
            let shard = parse_integer(number).and_then(|number| usize::try_from(number).ok());
            shard
                .map(Command::PanicShard)
                .ok_or(CommandError::NotAnInteger)
        }
        [panic, ..] if is(panic, "panic") => Err(CommandError::Syntax),
        [other, ..] => Err(unknown_subcommand("DEBUG", other)),
    }
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

fn unknown_subcommand(command: &'static str, name: &[u8]) -> CommandError {
    CommandError::UnknownSubcommand {
        command,
        name: excerpt(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, CommandError> {
        Command::parse(words(line))
    }

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split_whitespace()
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }

    #[track_caller]
    fn check(line: &str, expected: Command) {
        assert_eq!(parse(line), Ok(expected), "{line}");
    }

    #[track_caller]
    fn check_error(line: &str, text: &str) {
        let error = parse(line).expect_err(line);
        assert_eq!(error.to_string(), text, "{line}");
    }

    fn set(condition: Condition, lifetime: Lifetime) -> Command {
        Command::Set {
            key: b"k".to_vec(),
            value: b"v".to_vec(),
            condition,
            lifetime,
        }
    }

    #[test]
    fn every_command_is_known() {
        let key = || b"k".to_vec();
        check("PING", Command::Ping(None));
        check("PING k", Command::Ping(Some(key())));
        check("ECHO k", Command::Echo(key()));
        check("GET k", Command::Get(key()));
        check("MGET k b", Command::MultiGet(words("k b")));
        check("DEL k b", Command::Delete(words("k b")));
        check("EXISTS k k", Command::Exists(words("k k")));
        check("INCR k", Command::Increment { key: key(), by: 1 });
        check("DECR k", Command::Increment { key: key(), by: -1 });
        check("TTL k", Command::Ttl(key()));
        check("PTTL k", Command::PreciseTtl(key()));
        check("KEYS k", Command::Keys(key()));
        check("DBSIZE", Command::Size);
        check("FLUSHDB", Command::Flush);
        check("INFO", Command::Info);
        check("INFO server", Command::Info);
        check("COMMAND", Command::Commands);
        check("COMMAND DOCS get", Command::Commands);
        check("CONFIG GET save", Command::ConfigGet);
        check("QUIT", Command::Quit);
        check("DEBUG PANIC", Command::Panic);
        check("DEBUG PANIC SHARD 3", Command::PanicShard(3));
    }

    #[test]
    fn names_and_options_are_taken_in_any_case() {
        check("gEt K", Command::Get(b"K".to_vec()));
        check("debug Panic shard 0", Command::PanicShard(0));
        check("config get SAVE", Command::ConfigGet);
        check(
            "set k v nx Ex 1",
            set(Condition::IfAbsent, Lifetime::For(Duration::from_secs(1))),
        );
    }

    #[test]
    fn set_takes_a_condition_and_a_lifetime_in_any_order() {
        let two_millis = Lifetime::For(Duration::from_millis(2));
        check("SET k v", set(Condition::Always, Lifetime::Forever));
        check("SET k v KEEPTTL", set(Condition::Always, Lifetime::Kept));
        check("SET k v PX 2 XX", set(Condition::IfPresent, two_millis));
        check("SET k v XX PX 2", set(Condition::IfPresent, two_millis));
        check("SET k v NX NX", set(Condition::IfAbsent, Lifetime::Forever));
    }

    #[test]
    fn set_rejects_options_that_exclude_each_other() {
        for options in [
            "NX XX",
            "XX NX",
            "EX 1 PX 1",
            "EX 1 KEEPTTL",
            "EX",
            "PX",
            "GET",
            "foo",
        ] {
            check_error(&format!("SET k v {options}"), "ERR syntax error");
        }
        check_error("SET k v EX x foo", "ERR syntax error");
    }

    #[test]
    fn set_rejects_a_lifetime_that_is_none() {
        for options in ["EX 0", "EX -1", "PX 0", "PX -5", "EX 9223372036854775807"] {
            let text = "ERR invalid expire time in 'set' command";
            check_error(&format!("SET k v {options}"), text);
        }
        for options in ["EX x", "PX 1.5", "EX 01", "PX 9223372036854775808"] {
            let text = "ERR value is not an integer or out of range";
            check_error(&format!("SET k v {options}"), text);
        }
    }

    #[test]
    fn expire_takes_the_past_as_now() {
        let expire = |seconds| Command::Expire {
            key: b"k".to_vec(),
            after: Duration::from_secs(seconds),
        };
        check("EXPIRE k 10", expire(10));
        check("EXPIRE k 0", expire(0));
        check("EXPIRE k -10", expire(0));
        check("EXPIRE k -9223372036854775808", expire(0));
        check_error("EXPIRE k x", "ERR value is not an integer or out of range");
        let text = "ERR invalid expire time in 'expire' command";
        check_error("EXPIRE k 9223372036854775807", text);
    }

    #[test]
    fn the_longest_lifetime_fits_an_instant() {
        let now = Instant::now();
        let Ok(Command::Set { lifetime, .. }) = parse("SET k v PX 9223372036854775807") else {
            panic!("the longest lifetime was refused");
        };
        assert!(matches!(lifetime.expiry(now), Expiry::At(at) if at > now));
        assert_eq!(Lifetime::Forever.expiry(now), Expiry::Clear);
        assert_eq!(Lifetime::Kept.expiry(now), Expiry::Keep);
    }

    #[test]
    fn the_number_of_arguments_is_checked() {
        for line in [
            "get", "GET a b", "ECHO", "SET", "SET k", "MGET", "DEL", "EXISTS", "INCR",
        ] {
            let name = words(&line.to_lowercase())[0].clone();
            let name = String::from_utf8_lossy(&name);
            let text = format!("ERR wrong number of arguments for '{name}' command");
            check_error(line, &text);
        }
        check_error(
            "PING a b",
            "ERR wrong number of arguments for 'ping' command",
        );
        check_error(
            "EXPIRE k 1 NX",
            "ERR wrong number of arguments for 'expire' command",
        );
        check_error(
            "DBSIZE x",
            "ERR wrong number of arguments for 'dbsize' command",
        );
        check_error(
            "CONFIG",
            "ERR wrong number of arguments for 'config' command",
        );
        check_error(
            "CONFIG GET",
            "ERR wrong number of arguments for 'config|get' command",
        );
        check_error("DEBUG", "ERR wrong number of arguments for 'debug' command");
    }

    #[test]
    fn an_unknown_command_is_repeated_as_it_was_written() {
        let text = "ERR unknown command 'foo', with args beginning with: 'a' 'b' ";
        check_error("foo a b", text);
        check_error(
            "FOO",
            "ERR unknown command 'FOO', with args beginning with: ",
        );
        let nameless = Command::parse(vec![]).expect_err("there is no command");
        assert_eq!(
            nameless.to_string(),
            "ERR unknown command '', with args beginning with: "
        );
    }

    #[test]
    fn a_long_unknown_command_is_cut() {
        let (name, arg) = ("n".repeat(200), "a".repeat(124));
        let cut = &name[..128];
        let text = format!("ERR unknown command '{cut}', with args beginning with: '{arg}' 'b' ");
        check_error(&format!("{name} {arg} bcd e"), &text);
    }

    #[test]
    fn an_unknown_subcommand_is_named() {
        check_error(
            "CONFIG SET a b",
            "ERR unknown subcommand 'SET'. Try CONFIG HELP.",
        );
        check_error(
            "DEBUG sleep 1",
            "ERR unknown subcommand 'sleep'. Try DEBUG HELP.",
        );
        check_error("DEBUG PANIC SHARD", "ERR syntax error");
        check_error("DEBUG PANIC TABLE 1", "ERR syntax error");
        for number in ["x", "-1"] {
            let text = "ERR value is not an integer or out of range";
            check_error(&format!("DEBUG PANIC SHARD {number}"), text);
        }
    }
}
