//! A parser that may overflow its stack, in an OS process of its own: a text that is nested too deep ends that, and a supervisor starts
//! it again.
//!
//! Run it with `cargo run --example isolated_parser --features isolate`. On standard error the other OS process says that its stack
//! has overflowed, and the supervisor that a child has terminated.
//!
//! ```text
//! [1, [2, 3]]: 3 numbers, 2 deep
//! [1, 2: the text ends too early
//! 1000000 brackets: its OS process was ended by signal 6 (SIGABRT)
//! [[[[4]]]]: 1 numbers, 4 deep
//! ```

use std::iter::Peekable;
use std::str::Chars;

use proscenium::isolate::{self, isolate};
use proscenium::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) enum Ask {
    Parse(String, Reply<Result<Summary, String>>),
}

/// What a text of numbers in brackets has in it.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Summary {
    numbers: u32,
    depth: u32,
}

pub(crate) struct Parser;

impl GenServer for Parser {
    type Args = ();
    type Message = Ask;

    async fn init(_args: (), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        Ok(Parser)
    }

    async fn handle(&mut self, message: Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        let Ask::Parse(text, reply) = message;
        reply.send(value(&mut text.chars().peekable()));
        Ok(())
    }
}

/// Reads a number, or values in brackets: each within is one call deeper.
fn value(text: &mut Peekable<Chars<'_>>) -> Result<Summary, String> {
    if text.next_if_eq(&'[').is_none() {
        return number(text);
    }
    let mut all = Summary::default();
    while text.next_if_eq(&']').is_none() {
        let Summary { numbers, depth } = value(text)?;
        all.numbers += numbers;
        all.depth = all.depth.max(depth);
        while text.next_if(|c| [',', ' '].contains(c)).is_some() {}
    }
    Ok(Summary { depth: all.depth + 1, ..all })
}

fn number(text: &mut Peekable<Chars<'_>>) -> Result<Summary, String> {
    match text.next() {
        Some(c) if c.is_ascii_digit() => {
            while text.next_if(char::is_ascii_digit).is_some() {}
            Ok(Summary { numbers: 1, depth: 0 })
        }
        Some(c) => Err(format!("{c:?} is no digit")),
        None => Err("the text ends too early".to_owned()),
    }
}

pub(crate) fn play(say: impl Fn(&str) + Send + 'static) -> Result<(), ExitReason> {
    let texts = ["[1, [2, 3]]".to_owned(), "[1, 2".to_owned(), "[".repeat(1_000_000), "[[[[4]]]]".to_owned()];
    System::new("reading").run(|mut ctx: Context<()>| async move {
        let start = isolate::<Parser>(()).name("parser").memory_limit(512 << 20);
        Supervisor::one_for_one().child(ChildSpec::new("parser", start)).start_link(&mut ctx).await?;
        for text in texts {
            let shown = if text.len() < 20 { text.clone() } else { format!("{} brackets", text.len()) };
            ctx.system().when_registered("parser").await;
            let parser: Address<Ask> = ctx.system().lookup("parser")?;
            match parser.call(|reply| Ask::Parse(text, reply)).await {
                Ok(Ok(Summary { numbers, depth })) => say(&format!("{shown}: {numbers} numbers, {depth} deep")),
                Ok(Err(error)) => say(&format!("{shown}: {error}")),
                Err(CallError::Down { reason, .. }) => say(&format!("{shown}: {reason}")),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })
}

fn main() -> Result<(), ExitReason> {
    isolate::init([isolate::server::<Parser>()]);
    play(|line| println!("{line}"))
}
