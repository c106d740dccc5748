//! What a connection does with the bytes it reads; all but the reading and writing.

use std::sync::Arc;

use super::command::Command;
use super::plan::{Plan, Then};
use super::resp::Parser;
use super::store::Store;
use super::value::Value;

/// One client's side of the conversation.
pub(crate) struct Session {
    parser: Parser,
    store: Arc<Store>,
}

impl Session {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Session { parser: Parser::default(), store }
    }

    /// Carries out the commands that `chunk` completes, appends their replies to `out`, and tells what comes after these.
    pub(crate) async fn answer(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Then {
        self.parser.feed(chunk);
        let mut plan = Plan::default();
        let mut then = Then::Read;
        while then == Then::Read
            && let Some(next) = self.read_command(&mut plan)
        {
            then = next;
        }
        plan.carry_out(&self.store, out).await;
        then
    }

    /// Adds the next command to `plan`; `None` if it has not arrived.
    fn read_command(&mut self, plan: &mut Plan) -> Option<Then> {
        let request = match self.parser.next_request() {
            Ok(request) => request?,
            Err(error) => {
                plan.reply(Value::Error(format!("ERR {error}")));
                return Some(Then::Close);
            }
        };
        match Command::parse(request) {
            Ok(command) => Some(plan.add(command)),
            Err(error) => {
                plan.reply(Value::Error(error.to_string()));
                Some(Then::Read)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proscenium::prelude::*;
    use proscenium::testing::TestSystem;

    use super::*;

    /// What a server says to the text, which arrives `size` bytes at a time, and what it does then.
    fn converse(text: &str, size: usize) -> (String, Then) {
        let test = TestSystem::new(1);
        let store = Arc::new(Store::new(&test));
        let shards = Supervisor::one_for_one().children(store.children());
        test.block_on(shards.spawn(&test)).unwrap();
        let mut session = Session::new(store);
        let mut out = Vec::new();
        let mut then = Then::Read;
        for chunk in text.as_bytes().chunks(size) {
            then = test.block_on(session.answer(chunk, &mut out));
            if then != Then::Read {
                break;
            }
        }
        (String::from_utf8(out).unwrap().replace("\r\n", " "), then)
    }

    #[track_caller]
    fn check(text: &str, replies: &str, then: Then) {
        for size in [1, 7, text.len()] {
            assert_eq!(converse(text, size), (replies.to_owned(), then), "{text:?} in chunks of {size}");
        }
    }

    #[test]
    fn replies_come_in_the_order_of_the_commands_whatever_their_shards() {
        check(
            "SET a 1\nINCR a\nPING\nSET key:7 x\nNO\nGET a\nMGET key:7 none a\nINCR b\nGET key:7\n",
            "+OK :2 +PONG +OK -ERR unknown command 'NO', with args beginning with:  $1 2 *3 $1 x $-1 $1 2 :1 $1 x ",
            Then::Read,
        );
    }

    #[test]
    fn commands_about_many_keys_see_what_came_before_and_not_what_comes_after() {
        check(
            "SET a 1\nSET b 1\nEXISTS a b c a\nDBSIZE\nSET c 1\nDEL a c\nKEYS *\nFLUSHDB\nDBSIZE\nSET d 1\nDBSIZE\n",
            "+OK +OK :3 :2 +OK :2 *1 $1 b +OK :0 +OK :1 ",
            Then::Read,
        );
    }

    #[test]
    fn settings_are_told_by_pattern() {
        check("CONFIG GET SAVE\nCONFIG GET a* maxmemory\n", "*2 $4 save $0  *2 $10 appendonly $2 no ", Then::Read);
    }

    #[test]
    fn nothing_is_done_after_a_quit() {
        check("SET a 1\nQUIT\nSET a 2\n", "+OK +OK ", Then::Close);
    }

    #[test]
    fn a_protocol_error_is_told_and_ends_the_conversation() {
        let error = "-ERR Protocol error: invalid multibulk length ";
        check("PING\n*x\r\nPING\n", &format!("+PONG {error}"), Then::Close);
    }

    #[test]
    fn what_came_before_a_panic_is_answered() {
        check("INCR a\nDEBUG PANIC\nINCR a\n", ":1 ", Then::Panic);
    }

    // ANCHOR: panic
    #[test]
    fn a_shard_that_panics_costs_its_command_and_no_other() {
        check(
            "INCR a\nDEBUG PANIC SHARD 0\nINCR a\nDEBUG PANIC SHARD 4\n",
            ":1 -ERR shard 0 panicked :2 -ERR no such shard ",
            Then::Read,
        );
    }
    // ANCHOR_END: panic
}
