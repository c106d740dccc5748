//! What requests ask for, and what is wrong with those that ask for nothing.

use super::*;

fn parse(line: &str) -> Result<Command, CommandError> {
    Command::parse(words(line))
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
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
    Command::Set { key: b"k".to_vec(), value: b"v".to_vec(), condition, lifetime }
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
    check("CONFIG GET save", Command::ConfigGet(words("save")));
    check("QUIT", Command::Quit);
    check("DEBUG PANIC", Command::Panic);
    check("DEBUG PANIC SHARD 3", Command::PanicShard(3));
}

#[test]
fn names_and_options_are_taken_in_any_case() {
    check("gEt K", Command::Get(b"K".to_vec()));
    check("debug Panic shard 0", Command::PanicShard(0));
    check("config get SAVE", Command::ConfigGet(words("SAVE")));
    check("set k v nx Ex 1", set(Condition::IfAbsent, Lifetime::For(Duration::from_secs(1))));
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
    for options in ["NX XX", "XX NX", "EX 1 PX 1", "EX 1 KEEPTTL", "EX", "PX", "GET", "foo"] {
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
    let expire = |seconds| Command::Expire { key: b"k".to_vec(), after: Duration::from_secs(seconds) };
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
    for line in ["get", "GET a b", "ECHO", "SET", "SET k", "MGET", "DEL", "EXISTS", "INCR"] {
        let name = words(&line.to_lowercase())[0].clone();
        let name = String::from_utf8_lossy(&name);
        let text = format!("ERR wrong number of arguments for '{name}' command");
        check_error(line, &text);
    }
    check_error("PING a b", "ERR wrong number of arguments for 'ping' command");
    check_error("EXPIRE k 1 NX", "ERR wrong number of arguments for 'expire' command");
    check_error("DBSIZE x", "ERR wrong number of arguments for 'dbsize' command");
    check_error("CONFIG", "ERR wrong number of arguments for 'config' command");
    check_error("CONFIG GET", "ERR wrong number of arguments for 'config|get' command");
    check_error("DEBUG", "ERR wrong number of arguments for 'debug' command");
}

#[test]
fn an_unknown_command_is_repeated_as_it_was_written() {
    let text = "ERR unknown command 'foo', with args beginning with: 'a' 'b' ";
    check_error("foo a b", text);
    check_error("FOO", "ERR unknown command 'FOO', with args beginning with: ");
    let nameless = Command::parse(vec![]).expect_err("there is no command");
    assert_eq!(nameless.to_string(), "ERR unknown command '', with args beginning with: ");
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
    check_error("CONFIG SET a b", "ERR unknown subcommand 'SET'. Try CONFIG HELP.");
    check_error("DEBUG sleep 1", "ERR unknown subcommand 'sleep'. Try DEBUG HELP.");
    check_error("DEBUG PANIC SHARD", "ERR syntax error");
    check_error("DEBUG PANIC TABLE 1", "ERR syntax error");
    for number in ["x", "-1"] {
        let text = "ERR value is not an integer or out of range";
        check_error(&format!("DEBUG PANIC SHARD {number}"), text);
    }
}
