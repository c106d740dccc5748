//! One client's end of a connection: operations come in, replies go out. Nothing in here knows of processes.

use std::io;

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream;

use crate::kv::command::Command;
use crate::kv::operation::{Action, Operation};
use crate::kv::resp::Parser;
use crate::kv::value::Value;

pub(crate) struct Wire {
    stream: TcpStream,
    parser: Parser,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Wire { stream, parser: Parser::default() }
    }

    /// What the client wants next; `None` when it has gone. What needs no table is answered in here.
    ///
    /// # Errors
    /// If the connection breaks, or the client speaks no Redis.
    ///
    /// # Panics
    /// If the client asks for that.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Operation>> {
        loop {
            while let Some(request) = self.parser.next_request().map_err(io::Error::other)? {
                match operation(request) {
                    Ok(operation) => return Ok(Some(operation)),
                    Err(reply) => self.reply(&reply).await?,
                }
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).await? {
                0 => return Ok(None),
                count => self.parser.feed(&chunk[..count]),
            }
        }
    }

    pub(crate) async fn reply(&mut self, reply: &Value) -> io::Result<()> {
        let mut bytes = Vec::new();
        reply.encode(&mut bytes);
        self.stream.write_all(&bytes).await
    }
}

/// What a line of text wants, as a person would type it.
///
/// # Errors
/// What to say instead.
pub(crate) fn parse(line: &str) -> Result<Operation, String> {
    operation(line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()).map_err(|reply| match reply {
        Value::Error(text) => text,
        _ => format!("{line:?} is about no table"),
    })
}

fn operation(request: Vec<Vec<u8>>) -> Result<Operation, Value> {
    let command = Command::parse(request).map_err(|error| Value::Error(error.to_string()))?;
    Ok(match command {
        Command::Get(key) => Operation::At(key, Action::Get),
        Command::Set { key, value, condition, lifetime } => {
            Operation::At(key, Action::Set { value, condition, lifetime })
        }
        Command::Increment { key, by } => Operation::At(key, Action::Increment(by)),
        Command::Expire { key, after } => Operation::At(key, Action::Expire(after)),
        Command::PreciseTtl(key) => Operation::At(key, Action::PreciseTtl),
        Command::Size => Operation::Size,
        Command::PanicShard(_) => Operation::Panic,
        Command::Panic => panic!("somebody asked this connection to panic"),
        Command::Ping(None) => return Err(Value::Simple("PONG")),
        _ => return Err(Value::Error("ERR this server is too young for that".to_owned())),
    })
}
