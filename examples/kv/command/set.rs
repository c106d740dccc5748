//! `SET key value [NX | XX] [EX seconds | PX milliseconds | KEEPTTL]`.

use std::time::Duration;

use super::{Command, CommandError, Lifetime, parse_span};
use crate::kv::table::Condition;

pub(super) fn set(args: Vec<Vec<u8>>) -> Result<Command, CommandError> {
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
    Ok(Command::Set { key, value, condition: options.condition, lifetime })
}

fn set_lifetime(text: &[u8], unit_millis: i64) -> Result<Lifetime, CommandError> {
    match parse_span("set", text, unit_millis)? {
        Duration::ZERO => Err(CommandError::InvalidExpiry("set")),
        span => Ok(Lifetime::For(span)),
    }
}

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
        let mut options = SetOptions { condition: Condition::Always, expiry: None };
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
